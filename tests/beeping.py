"""``parakeet`` with the recognizer that hears beeps, as a process of its own: ``python -m tests.beeping transcribe …``.

``BEEP_SECONDS`` makes each batch take that long.
"""

import os
import time
from collections.abc import Sequence

from parakeet_cli.cli import batch_run
from parakeet_cli.cli.main import main
from parakeet_cli.settings import RecognizerSettings
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.recognizer import Frames
from tests.fakes import BeepRecognizer


class SlowBeepRecognizer(BeepRecognizer):
    def encode(self, chunks: Sequence[Chunk]) -> list[Frames]:
        time.sleep(float(os.environ.get("BEEP_SECONDS", "0")))
        return super().encode(chunks)


def load(_checkpoint: Checkpoint, _settings: RecognizerSettings) -> SlowBeepRecognizer:
    return SlowBeepRecognizer()


if __name__ == "__main__":
    setattr(batch_run, "load_recognizer", load)  # noqa: B010 # the one seam that tests may fake
    main()
