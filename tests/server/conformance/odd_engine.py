"""An engine's process for the conformance cases: ``python -m tests.server.conformance.odd_engine FD``.

It hears beeps and writes them in many scripts, and refuses ``nine``. ``BEEP_SECONDS`` makes each batch take that long.
"""

import os
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from parakeet_cli.settings import RecognizerSettings
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.engine.host import serve
from parakeet_cli.transcription.recognizer import DecoderState, Frames, Hypothesis, Row
from tests.fakes import BeepRecognizer

COMMAND = (sys.executable, "-m", "tests.server.conformance.odd_engine")
REFUSED = "nine"
WRITTEN = {
    "one": "één",
    "two": "два",
    "three": "三",
    "four": "أربعة",
    "five": "🖐🏽",
    "six": '"<6>"',
    "seven": "a\u2028b",
}


class OddRecognizer(BeepRecognizer):
    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        time.sleep(float(os.environ.get("BEEP_SECONDS", "0")))
        return super().encode(chunks, exactly=exactly)

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        return [(_written(hypothesis), state) for hypothesis, state in super().decode(rows)]


def load(_checkpoint: Checkpoint, _settings: RecognizerSettings) -> OddRecognizer:
    return OddRecognizer(refuses=[REFUSED])


def _written(hypothesis: Hypothesis) -> Hypothesis:
    heard = ((token, token.text.strip()) for token in hypothesis.tokens)
    return replace(
        hypothesis, tokens=tuple(replace(token, text=f" {WRITTEN.get(word, word)}") for token, word in heard)
    )


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), load)
