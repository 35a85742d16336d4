"""How a batch shows itself on a terminal: a bar for all of it, and one for each recording under way."""

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID
from rich.text import Text

from parakeet_cli.cli.progress import Totals, bytes_line, clock
from parakeet_cli.cli.reporters import PlainReporter, download_line
from parakeet_cli.display import display

__all__ = ["RichReporter"]


class RichReporter(PlainReporter):
    """Bars: one for the batch in seconds of audio, one for each recording under way."""

    def __init__(self, totals: Totals, files: int) -> None:
        super().__init__(totals, quiet=False)
        self._console = Console(stderr=True, highlight=False)
        self._bars = Progress(
            SpinnerColumn(),
            _Name(),
            BarColumn(bar_width=None),
            _Seconds(),
            _Pace(),
            console=self._console,
            expand=True,
        )
        self._files = files
        self._batch = self._bars.add_task("loading", total=None, batch=True)
        self._of: dict[int, TaskID] = {}
        self._bars.start()

    def downloading(self, model: str, done: int, total: int) -> None:
        self._bars.update(self._batch, description=download_line(model, done, total))

    def loading(self, model: str) -> None:
        self._bars.update(self._batch, description=f"Loading {display(model)}")

    def connected(self, server: str, model: str) -> None:
        self._bars.update(self._batch, description=f"{display(model)} at {server}")

    def fetching(self, number: int, name: str, done: int, total: int | None) -> None:
        self._move(number, f"Fetching {bytes_line(done, total)}: {display(name)}")

    def sending(self, number: int, name: str, done: int, total: int | None) -> None:
        self._move(number, f"Sending {bytes_line(done, total)}: {display(name)}")

    def started(
        self, number: int, name: str, duration: float | None, tracks: int | None, track: int | None, resumed_at: float
    ) -> None:
        super().started(number, name, duration, tracks, track, resumed_at)
        self._forget(number)
        self._of[number] = self._bars.add_task(
            display(name), total=duration, completed=int(resumed_at), batch=False, visible=self._files > 1
        )

    def progress(self, number: int, seconds: float) -> None:
        if number in self._of:
            self._bars.update(self._of[number], completed=seconds)
        self._draw_batch()

    def finished(self, number: int, name: str, facts: Mapping[str, Any]) -> None:
        self._forget(number)
        super().finished(number, name, facts)
        self._draw_batch()

    def failed(self, number: int | None, name: str, code: str, message: str) -> None:
        if number is not None:
            self._forget(number)
        super().failed(number, name, code, message)

    def close(self) -> None:
        self._bars.stop()

    def _draw_batch(self) -> None:
        finished = len(self._totals.finished)
        label = f"{finished}/{self._files} files" if self._files > 1 else "Transcribing"
        pace = self._totals.done_now / max(time.monotonic() - self._began, 1e-3) if self._began else 0.0
        self._bars.update(
            self._batch,
            description=label,
            completed=self._totals.done_seconds,
            total=self._totals.seconds,
            pace=pace,
        )

    def _move(self, number: int, description: str) -> None:
        if number not in self._of:
            self._of[number] = self._bars.add_task("", total=None, batch=False)
        self._bars.update(self._of[number], description=description)

    def _forget(self, number: int) -> None:
        if number in self._of:
            self._bars.remove_task(self._of.pop(number))

    def _write(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


class _Name(ProgressColumn):
    """Text, not markup: a file may be called ``[red]``."""

    def render(self, task: Task) -> Text:
        name = task.description if len(task.description) <= 40 else "…" + task.description[-39:]
        return Text(name, style="bold" if task.fields.get("batch") else "")


class _Seconds(ProgressColumn):
    def render(self, task: Task) -> Text:
        if task.total is None and not task.completed:
            return Text("")
        return Text(f"{clock(task.completed)} / {clock(task.total) if task.total else '?'}")


class _Pace(ProgressColumn):
    """RTFx and what is left of the batch at that pace."""

    def render(self, task: Task) -> Text:
        pace = task.fields.get("pace")
        if not pace:
            return Text("")
        left = f" · ETA {clock((task.total - task.completed) / pace)}" if task.total else ""
        return Text(f"RTFx {pace:.1f}{left}", style="cyan")
