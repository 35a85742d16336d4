"""How a batch shows itself: bars on a terminal, plain lines on a pipe, events for programs, or only what went wrong.

Everything goes to stderr; stdout carries results only. Names are escaped before they are drawn.
"""

import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID
from rich.text import Text

from parakeet_cli.cli.progress import Summary, Totals, bytes_line, clock, progress_line
from parakeet_cli.display import display
from parakeet_cli.errors import EngineError

__all__ = ["EventLog", "Reporter", "forwarded_warnings", "make_reporter"]


class Reporter(Protocol):
    """Told what happens, by recording number; ``name`` is what the user called the input."""

    def downloading(self, model: str, done: int, total: int) -> None: ...
    def loading(self, model: str) -> None: ...
    def fetching(self, number: int, name: str, done: int, total: int | None) -> None: ...
    def started(self, number: int, name: str, duration: float | None, tracks: int, track: int) -> None: ...
    def progress(self, number: int, seconds: float) -> None: ...
    def finished(self, number: int, name: str, facts: Mapping[str, Any]) -> None: ...
    def failed(self, number: int | None, name: str, code: str, message: str) -> None: ...
    def skipped(self, name: str, reason: str) -> None: ...
    def warning(self, message: str) -> None: ...
    def summary(self, summary: Summary) -> None: ...
    def close(self) -> None: ...


def make_reporter(totals: Totals, files: int, *, quiet: bool, json_log: bool, terminal_is_shared: bool) -> Reporter:
    """Events for programs, lines when quiet or on a pipe or where others write too, bars on a terminal."""
    if json_log:
        return EventLog()
    if quiet or terminal_is_shared or not sys.stderr.isatty():
        return PlainReporter(totals, quiet)
    return RichReporter(totals, files)


class PlainReporter:
    """Lines for a pipe or a log file, progress at most every few seconds. ``quiet`` keeps only what went wrong."""

    interval = 5.0

    def __init__(self, totals: Totals, quiet: bool) -> None:
        self._totals = totals
        self._quiet = quiet
        self._began: float | None = None
        self._last = time.monotonic()

    def downloading(self, model: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last >= self.interval or done == total:
            self._last = now
            self._say(_download_line(model, done, total))

    def loading(self, model: str) -> None:
        self._say(f"Loading {display(model)} …")

    def fetching(self, number: int, name: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._last >= self.interval:
            self._last = now
            self._say(f"{display(name)}: {bytes_line(done, total)} fetched")

    def started(self, number: int, name: str, duration: float | None, tracks: int, track: int) -> None:
        if tracks > 1:
            self._say(f"{display(name)}: {tracks} tracks, using #{track}")

    def progress(self, number: int, seconds: float) -> None:
        now = time.monotonic()
        self._began = self._began or now
        if now - self._last >= self.interval:
            self._last = now
            self._say(progress_line(self._totals, now - self._began))

    def finished(self, number: int, name: str, facts: Mapping[str, Any]) -> None:
        if facts.get("warning"):
            self.warning(f"{name}: {facts['warning']}")
        pace = f", RTFx {facts['rtfx']:.1f}" if facts["rtfx"] else ""
        self._say(f"{display(name)}: done, {clock(facts['duration'])}{pace}")

    def failed(self, number: int | None, name: str, code: str, message: str) -> None:
        self._write(f"{display(name)}: failed ({code}): {display(message)}")

    def skipped(self, name: str, reason: str) -> None:
        self._say(f"{display(name)}: skipped, {display(reason)}")

    def warning(self, message: str) -> None:
        self._write(f"warning: {display(message)}")

    def summary(self, summary: Summary) -> None:
        if summary.failed or not self._quiet:
            self._write(summary.sentence())

    def close(self) -> None:
        return

    def _say(self, line: str) -> None:
        if not self._quiet:
            self._write(line)

    def _write(self, line: str) -> None:
        _tell(line)


class EventLog:
    """One JSON object a line, for programs; the event's name is in ``event``."""

    interval = 1.0

    def __init__(self) -> None:
        self._last: dict[int, float] = {}

    def downloading(self, model: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last.get(-1, 0.0) >= self.interval or done == total:
            self._last[-1] = now
            self._event("downloading", model=model, bytes=done, total=total)

    def loading(self, model: str) -> None:
        self._event("loading", model=model)

    def fetching(self, number: int, name: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._last.get(number, 0.0) >= self.interval:
            self._last[number] = now
            self._event("fetching", number=number, input=name, bytes=done, total=total)

    def started(self, number: int, name: str, duration: float | None, tracks: int, track: int) -> None:
        self._event("started", number=number, input=name, duration=duration, tracks=tracks, track=track)

    def progress(self, number: int, seconds: float) -> None:
        now = time.monotonic()
        if now - self._last.get(number, 0.0) >= self.interval:
            self._last[number] = now
            self._event("progress", number=number, seconds=round(seconds, 3))

    def finished(self, number: int, name: str, facts: Mapping[str, Any]) -> None:
        self._last.pop(number, None)
        self._event("finished", number=number, input=name, **facts)

    def failed(self, number: int | None, name: str, code: str, message: str) -> None:
        self._event("failed", number=number, input=name, code=code, message=message)

    def skipped(self, name: str, reason: str) -> None:
        self._event("skipped", input=name, reason=reason)

    def warning(self, message: str) -> None:
        self._event("warning", message=message)

    def summary(self, summary: Summary) -> None:
        self._event(
            "summary",
            done=summary.done,
            skipped=summary.skipped,
            failed=summary.failed,
            partial=summary.partial,
            audio_seconds=round(summary.audio_seconds, 3),
            wall_seconds=round(summary.wall_seconds, 3),
            rtfx=round(summary.rtfx, 2),
        )

    def close(self) -> None:
        return

    def ended_by(self, error: EngineError) -> None:
        """The last event of a run that could not go on."""
        self._event("error", code=error.code, message=str(error), exit_code=error.exit_code)

    def _event(self, kind: str, **facts: Any) -> None:
        text = json.dumps({"event": kind, **facts})  # ASCII only, so that no name can break a line or a reader
        _tell(text)


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
        self._bars.update(self._batch, description=_download_line(model, done, total))

    def loading(self, model: str) -> None:
        self._bars.update(self._batch, description=f"Loading {display(model)}")

    def fetching(self, number: int, name: str, done: int, total: int | None) -> None:
        if number not in self._of:
            self._of[number] = self._bars.add_task("", total=None, batch=False)
        self._bars.update(self._of[number], description=f"Fetching {bytes_line(done, total)}: {display(name)}")

    def started(self, number: int, name: str, duration: float | None, tracks: int, track: int) -> None:
        super().started(number, name, duration, tracks, track)
        self._forget(number)
        self._of[number] = self._bars.add_task(display(name), total=duration, batch=False, visible=self._files > 1)

    def progress(self, number: int, seconds: float) -> None:
        self._began = self._began or time.monotonic()
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
        pace = self._totals.done_seconds / max(time.monotonic() - self._began, 1e-3) if self._began else 0.0
        self._bars.update(
            self._batch,
            description=label,
            completed=self._totals.done_seconds,
            total=self._totals.seconds,
            pace=pace,
        )

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


class _LogHandler(logging.Handler):
    """Warnings of the library become warnings of the reporter."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.WARNING)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        self._reporter.warning(record.getMessage())


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


def _tell(line: str) -> None:
    """Nobody may be listening any more (``2>&1 | head``); the work goes on."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201 # this is the place that talks


def _download_line(model: str, done: int, total: int) -> str:
    return f"Downloading {display(model)}: {bytes_line(done, total)}"
