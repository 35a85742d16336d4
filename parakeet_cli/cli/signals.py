"""Ctrl-C and its relatives: the first asks the work to stop, the second ends the process."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from parakeet_cli.transcription.media.ffmpeg_process import end_all

__all__ = ["Interruption", "interruptible"]

_SHOW_CURSOR = b"\x1b[?25h"
"""Progress bars hide it."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """``signum`` is the first signal that came, or None."""

    def __init__(self) -> None:
        self.signum: int | None = None

    @property
    def exit_code(self) -> int | None:
        """128 + signal, as a shell reports it: 130 for Ctrl-C; SIGHUP counts as SIGTERM, 143."""
        if self.signum is None:
            return None
        return 128 + (signal.SIGTERM if self.signum == signal.SIGHUP else self.signum)


@contextmanager
def interruptible(stop: Callable[[], None], leave: Callable[[], None] = end_all) -> Iterator[Interruption]:
    """Within, a signal calls ``stop``; one more ``leave``, and ends the process. Both must be safe in a handler."""
    interruption = Interruption()

    def handle(signum: int, _frame: FrameType | None) -> None:
        if interruption.signum is not None:
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), _SHOW_CURSOR)
            leave()
            os._exit(interruption.exit_code or 1)
        interruption.signum = signum
        stop()

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
