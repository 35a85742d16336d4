"""What is written after an option becomes a value, or a sentence that says why not."""

import math
import re

import typer

from parakeet_cli.settings import ChunkSettings

__all__ = [
    "chunk_length",
    "parse_batch_size",
    "parse_limit",
    "parse_silence",
    "parse_size",
    "parse_time",
    "parse_track",
]


def parse_track(text: str | None) -> int | str | None:
    if text is None:
        return None
    if text.isdigit():
        if int(text) == 0:
            raise typer.BadParameter("tracks count from 1.", param_hint="--track")
        return int(text)
    return text


def chunk_length(seconds: float | None, minutes: float | None) -> float:
    if seconds is not None:
        return seconds
    return minutes * 60 if minutes is not None else ChunkSettings().chunk_seconds


def parse_batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdigit() or int(text) == 0:
        raise typer.BadParameter(f"{text!r} is neither auto nor a number from 1.", param_hint="--batch-size")
    return int(text)


def parse_silence(text: str) -> float:
    """Seconds from 2, so that the margins of what is left out fit, to 600, as it is held back; infinity for never."""
    if text == "never":
        return math.inf
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 2.0 <= seconds <= 600.0:
        raise typer.BadParameter(f"{text!r} is neither never nor seconds from 2 to 600.", param_hint="--skip-silence")
    return seconds


def parse_time(text: str | None, option: str) -> float | None:
    """``90``, ``1:30``, ``01:01:30.5``."""
    if text is None:
        return None
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(not 0 <= part < float("inf") for part in parts):
        raise typer.BadParameter(f"{text!r} is no time; write seconds or hh:mm:ss.", param_hint=option)
    return math.fsum(part * 60.0**power for power, part in enumerate(reversed(parts)))


def parse_size(text: str, option: str) -> int:
    """Bytes, or with K, M, G, T (or KiB, MB, …) for powers of 1024."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?\s*", text.upper())
    size = int(float(match[1]) * 1024 ** " KMGT".index(match[2] or " ")) if match else 0
    if size < 1:
        raise typer.BadParameter(f"{text!r} is no size; write bytes, or as in 500M or 2G.", param_hint=option)
    return size


def parse_limit(text: str, option: str, never: str) -> float:
    """A time of ``parse_time``, or infinity for the word ``never``."""
    if text == never:
        return math.inf
    seconds = parse_time(text, option)
    assert seconds is not None
    return seconds
