"""An engine's process with the recognizer that hears beeps: ``python -m tests.beeping_engine FD``.

Its faults are told by the environment. ``BEEP_SECONDS`` makes each batch take that long and ``BEEP_LOAD_SECONDS`` the
load. ``BEEP_FAULT`` is ``WHAT@N``, at the Nth batch (0: while it loads), WHAT being ``exit``, ``segv``, ``kill``,
``stop``, ``hang``, ``memory`` (short of it), ``model`` (is damaged), ``raise`` (a bug), ``warn`` or ``babble``. With
``BEEP_ONCE``, the path of a file, only the process that comes to make that file has the fault. ``BEEP_FEAR`` is a word
at whose sound the process ends, ``BEEP_DOUBT`` one of which it is never sure, and ``BEEP_DEAF`` the seconds, ``2-5``,
that it does not hear. ``BEEP_LOG`` names a file that gets the process's number as a line.
"""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from parakeet_cli.errors import EngineFailed, ModelCorrupt, RecognitionFailed
from parakeet_cli.settings import RecognizerSettings
from parakeet_cli.transcript import Token
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.engine.host import serve
from parakeet_cli.transcription.recognizer import DecoderState, Frames, Hypothesis, Row
from tests.fakes import BeepRecognizer

COMMAND = (sys.executable, "-m", "tests.beeping_engine")


class FaultyBeepRecognizer(BeepRecognizer):
    doubt = os.environ.get("BEEP_DOUBT")

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        time.sleep(float(os.environ.get("BEEP_SECONDS", "0")))
        try:
            encoded = super().encode(chunks, exactly=exactly)
        except RecognitionFailed:
            os._exit(7)  # it heard what it fears
        fail_at(len(self.batches))
        return encoded

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        decoded = super().decode(rows)
        return [(replace(said, tokens=tuple(map(self._doubted, said.tokens))), state) for said, state in decoded]

    def _doubted(self, token: Token) -> Token:
        return replace(token, logprob=-1.0) if token.text.strip() == self.doubt else token


def load(_checkpoint: Checkpoint, _settings: RecognizerSettings) -> FaultyBeepRecognizer:
    time.sleep(float(os.environ.get("BEEP_LOAD_SECONDS", "0")))
    fail_at(0)
    deaf = [span.split("-") for span in os.environ.get("BEEP_DEAF", "").split(",") if span]
    return FaultyBeepRecognizer(
        refuses=[word for word in [os.environ.get("BEEP_FEAR")] if word],
        deaf=[(float(start), float(end)) for start, end in deaf],
    )


def fail_at(batch: int) -> None:
    what, _, when = os.environ.get("BEEP_FAULT", "").partition("@")
    if not what or int(when) != batch:
        return
    if once := os.environ.get("BEEP_ONCE"):
        try:
            Path(once).touch(exist_ok=False)
        except FileExistsError:
            return
    match what:
        case "exit":
            os._exit(7)
        case "hang":
            time.sleep(1000)
        case "warn":
            logging.getLogger("parakeet_cli.tests").warning("Batches are half as large (so the test wants it).")
        case "memory":
            raise EngineFailed("The engine ran out of memory (so the test wants it).")
        case "model":
            raise ModelCorrupt("The weights cannot be read (so the test wants it).")
        case "babble":
            os.write(int(sys.argv[1]), b"\x00\x00\x00\x02{}")
        case "segv" | "kill" | "stop":
            os.kill(os.getpid(), getattr(signal, f"SIG{what.upper()}"))
        case _:
            raise AssertionError("a bug (so the test wants it)")


if __name__ == "__main__":
    if log := os.environ.get("BEEP_LOG"):
        with Path(log).open("a") as lines:
            lines.write(f"{os.getpid()}\n")
    serve(socket.socket(fileno=int(sys.argv[1])), load)
