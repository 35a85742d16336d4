"""What an evaluation found, and that as JSON, schema 1 (``docs/cli.md``)."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from parakeet_cli import __version__
from parakeet_cli.evaluation.comparison import METHOD, SAMPLES, SEED, Difference
from parakeet_cli.evaluation.normalization import Normalizer
from parakeet_cli.evaluation.scoring import Score, TimeErrors, WordTimes
from parakeet_cli.settings import TranscriptionSettings
from parakeet_cli.transcript import Transcript

__all__ = ["KIND", "FileResult", "Missing", "Report", "SideResult", "to_json"]

KIND = "parakeet eval"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class FileResult:
    """One recording, by the name that the user knows it by."""

    name: str
    reference: str
    transcript: Transcript
    score: Score


@dataclass(frozen=True, slots=True)
class SideResult:
    """One model with its settings over all files that no side failed at. ``wall_seconds`` leaves loading out."""

    label: str
    model: str
    settings: TranscriptionSettings
    files: tuple[FileResult, ...]
    total: Score
    wall_seconds: float


@dataclass(frozen=True, slots=True)
class Missing:
    """An input that is in no total. ``code`` is None where it was skipped, else that of the error."""

    name: str
    reason: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """``difference`` is None with one side; with two it is the second less the first."""

    normalizer: Normalizer
    sides: tuple[SideResult, ...]
    difference: Difference | None
    missing: tuple[Missing, ...]


def to_json(report: Report) -> str:
    """A document of schema 1. Times are seconds to the millisecond, shares and rates 0 … 1; null where unknown."""
    document = {
        "schema": SCHEMA,
        "kind": KIND,
        "version": __version__,
        "normalizer": report.normalizer.value,
        "sides": [_side(side) for side in report.sides],
        "comparison": _difference(report.difference) if report.difference else None,
        "missing": [asdict(missing) for missing in report.missing],
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    return text.encode("utf-8", "replace").decode()  # a manifest may hold half a surrogate pair


def _side(side: SideResult) -> dict[str, Any]:
    return {
        "label": side.label,
        "model": side.model,
        "settings": _settings(side.settings),
        "total": {"files": len(side.files), **_score(side.total), "wall_seconds": round(side.wall_seconds, 3)},
        "files": [_file(file) for file in side.files],
    }


def _settings(settings: TranscriptionSettings) -> Mapping[str, Any]:
    """All that decides what a transcript says. JSON knows no infinity: a limit that is none is null."""
    fields = asdict(settings)
    fields.pop("decoding")
    fields["recognizer"] = {name: fields["recognizer"][name] for name in ("device", "dtype")}
    return {
        group: {name: None if value == math.inf else value for name, value in values.items()}
        for group, values in fields.items()
    }


def _file(file: FileResult) -> dict[str, Any]:
    return {
        "input": file.name,
        **_score(file.score),
        "partial": file.transcript.partial is not None,
        "reference": file.reference,
        "hypothesis": file.transcript.text,
    }


def _score(score: Score) -> dict[str, Any]:
    errors = score.errors
    return {
        "words": errors.words,
        "wer": _rounded(errors.rate, 6),
        "substitutions": errors.substitutions,
        "deletions": errors.deletions,
        "insertions": errors.insertions,
        "word_times": _word_times(score.times) if score.times else None,
        "gaps": score.gaps,
        "gap_seconds": round(score.gap_seconds, 3),
        "audio_seconds": round(score.audio_seconds, 3),
        "recognition_seconds": round(score.recognition_seconds, 3),
        "rtfx": _rounded(score.rtfx, 2),
    }


def _word_times(times: WordTimes) -> dict[str, Any]:
    return {
        "words": times.words,
        "right": len(times.starts.seconds),
        "starts": _time_errors(times.starts),
        "ends": _time_errors(times.ends),
        "lost": times.lost,
        "lost_in_gaps": times.lost_in_gaps,
    }


def _time_errors(errors: TimeErrors) -> dict[str, float | None]:
    return {
        "median": _rounded(errors.median, 3),
        "p90": _rounded(errors.p90, 3),
        "bias": _rounded(errors.bias, 3),
        "within_80_ms": _rounded(errors.near, 4),
    }


def _difference(difference: Difference) -> dict[str, Any]:
    interval = difference.interval
    return {
        "files": difference.files,
        "wer": _rounded(difference.rate, 6),
        "low": _rounded(interval.low, 6) if interval else None,
        "high": _rounded(interval.high, 6) if interval else None,
        "improved": _rounded(interval.improved, 4) if interval else None,
        "method": METHOD,
        "samples": SAMPLES,
        "seed": SEED,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
