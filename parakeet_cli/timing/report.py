"""What was measured, and its JSON. All text is safe for a terminal."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from parakeet_cli import __version__
from parakeet_cli.settings import TranscriptionSettings
from parakeet_cli.timing.clock import OF_SOUND, Stage, Timing
from parakeet_cli.timing.machine import Machine, others_at_work

if TYPE_CHECKING:
    from parakeet_cli.transcription.pytorch.measuring import Torch

__all__ = ["Audio", "Memory", "Model", "Report", "to_json"]

_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Audio:
    """``seconds`` were heard of it. ``is_sample``: it is our own."""

    name: str
    seconds: float
    is_sample: bool
    is_partial: bool


@dataclass(frozen=True, slots=True)
class Model:
    """As it was loaded, so nothing is ``auto``."""

    name: str
    engine: str
    device: str
    dtype: str


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes at most: of the process, and of a card."""

    process: int
    card: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """``load_averages``: before and after. ``settings.batch.batch_size`` is the one that was used."""

    machine: Machine
    torch: "Torch"
    load_averages: tuple[float, float]
    model: Model
    settings: TranscriptionSettings
    audio: Audio
    timings: Mapping[Stage, Timing]
    tokens: int
    memory: Memory

    def rtfx(self, stage: Stage) -> float | None:
        """Seconds of sound for each second of the stage; None for those that know nothing of sound."""
        if stage not in OF_SOUND or not self.timings[stage].median:
            return None
        return self.audio.seconds / self.timings[stage].median

    def seconds_a_token(self) -> float | None:
        """Of the decoder; None where it found nothing."""
        return self.timings[Stage.DECODER].median / self.tokens if self.tokens else None

    def warnings(self) -> Iterator[str]:
        """Sentences about what makes the figures doubtful."""
        before = self.load_averages[0]
        if others_at_work(before):
            yield (
                f"The load average was {before:.1f} before anything was measured, so other work took part of this "
                "machine; measure again when it is idle."
            )
        if self.audio.is_partial:
            yield f"{self.audio.name} could be decoded only in part; measure on another file."
        if not self.tokens:
            yield "No words were heard, so the decoder's figure says little; measure on a file with speech."


def to_json(report: Report) -> str:
    """A document of schema 1. Seconds to the microsecond; null where there is nothing to tell."""
    a_token = report.seconds_a_token()
    settings = report.settings
    document = {
        "schema": _SCHEMA,
        "kind": "parakeet bench",
        "version": __version__,
        "machine": {
            **asdict(report.machine),
            "load_averages": [round(load, 2) for load in report.load_averages],
        },
        "torch": asdict(report.torch),
        "model": asdict(report.model),
        "settings": {
            "batch_size": settings.batch.batch_size,
            "chunk_seconds": settings.chunks.chunk_seconds,
            "context_seconds": settings.chunks.context_seconds,
            "vad": settings.activity.vad.value,
            "skip_silence_seconds": _finite(settings.activity.skip_silence_seconds),
            "skip_confidence": settings.recognizer.skip_confidence,
            "audit": settings.coverage.audit,
            "cuda_graphs": settings.recognizer.cuda_graphs,
        },
        "audio": asdict(report.audio),
        "stages": {stage.value: _stage(report, stage) for stage in Stage},
        "tokens": report.tokens,
        "tokens_per_second": round(1 / a_token, 1) if a_token else None,
        "seconds_per_token": _rounded(a_token),
        "memory_bytes": asdict(report.memory),
        "warnings": list(report.warnings()),
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _stage(report: Report, stage: Stage) -> dict[str, Any]:
    timing = report.timings[stage]
    return {
        "first": _rounded(timing.first),
        "median": _rounded(timing.median),
        "runs": [_rounded(seconds) for seconds in timing.runs],
        "rtfx": _rounded(report.rtfx(stage), 2),
    }


def _rounded(value: float | None, digits: int = 6) -> float | None:
    return None if value is None else round(value, digits)


def _finite(value: float) -> float | None:
    return None if math.isinf(value) else value
