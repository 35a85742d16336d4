"""A bar for a checkpoint that is being downloaded."""

import time
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from parakeet_cli.display import display

__all__ = ["DownloadBar"]

SECONDS_BETWEEN_LINES = 5.0
"""Of progress, where stderr is no terminal."""


class DownloadBar:
    """A ``Watcher`` that draws on stderr; where nobody looks, it writes a line every few seconds instead."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._console = Console(stderr=True)
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._task = self._progress.add_task(name, visible=False, total=None)
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def waits(self, path: Path) -> None:
        self._say(f"Another process is downloading {path.name}; waiting for it.")

    def advances(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total, visible=True)
        if not self._console.is_terminal and time.monotonic() - self._told > SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            self._say(f"Downloading {self._name}: {decimal(done)} of {decimal(total)}")

    def _say(self, line: str) -> None:
        self._console.print(display(line), markup=False, highlight=False, soft_wrap=True)
