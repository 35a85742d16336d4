"""How a batch tells what happens in text: plain lines on a pipe, or one event a line for programs.

Everything goes to stderr; stdout carries results only. Names are escaped before they are written.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from parakeet_cli.batch.files import translated
from parakeet_cli.cli.progress import Summary, Totals, bytes_line, clock, gaps_phrase, position, progress_line
from parakeet_cli.display import display
from parakeet_cli.errors import EngineError, OutputUnwritable
from parakeet_cli.transcript import Partial
from parakeet_cli.transcription.events import Finished

__all__ = ["EventLog", "PlainReporter", "Reporter", "download_line", "finished_facts", "print_result", "tell"]

_GAPS_SHOWN = 3


class Reporter(Protocol):
    """Told what happens, by recording number; ``name`` is what the user called the input."""

    def downloading(self, model: str, done: int, total: int) -> None: ...
    def loading(self, model: str) -> None: ...
    def connected(self, server: str, model: str) -> None: ...
    def fetching(self, number: int, name: str, done: int, total: int | None) -> None: ...
    def sending(self, number: int, name: str, done: int, total: int | None) -> None: ...
    def started(
        self, number: int, name: str, duration: float | None, tracks: int | None, track: int | None, resumed_at: float
    ) -> None: ...
    def progress(self, number: int, seconds: float) -> None: ...
    def finished(self, number: int, name: str, facts: Mapping[str, Any]) -> None: ...
    def failed(self, number: int | None, name: str, code: str, message: str) -> None: ...
    def skipped(self, name: str, reason: str) -> None: ...
    def warning(self, message: str) -> None: ...
    def summary(self, summary: Summary) -> None: ...
    def close(self) -> None: ...


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
            self._say(download_line(model, done, total))

    def loading(self, model: str) -> None:
        self._say(f"Loading {display(model)} …")

    def connected(self, server: str, model: str) -> None:
        self._say(f"{display(model)} at {server} transcribes …")

    def fetching(self, number: int, name: str, done: int, total: int | None) -> None:
        self._moves(name, done, total, "fetched")

    def sending(self, number: int, name: str, done: int, total: int | None) -> None:
        self._moves(name, done, total, "sent")

    def started(
        self, number: int, name: str, duration: float | None, tracks: int | None, track: int | None, resumed_at: float
    ) -> None:
        self._began = self._began or time.monotonic()
        if tracks and tracks > 1:
            self._say(f"{display(name)}: {tracks} tracks, using #{track}")
        if resumed_at:
            self._say(f"{display(name)}: going on at {position(resumed_at)}, where an earlier run stopped")

    def progress(self, number: int, seconds: float) -> None:
        now = time.monotonic()
        if self._began is not None and now - self._last >= self.interval:
            self._last = now
            self._say(progress_line(self._totals, now - self._began))

    def finished(self, number: int, name: str, facts: Mapping[str, Any]) -> None:
        if facts.get("warning"):
            self.warning(f"{name}: {facts['warning']}")
        pace = f", RTFx {facts['rtfx']:.1f}" if facts["rtfx"] else ""
        gaps = facts["gaps"]
        seconds = sum(gap["end"] - gap["start"] for gap in gaps)
        empty = f", {gaps_phrase(len(gaps), seconds)} without words ({_gap_list(gaps)})" if gaps else ""
        self._say(f"{display(name)}: done, {clock(facts['duration'])}{pace}{empty}")

    def failed(self, number: int | None, name: str, code: str, message: str) -> None:
        self._write(f"{display(name)}: failed ({code}): {display(message)}")

    def skipped(self, name: str, reason: str) -> None:
        self._say(f"{display(name)}: skipped, {display(reason)}")

    def warning(self, message: str) -> None:
        self._write(f"warning: {display(message)}")

    def summary(self, summary: Summary) -> None:
        if summary.failed or summary.gaps or summary.partial or not self._quiet:
            self._write(summary.sentence())

    def close(self) -> None:
        return

    def _moves(self, name: str, done: int, total: int | None, how: str) -> None:
        now = time.monotonic()
        if now - self._last >= self.interval:
            self._last = now
            self._say(f"{display(name)}: {bytes_line(done, total)} {how}")

    def _say(self, line: str) -> None:
        if not self._quiet:
            self._write(line)

    def _write(self, line: str) -> None:
        tell(line)


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

    def connected(self, server: str, model: str) -> None:
        self._event("connected", server=server, model=model)

    def fetching(self, number: int, name: str, done: int, total: int | None) -> None:
        self._moves("fetching", number, name, done, total)

    def sending(self, number: int, name: str, done: int, total: int | None) -> None:
        self._moves("sending", number, name, done, total)

    def started(
        self, number: int, name: str, duration: float | None, tracks: int | None, track: int | None, resumed_at: float
    ) -> None:
        facts = {"duration": duration, "tracks": tracks, "track": track, "resumed_at": resumed_at}
        self._event("started", number=number, input=name, **facts)

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
            gaps=summary.gaps,
            gap_seconds=round(summary.gap_seconds, 3),
            audio_seconds=round(summary.audio_seconds, 3),
            wall_seconds=round(summary.wall_seconds, 3),
            rtfx=round(summary.rtfx, 2),
        )

    def close(self) -> None:
        return

    def ended_by(self, error: EngineError) -> None:
        """The last event of a run that could not go on."""
        self._event("error", code=error.code, message=str(error), exit_code=error.exit_code)

    def _moves(self, kind: str, number: int, name: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._last.get(number, 0.0) >= self.interval:
            self._last[number] = now
            self._event(kind, number=number, input=name, bytes=done, total=total)

    def _event(self, kind: str, **facts: Any) -> None:
        text = json.dumps({"event": kind, **facts})  # ASCII only, so that no name can break a line or a reader
        tell(text)


def tell(line: str) -> None:
    """Whole, although several threads tell. Nobody may be listening any more (``2>&1 | head``); the work goes on."""
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")  # print would write the line's end by itself
        sys.stderr.flush()


def print_result(text: str) -> None:
    """What was asked for, on stdout.

    Raises ``BrokenPipeError`` once its reader has left, else ``DiskFull`` or ``OutputUnwritable``.
    """
    if sys.stdout is None:
        raise OutputUnwritable("Standard output is closed; leave it open, or write to files.")
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise translated(error, Path("standard output")) from error


def finished_facts(event: Finished) -> dict[str, Any]:
    """What is told of a transcript; seconds."""
    transcript = event.transcript
    spent = event.recognition_seconds
    return {
        "duration": transcript.duration,
        "rtfx": round(transcript.duration / spent, 2) if spent else None,
        "words": len(transcript.words),
        "gaps": [{"start": gap.start, "end": gap.end, "reason": gap.reason} for gap in transcript.gaps],
        "skipped_seconds": sum(silence.end - silence.start for silence in transcript.skipped),
        "warning": _damage(transcript.partial) if transcript.partial else None,
    }


def _damage(partial: Partial) -> str:
    expected = f" of {partial.expected_seconds:.1f}" if partial.expected_seconds else ""
    errors = f", {partial.decode_errors} decoding errors" if partial.decode_errors else ""
    return f"the media is damaged: {partial.decoded_seconds:.1f}{expected} s could be decoded{errors}"


def _gap_list(gaps: Sequence[Mapping[str, Any]]) -> str:
    """Where the first three are, and why."""
    shown = [f"{gap['reason']} at {position(gap['start'])}" for gap in gaps[:_GAPS_SHOWN]]
    return ", ".join(shown) + " …" * (len(gaps) > _GAPS_SHOWN)


def download_line(model: str, done: int, total: int) -> str:
    return f"Downloading {display(model)}: {bytes_line(done, total)}"
