"""What is known of a batch under way: how far it is, how fast, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from parakeet_cli.display import display

__all__ = ["Summary", "Totals", "bytes_line", "clock", "gaps_phrase", "position", "progress_line"]


@dataclass(slots=True)
class Summary:
    """What the last line says. Seconds."""

    done: int = 0
    skipped: int = 0
    failed: int = 0
    partial: int = 0
    gaps: int = 0
    gap_seconds: float = 0.0
    first_gap: str | None = None
    """Where: a name and a time."""
    audio_seconds: float = 0.0
    earlier_seconds: float = 0.0
    """Of the audio, what an earlier run did."""
    wall_seconds: float = 0.0

    def add_gaps(self, name: str, count: int, seconds: float, first: float | None = None) -> None:
        """Of one input; ``first`` is where its first one begins, if that is known."""
        if count and self.first_gap is None:
            self.first_gap = name if first is None else f"{name} {position(first)}"
        self.gaps += count
        self.gap_seconds += seconds

    @property
    def rtfx(self) -> float:
        return (self.audio_seconds - self.earlier_seconds) / self.wall_seconds if self.wall_seconds else 0.0

    def sentence(self) -> str:
        counts = [f"{self.done} ok", f"{self.failed} failed", f"{self.skipped} skipped"]
        if self.partial:
            counts.insert(1, f"{self.partial} of them partial")
        line = ", ".join(counts)
        if self.gaps:
            more = " …" if self.gaps > 1 else ""
            line += f" · {gaps_phrase(self.gaps, self.gap_seconds)} ({display(self.first_gap or '')}{more})"
        if self.audio_seconds:
            line += f" · {clock(self.audio_seconds)} of audio in {clock(self.wall_seconds)} · RTFx {self.rtfx:.1f}"
        return line


@dataclass(slots=True)
class Totals:
    """Seconds of audio in the batch: known once a file is open, estimated from its size before that."""

    sizes: Mapping[int, int]
    durations: dict[int, float] = field(default_factory=dict)
    heard: dict[int, float] = field(default_factory=dict)
    finished: set[int] = field(default_factory=set)
    excluded: set[int] = field(default_factory=set)
    before: dict[int, float] = field(default_factory=dict)
    """What earlier runs have done."""

    @property
    def done_seconds(self) -> float:
        return sum(self.heard.values())

    @property
    def done_now(self) -> float:
        """Without what earlier runs have done, for the pace."""
        return self.done_seconds - sum(self.before.values())

    @property
    def seconds(self) -> float | None:
        """None until the first duration is known."""
        known = sum(self.sizes.get(number, 0) for number in self.durations)
        if not known:
            return None
        total = sum(self.durations.values())
        settled = self.durations.keys() | self.excluded
        left = sum(size for number, size in self.sizes.items() if number not in settled)
        return total + left * (total / known)

    def resumed(self, number: int, seconds: float) -> None:
        if seconds:
            self.before[number] = self.heard[number] = seconds

    def ended(self, number: int, seconds: float) -> None:
        self.durations[number] = self.heard[number] = seconds
        self.finished.add(number)

    def left_out(self, number: int) -> None:
        """Neither its size nor its length says anything of the others."""
        for known in (self.durations, self.heard, self.before):
            known.pop(number, None)
        self.excluded.add(number)
        self.finished.add(number)


def progress_line(totals: Totals, elapsed: float) -> str:
    """``12:03 of about 1:00:00 (20 %), RTFx 15.2, ETA 3:09``."""
    done, total = totals.done_seconds, totals.seconds
    pace = totals.done_now / elapsed if elapsed > 0 else 0.0
    if not total or not pace:
        return f"{clock(done)} transcribed"
    share = min(done / total, 1.0)
    return f"{clock(done)} of {clock(total)} ({share:.0%}), RTFx {pace:.1f}, ETA {clock(max(total - done, 0.0) / pace)}"


def bytes_line(done: int, total: int | None) -> str:
    return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else f"{done / 1e6:.0f} MB"


def gaps_phrase(count: int, seconds: float) -> str:
    """``2 gaps, 7.4 s``."""
    return f"{count} gap{'s' * (count != 1)}, {seconds:.1f} s"


def position(seconds: float) -> str:
    """``00:12:03``, as players show it."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}"


def clock(seconds: float) -> str:
    """``0:09``, ``12:03``, ``1:02:03``."""
    whole = int(max(seconds, 0.0) + 0.5)
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"
