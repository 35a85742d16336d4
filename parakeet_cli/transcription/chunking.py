"""A stream of samples becomes equal chunks, each hearing real sound on both sides of what it owns.

Owned parts meet without a hole or an overlap, on encoder frames, so that every frame is decoded exactly once
and no text is ever merged. Interior chunks have equal length and batch without padding. The last chunk reaches
back instead of being short, so that it too hears a full window; only a recording that fits one window is shorter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.settings import SAMPLE_RATE, ChunkSettings

__all__ = ["Chunk", "Samples", "Span", "split"]

Samples = NDArray[np.float32]
"""Mono, 16 kHz, −1…1, one dimension."""


@dataclass(frozen=True, slots=True)
class Span:
    """Positions in samples from the start of the recording; ``heard_from ≤ owned_from < owned_until ≤ heard_until``."""

    heard_from: int
    owned_from: int
    owned_until: int
    heard_until: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is encoded at one time: ``samples[0]`` lies at ``span.heard_from`` of recording ``recording``."""

    samples: Samples
    span: Span
    recording: int
    """Tells chunks of different recordings apart in a batch."""


def split(blocks: Iterable[Samples], recording: int, settings: ChunkSettings, frame_samples: int) -> Iterator[Chunk]:
    """Yield the chunks of one recording, in order, holding about two windows of it in memory.

    ``blocks`` are consecutive pieces of any length. A recording without samples has no chunk.
    """
    owned = _frames(settings.chunk_seconds, frame_samples)
    context = _frames(settings.context_seconds, frame_samples)
    window = owned + 2 * context
    buffer = _Buffer()
    owned_from = 0
    for block in blocks:
        buffer.append(block)
        while buffer.end > (heard_until := max(owned_from - context, 0) + window):
            span = Span(max(owned_from - context, 0), owned_from, heard_until - context, heard_until)
            yield Chunk(buffer.read(span.heard_from, span.heard_until), span, recording)
            owned_from = span.owned_until
            buffer.forget_before(heard_until - window)
    if buffer.end > owned_from:
        heard_from = _round_up(max(buffer.end - window, 0), frame_samples)
        span = Span(min(heard_from, owned_from), owned_from, buffer.end, buffer.end)
        yield Chunk(buffer.read(span.heard_from, span.heard_until), span, recording)


def _frames(seconds: float, frame_samples: int) -> int:
    return round(seconds * SAMPLE_RATE / frame_samples) * frame_samples


def _round_up(samples: int, step: int) -> int:
    return -(-samples // step) * step


class _Buffer:
    """The samples that later chunks still hear, addressed by their position in the recording."""

    def __init__(self) -> None:
        self._blocks: list[Samples] = []
        self._start = 0
        self.end = 0

    def append(self, block: Samples) -> None:
        self._blocks.append(block)
        self.end += len(block)

    def read(self, start: int, end: int) -> Samples:
        joined = self._join()
        return joined[start - self._start : end - self._start].copy()

    def forget_before(self, position: int) -> None:
        joined = self._join()
        if position > self._start:
            self._blocks = [joined[position - self._start :].copy()]
            self._start = position

    def _join(self) -> Samples:
        if len(self._blocks) != 1:
            self._blocks = [np.concatenate(self._blocks) if self._blocks else np.empty(0, np.float32)]
        return self._blocks[0]
