"""``parakeet`` with the recognizer that hears beeps, as a process of its own: ``python -m tests.beeping transcribe …``.

``BEEP_SECONDS`` makes each batch take that long. ``BEEP_LOG`` names a file that gets one line for each chunk that is
encoded: the recording's number, the second from which the chunk is decoded, and the seconds that it hears.
``BEEP_SWALLOWS`` and ``BEEP_DEAF`` are stretches in seconds, ``2-5,10-12``, that it does not hear (``fakes`` says how).

With ``BEEP_CARD`` there seems to be a card. Where the engine is isolated its process is ``beeping_engine``, which has
variables of its own, and a batch that takes longer than ``BEEP_HANG_SECONDS`` hangs.
"""

import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from parakeet_cli.cli import eval_run, local_workplace
from parakeet_cli.cli.main import main
from parakeet_cli.settings import SAMPLE_RATE, LifecycleSettings, RecognizerSettings, TranscriptionSettings
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.engine import StartEngine
from parakeet_cli.transcription.engine.process import EngineProcess
from parakeet_cli.transcription.recognizer import Frames
from tests import beeping_engine
from tests.fakes import BeepRecognizer


class SlowBeepRecognizer(BeepRecognizer):
    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        time.sleep(float(os.environ.get("BEEP_SECONDS", "0")))
        if log := os.environ.get("BEEP_LOG"):
            with Path(log).open("a") as lines:
                for chunk in chunks:
                    begin, heard = chunk.span.owned_from / SAMPLE_RATE, len(chunk.samples) / SAMPLE_RATE
                    lines.write(f"{chunk.recording} {begin:g} {heard:g}\n")
        return super().encode(chunks, exactly=exactly)


def load(_checkpoint: Checkpoint, _settings: RecognizerSettings) -> SlowBeepRecognizer:
    return SlowBeepRecognizer(swallows=_seconds("BEEP_SWALLOWS"), deaf=_seconds("BEEP_DEAF"))


def engine_starter(checkpoint: Checkpoint, settings: TranscriptionSettings) -> StartEngine:
    limits = LifecycleSettings(hang_seconds=float(os.environ.get("BEEP_HANG_SECONDS", "60")))
    command = beeping_engine.COMMAND
    return partial(EngineProcess, checkpoint=checkpoint, settings=settings, lifecycle=limits, command=command)


def _seconds(variable: str) -> list[tuple[float, float]]:
    """``2-5,10-12``."""
    spans = [span.split("-") for span in os.environ.get(variable, "").split(",") if span]
    return [(float(start), float(end)) for start, end in spans]


if __name__ == "__main__":
    for module in (eval_run, local_workplace):
        setattr(module, "load_recognizer", load)  # noqa: B010 # the one seam that tests may fake
    local_workplace.engine_starter = engine_starter
    local_workplace.has_card = lambda: "BEEP_CARD" in os.environ  # whatever machine the tests run on
    main()
