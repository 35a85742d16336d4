"""A report as a table for people."""

import shutil
import sys
from collections.abc import Iterator
from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from parakeet_cli.cli.progress import clock
from parakeet_cli.evaluation.comparison import FEWEST_FILES, Difference
from parakeet_cli.evaluation.normalization import Normalizer
from parakeet_cli.evaluation.report import Report, SideResult
from parakeet_cli.evaluation.scoring import Score, TimeErrors, WordTimes

__all__ = ["table_text"]

_MOST_ROWS = 20
_PIPE_WIDTH = 160
_NARROWEST_NAME = 12
_UNKNOWN = "–"
_SIDES = "AB"


def table_text(report: Report, *, per_file: bool) -> str:
    """The files if they are few or asked for, the totals, and what the columns mean; as wide as the terminal."""
    is_terminal = sys.stdout.isatty()
    out = StringIO()
    width = shutil.get_terminal_size().columns if is_terminal else _PIPE_WIDTH
    console = Console(file=out, force_terminal=is_terminal, width=width, highlight=False)
    shows_files = per_file or len(report.sides[0].files) <= _MOST_ROWS
    if len(report.sides) == 1:
        console.print(_one_side(report, shows_files))
    else:
        if shows_files:
            console.print(_files_compared(report))
        for name, side in zip(_SIDES, report.sides, strict=True):
            console.print(Text(f"{name}: {side.label}"), soft_wrap=True)
        console.print(_sides_compared(report))
    for line in _notes(report):
        console.print(Text(line), soft_wrap=True)
    return out.getvalue()


def _one_side(report: Report, shows_files: bool) -> Table:
    (side,) = report.sides
    has_times = side.total.times is not None
    table = _table("file", *_score_columns(report, has_times))
    if shows_files:
        for file in side.files:
            table.add_row(Text(file.name), *_score_cells(file.score, has_times))
        table.add_section()
    files = f"{len(side.files)} file{'' if len(side.files) == 1 else 's'}"
    table.add_row(Text(f"{side.label}: {files}"), *_score_cells(side.total, has_times), style="bold")
    return table


def _files_compared(report: Report) -> Table:
    first, second = report.sides
    table = _table("file", _unit(report), *(f"{_rate_name(report)} {name}" for name in _SIDES), "B − A")
    for a, b in zip(first.files, second.files, strict=True):
        rates = (a.score.errors.rate, b.score.errors.rate)
        table.add_row(Text(a.name), str(a.score.errors.words), *map(_percent, rates), _points(_less(*rates)))
    return table


def _sides_compared(report: Report) -> Table:
    has_times = any(side.total.times for side in report.sides)
    table = _table("side", *_score_columns(report, has_times))
    for name, side in zip(_SIDES, report.sides, strict=True):
        table.add_row(name, *_score_cells(side.total, has_times), style="bold")
    first, second = (side.total for side in report.sides)
    edits = ("substitutions", "deletions", "insertions")
    differences = [getattr(second.errors, name) - getattr(first.errors, name) for name in edits]
    pace = f"× {second.rtfx / first.rtfx:.2f}" if first.rtfx and second.rtfx else _UNKNOWN
    table.add_row(
        "B − A",
        "",
        _points(_less(first.errors.rate, second.errors.rate)),
        *(f"{value:+d}" if value else "0" for value in differences),
        *(("",) if has_times else ()),
        f"{second.gaps - first.gaps:+d}" if second.gaps != first.gaps else "0",
        "",
        pace,
    )
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column(first, overflow="fold", min_width=_NARROWEST_NAME)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _score_columns(report: Report, has_times: bool) -> tuple[str, ...]:
    times = ("start ms",) if has_times else ()
    return (_unit(report), _rate_name(report), "sub", "del", "ins", *times, "gaps", "audio", "RTFx")


def _score_cells(score: Score, has_times: bool) -> tuple[str, ...]:
    errors = score.errors
    edits = map(str, (errors.substitutions, errors.deletions, errors.insertions))
    times = (_start_cell(score.times),) if has_times else ()
    gaps = f"{score.gaps} ({score.gap_seconds:.1f} s)" if score.gaps else "0"
    pace = f"{score.rtfx:.1f}" if score.rtfx else _UNKNOWN
    return (str(errors.words), _percent(errors.rate), *edits, *times, gaps, clock(score.audio_seconds), pace)


def _start_cell(times: WordTimes | None) -> str:
    if times is None or not times.starts.seconds:
        return _UNKNOWN
    return f"{_milliseconds(times.starts.median)} / {_milliseconds(times.starts.p90)}"


def _notes(report: Report) -> Iterator[str]:
    yield f"Normaliser: {report.normalizer}. {_rate_name(report)} is (sub + del + ins) / {_unit(report)}."
    if any(side.total.times for side in report.sides):
        yield "start ms: median / 90th percentile of how far words heard right are from their true start."
    for name, side in zip(_SIDES, report.sides, strict=False):
        prefix = f"{name}: " if len(report.sides) > 1 else ""
        yield from (prefix + note for note in _side_notes(side))
    if report.difference:
        yield _verdict(report.difference, _rate_name(report))


def _side_notes(side: SideResult) -> Iterator[str]:
    times = side.total.times
    if times:
        yield f"{times.lost} of {times.words} timed words lost, {times.lost_in_gaps} of them in reported gaps."
    if times and times.starts.seconds:
        yield f"Starts {_time_note(times.starts)}; ends {_time_note(times.ends)}."
    partial = sum(file.transcript.partial is not None for file in side.files)
    if partial:
        yield f"{partial} damaged: what could not be decoded counts as lost."
    yield (
        f"{clock(side.total.audio_seconds)} of audio in {_duration(side.wall_seconds)}, loading and warm-up left out; "
        "RTFx counts the recognizer alone."
    )


def _verdict(difference: Difference, rate: str) -> str:
    if difference.rate is None:
        return "Without reference words there is nothing to compare."
    change = f"B − A: {_points(difference.rate)} points of {rate}"
    if difference.interval is None:
        needed = f"{FEWEST_FILES} files with words are needed to tell it from chance"
        return f"{change}; {needed}, here are {difference.with_words}."
    interval = difference.interval
    return (
        f"{change}, 95 % interval {_points(interval.low)} … {_points(interval.high)}; B has fewer errors in "
        f"{interval.improved:.1%} of the samples (paired bootstrap over {difference.files} files, Bisani & Ney 2004)."
    )


def _duration(seconds: float) -> str:
    return clock(seconds) if seconds >= 60 else f"{seconds:.1f} s"


def _unit(report: Report) -> str:
    return "characters" if report.normalizer is Normalizer.CHARACTERS else "words"


def _rate_name(report: Report) -> str:
    return "CER" if report.normalizer is Normalizer.CHARACTERS else "WER"


def _percent(rate: float | None) -> str:
    return _UNKNOWN if rate is None else f"{rate:.2%}"


def _points(rate: float | None) -> str:
    return _UNKNOWN if rate is None else f"{rate * 100:+.2f}"


def _less(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else second - first


def _time_note(errors: TimeErrors) -> str:
    bias = errors.bias or 0.0
    return (
        f"{_milliseconds(errors.median)} ms off in the median, {_milliseconds(errors.p90)} in the 90th percentile, "
        f"{errors.near or 0.0:.1%} within 80, {_milliseconds(abs(bias))} {'late' if bias > 0 else 'early'} on the whole"
    )


def _milliseconds(seconds: float | None) -> str:
    return _UNKNOWN if seconds is None else f"{seconds * 1000:.0f}"
