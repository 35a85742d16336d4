"""What is measured: a model with its settings, and a second one that differs in what ``--compare`` says."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import typer

from parakeet_cli.cli import model_options
from parakeet_cli.cli.parsing import parse_batch_size, parse_silence
from parakeet_cli.settings import (
    BatchSettings,
    ChunkSettings,
    Dtype,
    EngineChoice,
    RecognizerSettings,
    TranscriptionSettings,
    Vad,
)

__all__ = ["Side", "overridden"]


@dataclass(frozen=True, slots=True)
class Side:
    """``label`` is what the user calls it by."""

    label: str
    model: str
    settings: TranscriptionSettings


def overridden(side: Side, text: str) -> Side:
    """``chunk-seconds=10,dtype=bf16``: the same side but for these options, called by them."""
    other = replace(side, label=text)
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value or name not in _OPTIONS:
            raise _refusal(f"{part.strip()!r} is not option=value; options are {', '.join(_OPTIONS)}.")
        other = _OPTIONS[name](other, value)
    if (other.model, other.settings) == (side.model, side.settings):
        raise _refusal(f"{text!r} changes nothing; name what shall differ.")
    return other


def _model(side: Side, value: str) -> Side:
    return replace(side, model=value)


def _batch_size(side: Side, value: str) -> Side:
    return replace(side, settings=replace(side.settings, batch=BatchSettings(parse_batch_size(value))))


def _device(side: Side, value: str) -> Side:
    return _with_recognizer(side, replace(side.settings.recognizer, device=value))


def _dtype(side: Side, value: str) -> Side:
    dtype = Dtype(_one_of(Dtype, value, "dtype"))
    return _with_recognizer(side, replace(side.settings.recognizer, dtype=dtype))


def _engine(side: Side, value: str) -> Side:
    engine = EngineChoice(_one_of(EngineChoice, value, "engine"))
    return _with_recognizer(side, replace(side.settings.recognizer, engine=engine))


def _skip_confidence(side: Side, value: str) -> Side:
    confidence = _number(value, "skip-confidence", model_options.SkipConfidence)
    return _with_recognizer(side, replace(side.settings.recognizer, skip_confidence=confidence))


def _cuda_graphs(side: Side, value: str) -> Side:
    return _with_recognizer(side, replace(side.settings.recognizer, cuda_graphs=_yes(value, "cuda-graphs")))


def _vad(side: Side, value: str) -> Side:
    vad = Vad(_one_of(Vad, value, "vad"))
    return replace(side, settings=replace(side.settings, activity=replace(side.settings.activity, vad=vad)))


def _skip_silence(side: Side, value: str) -> Side:
    activity = replace(side.settings.activity, skip_silence_seconds=parse_silence(value))
    return replace(side, settings=replace(side.settings, activity=activity))


def _audit(side: Side, value: str) -> Side:
    coverage = replace(side.settings.coverage, audit=_yes(value, "audit"))
    return replace(side, settings=replace(side.settings, coverage=coverage))


def _chunk_seconds(side: Side, value: str) -> Side:
    seconds = _number(value, "chunk-seconds", model_options.ChunkSeconds)
    return _with_chunks(side, replace(side.settings.chunks, chunk_seconds=seconds))


def _context_seconds(side: Side, value: str) -> Side:
    seconds = _number(value, "context-seconds", model_options.ContextSeconds)
    return _with_chunks(side, replace(side.settings.chunks, context_seconds=seconds))


def _with_recognizer(side: Side, recognizer: RecognizerSettings) -> Side:
    return replace(side, settings=replace(side.settings, recognizer=recognizer))


def _with_chunks(side: Side, chunks: ChunkSettings) -> Side:
    return replace(side, settings=replace(side.settings, chunks=chunks))


def _one_of(names: Iterable[str], text: str, option: str) -> str:
    if text not in set(names):
        raise _refusal(f"{option} {text!r} is none of {', '.join(names)}.")
    return text


def _yes(text: str, option: str) -> bool:
    return _one_of(("yes", "no"), text, option) == "yes"


def _number(text: str, name: str, option: Any) -> float:
    """Within the bounds that the option has on the command line."""
    (bounds,) = option.__metadata__
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not bounds.min <= number <= bounds.max:
        raise _refusal(f"{name} {text!r} is no number from {bounds.min:g} to {bounds.max:g}.")
    return number


def _refusal(message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint="--compare")


_OPTIONS: dict[str, Callable[[Side, str], Side]] = {
    "model": _model,
    "device": _device,
    "dtype": _dtype,
    "engine": _engine,
    "batch-size": _batch_size,
    "chunk-seconds": _chunk_seconds,
    "context-seconds": _context_seconds,
    "vad": _vad,
    "skip-silence": _skip_silence,
    "skip-confidence": _skip_confidence,
    "audit": _audit,
    "cuda-graphs": _cuda_graphs,
}
