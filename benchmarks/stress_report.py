"""The report on the stress set: its Markdown tables, a row a kind and a column a way, and its JSON."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.losses import Findings
from benchmarks.scoring import Score

__all__ = ["Report", "Result", "to_json", "to_markdown"]


@dataclass(frozen=True, slots=True)
class Result:
    """One recording, decoded in one way."""

    way: str
    kind: str
    name: str
    findings: Findings


@dataclass(frozen=True, slots=True)
class Report:
    """``seconds`` of recordings; ``wall_seconds`` that each way took, where it was decoded in this run.

    ``measures``: the ways that all are held against, first the one that says what is lost.
    """

    command: str
    seconds: float
    results: tuple[Result, ...]
    wall_seconds: Mapping[str, float]
    measures: tuple[str, ...]

    @property
    def ways(self) -> list[str]:
        """Without the measures."""
        return [way for way in dict.fromkeys(result.way for result in self.results) if way not in self.measures]


@dataclass(frozen=True, slots=True)
class _Total:
    score: Score
    silent: int
    firm: int
    reported: int
    doubled: int


def to_markdown(report: Report) -> str:
    """Three tables: what is lost silently and doubled, what of it is no chance, and all errors."""
    lines = [f"`{report.command}`", "", f"{report.seconds / 3600:.2f} hours of recordings.", ""]
    lines += ["Words lost silently / doubled (in parentheses: lost inside a reported gap):", ""]
    lines += _table(report.results, report.ways, _losses_cell)
    lines += ["", "Words lost silently, of which firmly: whatever silence is around an utterance, it has them.", ""]
    lines += _table(report.results, [*report.measures[1:], *report.ways], _firm_cell)
    errors = _table(report.results, [*report.measures, *report.ways], _errors_cell)
    lines += ["", "Words replaced, lost, added:", "", *errors]
    taken = [f"{way} {seconds:.0f} s" for way, seconds in report.wall_seconds.items()]
    return "\n".join([*lines, "", f"Wall time, loading included: {', '.join(taken)}."]) + "\n"


def to_json(report: Report) -> dict[str, Any]:
    """Totals of each kind and way, and everything that was lost or doubled."""
    kinds = list(dict.fromkeys(result.kind for result in report.results))
    ways = list(dict.fromkeys(result.way for result in report.results))
    return {
        "command": report.command,
        "seconds": report.seconds,
        "wall_seconds": dict(report.wall_seconds),
        "totals": [
            {"kind": kind, "way": way, **asdict(_total(_of(report.results, kind, way)))}
            for kind in kinds
            for way in ways
        ],
        **{name: _listed(report.results, name) for name in ("silent", "firm", "reported", "doubled")},
    }


def _listed(results: Iterable[Result], name: str) -> list[dict[str, Any]]:
    return [
        {"way": result.way, "file": result.name, **asdict(item)}
        for result in results
        for item in getattr(result.findings, name)
    ]


def _table(results: Sequence[Result], ways: Sequence[str], cell: Callable[[_Total], str]) -> list[str]:
    kinds = list(dict.fromkeys(result.kind for result in results))
    lines = [f"| kind | words | {' | '.join(ways)} |", f"|---|---|{'---|' * len(ways)}"]
    for kind in kinds:
        totals = [_total(_of(results, kind, way)) for way in ways]
        lines.append(f"| {kind} | {totals[0].score.words:,} | {' | '.join(map(cell, totals))} |")
    totals = [_total(result for result in results if result.way == way) for way in ways]
    return [*lines, f"| **all** | {totals[0].score.words:,} | {' | '.join(map(cell, totals))} |"]


def _losses_cell(total: _Total) -> str:
    reported = f" ({total.reported:,})" if total.reported else ""
    return f"{total.silent:,} / {total.doubled:,}{reported}"


def _firm_cell(total: _Total) -> str:
    return f"{total.silent:,}, {total.firm:,}"


def _errors_cell(total: _Total) -> str:
    counts = total.score
    return f"{counts.substitutions:,}, {counts.deletions:,}, {counts.insertions:,} ({counts.error_rate:.2%})"


def _of(results: Iterable[Result], kind: str, way: str) -> list[Result]:
    return [result for result in results if result.kind == kind and result.way == way]


def _total(results: Iterable[Result]) -> _Total:
    findings = [result.findings for result in results]
    scores = [f.score for f in findings]
    return _Total(
        Score(
            sum(s.words for s in scores),
            sum(s.substitutions for s in scores),
            sum(s.deletions for s in scores),
            sum(s.insertions for s in scores),
        ),
        sum(len(f.silent) for f in findings),
        sum(len(f.firm) for f in findings),
        sum(len(f.reported) for f in findings),
        sum(len(f.doubled) for f in findings),
    )
