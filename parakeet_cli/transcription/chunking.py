"""A stream of sound becomes equal chunks, each hearing real sound on both sides of what it owns.

Owned parts of one stretch meet without a hole or an overlap, on encoder frames, so that every frame is decoded
exactly once and no text is ever merged. Interior chunks have equal length and batch without padding. The last chunk
of a stretch reaches back instead of being short, so that it too hears a full window; only a stretch that fits one
window is shorter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from parakeet_cli.settings import SAMPLE_RATE, ChunkSettings
from parakeet_cli.transcription.activity import Samples
from parakeet_cli.transcription.stretches import Interval, Skipped, Sound

__all__ = ["Buffer", "Chunk", "Samples", "Span", "extend", "split"]


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
    speech: tuple[Interval, ...] = ()
    """Where in the owned part somebody speaks, in samples from the start of the recording."""
    restarts: tuple[int, ...] = ()
    """Positions in the owned part, on frames, at which the decoder starts afresh."""

    ends_stretch: bool = False


def split(
    sounds: Iterable[Sound | Skipped], recording: int, settings: ChunkSettings, frame_samples: int
) -> Iterator[Chunk | Skipped]:
    """Yield the chunks of one recording and what is skipped between them, holding about two windows in memory.

    A sound that does not begin where the one before ended begins a stretch. A recording without sound has no chunk.
    """
    splitter = _Splitter(recording, settings, frame_samples)
    for sound in sounds:
        match sound:
            case Skipped():
                yield from splitter.finish()
                yield sound
            case Sound():
                yield from splitter.add(sound)
    yield from splitter.finish()


class _Splitter:
    """Cuts one stretch after the other."""

    def __init__(self, recording: int, settings: ChunkSettings, frame_samples: int) -> None:
        self._recording = recording
        self._frame = frame_samples
        self._context = _frames(settings.context_seconds, frame_samples)
        self._window = _frames(settings.chunk_seconds, frame_samples) + 2 * self._context
        self._begin(0)

    def _begin(self, start: int) -> None:
        self._start = self._owned_from = start
        self._buffer = Buffer(start)
        self._speech: list[Interval] = []
        self._restarts: list[int] = []

    def add(self, sound: Sound) -> Iterator[Chunk]:
        if sound.start != self._buffer.end:
            yield from self.finish()
            self._begin(sound.start)
        self._buffer.append(sound.samples)
        extend(self._speech, sound.speech)
        self._restarts += sound.restarts
        while self._buffer.end > (heard_until := self._heard_from() + self._window):
            yield self._chunk(Span(self._heard_from(), self._owned_from, heard_until - self._context, heard_until))
            self._buffer.forget_before(heard_until - self._window)

    def finish(self) -> Iterator[Chunk]:
        """The last chunk of the stretch, if it has one."""
        end = self._buffer.end
        if end > self._owned_from:
            heard_from = self._start + _round_up(max(end - self._window - self._start, 0), self._frame)
            yield self._chunk(Span(min(heard_from, self._owned_from), self._owned_from, end, end), ends_stretch=True)

    def _heard_from(self) -> int:
        return max(self._owned_from - self._context, self._start)

    def _chunk(self, span: Span, ends_stretch: bool = False) -> Chunk:
        speech = tuple(
            (max(start, span.owned_from), min(end, span.owned_until))
            for start, end in self._speech
            if start < span.owned_until and end > span.owned_from
        )
        restarts = tuple(place for place in self._restarts if span.owned_from <= place < span.owned_until)
        self._owned_from = span.owned_until
        self._speech = [interval for interval in self._speech if interval[1] > span.owned_until]
        self._restarts = [place for place in self._restarts if place >= span.owned_until]
        samples = self._buffer.read(span.heard_from, span.heard_until)
        return Chunk(samples, span, self._recording, speech, restarts, ends_stretch)


def extend(intervals: list[Interval], more: Iterable[Interval]) -> None:
    """Append intervals in order, joined where they touch."""
    for start, end in more:
        if intervals and intervals[-1][1] >= start:
            intervals[-1] = (intervals[-1][0], max(end, intervals[-1][1]))
        else:
            intervals.append((start, end))


def _frames(seconds: float, frame_samples: int) -> int:
    return round(seconds * SAMPLE_RATE / frame_samples) * frame_samples


def _round_up(samples: int, step: int) -> int:
    return -(-samples // step) * step


class Buffer:
    """Consecutive samples of a recording, addressed by their position in it; the oldest can be forgotten."""

    def __init__(self, start: int) -> None:
        self._blocks: list[Samples] = []
        self.start = start
        self.end = start

    def append(self, block: Samples) -> None:
        self._blocks.append(block)
        self.end += len(block)

    def read(self, start: int, end: int) -> Samples:
        joined = self._join()
        return joined[start - self.start : end - self.start].copy()

    def cut(self, end: int) -> None:
        """Take away what lies from ``end`` on."""
        self._blocks = [self._join()[: max(end - self.start, 0)]]
        self.end = min(self.end, end)

    def forget_before(self, position: int) -> None:
        joined = self._join()
        if position > self.start:
            self._blocks = [joined[position - self.start :].copy()]
            self.start = position

    def _join(self) -> Samples:
        if len(self._blocks) != 1:
            self._blocks = [np.concatenate(self._blocks) if self._blocks else np.empty(0, np.float32)]
        return self._blocks[0]
