"""Which reporter a run gets, and how the library's warnings and downloads reach it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parakeet_cli.cli.progress import Totals
from parakeet_cli.cli.reporters import EventLog, PlainReporter, Reporter

__all__ = ["DownloadWatcher", "forwarded_warnings", "make_reporter"]


def make_reporter(totals: Totals, files: int, *, quiet: bool, json_log: bool, terminal_is_shared: bool) -> Reporter:
    """Events for programs, lines when quiet or on a pipe or where others write too, bars on a terminal."""
    if json_log:
        return EventLog()
    if quiet or terminal_is_shared or not sys.stderr.isatty():
        return PlainReporter(totals, quiet)
    from parakeet_cli.cli.bars import RichReporter  # late, as no other reporter needs rich

    return RichReporter(totals, files)


class DownloadWatcher:
    """Told by a download, tells the reporter."""

    def __init__(self, reporter: Reporter, model: str) -> None:
        self._reporter = reporter
        self._model = model

    def waits(self, path: Path) -> None:
        self._reporter.warning(f"Another process is downloading {path.name}; waiting for it.")

    def advances(self, done: int, total: int) -> None:
        self._reporter.downloading(self._model, done, total)


@contextmanager
def forwarded_warnings(reporter: Reporter) -> Iterator[None]:
    """Within, what the library logs as a warning is told by ``reporter``."""
    handler = _LogHandler(reporter)
    logger = logging.getLogger("parakeet_cli")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True


class _LogHandler(logging.Handler):
    """Warnings of the library become warnings of the reporter; what an engine's process said last is left out."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.WARNING)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        self._reporter.warning(record.getMessage().partition("\n")[0])
