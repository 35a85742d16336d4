"""The accuracy report: what it holds, and its Markdown and JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.scoring import Difference, Score, TimesAgreement

__all__ = ["Change", "Report", "Row", "to_json", "to_markdown"]


@dataclass(frozen=True, slots=True)
class Row:
    """One way of decoding: its score, the words near its cuts, and its times against one pass."""

    way: str
    score: Score
    near_cuts: Difference | None = None
    lost_or_added_near_cuts: Difference | None = None
    times: TimesAgreement | None = None
    times_written_alike: TimesAgreement | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The share of words that differ between two decodings; ``as_written``: with punctuation and capitals."""

    between: str
    words: float
    as_written: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything measured. ``whole``: of the recording; ``excerpts``: of its excerpts taken together."""

    command: str
    seconds: float
    excerpt_seconds: float
    whole: tuple[Row, ...]
    excerpts: tuple[Row, ...]
    changes: tuple[Change, ...]


def to_markdown(report: Report) -> str:
    """Write the report as Markdown tables."""
    lines = [f"`{report.command}`", "", f"A recording of {report.seconds / 60:.0f} minutes:", ""]
    lines += _rows_table(report.whole)
    lines += ["", f"Excerpts of at most {report.excerpt_seconds / 60:.0f} minutes of it:", ""]
    lines += [*_rows_table(report.excerpts), "", *_times_table(report.excerpts)]
    lines += ["", "| between | words that change | with punctuation and capitals |", "|---|---|---|"]
    lines += [f"| {c.between} | {c.words:.2%} | {c.as_written:.2%} |" for c in report.changes]
    return "\n".join(lines) + "\n"


def to_json(report: Report) -> dict[str, Any]:
    """The report as plain values, with the rates that its counts give."""
    content = asdict(report)
    for rows, plain_rows in ((report.whole, content["whole"]), (report.excerpts, content["excerpts"])):
        for row, plain in zip(rows, plain_rows, strict=True):
            plain["score"]["error_rate"] = row.score.error_rate
    return content


def _rows_table(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| way | words | WER | against the first | replaced, lost, added "
        "| wrong within 1 s of a cut | wrong elsewhere | difference, 95 % interval | p "
        "| lost or added within 1 s of a cut | elsewhere | difference, 95 % interval | p |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        counts = row.score
        change = counts.error_rate - rows[0].score.error_rate
        cells = [
            row.way,
            str(counts.words),
            f"{counts.error_rate:.2%}",
            "" if row is rows[0] else f"{100 * change:+.2f} points",
            f"{counts.substitutions}, {counts.deletions}, {counts.insertions}",
            *_difference_cells(row.near_cuts),
            *_difference_cells(row.lost_or_added_near_cuts),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _times_table(rows: Sequence[Row]) -> list[str]:
    lines = ["| within one frame of one pass | words | starts | ends | both |", "|---|---|---|---|---|"]
    for row in rows:
        for name, times in ((row.way, row.times), (f"{row.way}, words written alike", row.times_written_alike)):
            if times is not None:
                shares = [f"{count / max(times.words, 1):.2%}" for count in (times.starts, times.ends, times.both)]
                lines.append(f"| {name} | {times.words} | {' | '.join(shares)} |")
    return lines


def _difference_cells(difference: Difference | None) -> list[str]:
    if difference is None:
        return ["", "", "", ""]
    shares = [f"{count} of {total}" for count, total in (difference.first, difference.second)]
    interval = f"{100 * difference.low:+.2f} … {100 * difference.high:+.2f} points"
    return [*shares, interval, f"{difference.p_value:.2f}"]
