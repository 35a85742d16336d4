"""A recording becomes stretches of sound, without the long silences between them.

Nothing is heard of what is left out, so hours of room tone cost nothing; where it lay is told. A stretch begins and
ends in real sound: digital silence at its edges is left out however short it is (``activity.Heard`` says why).
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

import numpy as np

from parakeet_cli.settings import SAMPLE_RATE, ActivitySettings
from parakeet_cli.transcription.activity import FRAME, Heard, Samples

__all__ = ["Interval", "Skipped", "Sound", "divide"]

Interval = tuple[int, int]
"""Positions in samples from the start of the recording, the second exclusive."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples that lie at ``start`` of the recording; one that does not follow the last begins a stretch.

    ``speech``: where in it somebody speaks. ``restarts``: positions at which the decoder starts afresh, on encoder
    frames of the stretch.
    """

    start: int
    samples: Samples
    speech: tuple[Interval, ...] = ()
    restarts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A silence that is not sent to the recognizer; positions in samples."""

    start: int
    end: int


def divide(heard: Iterable[Heard], settings: ActivitySettings, frame_samples: int) -> Iterator[Sound | Skipped]:
    """Yield all of a recording in order, as sound or as skipped; stretches start on multiples of ``frame_samples``."""
    divider = _Divider(settings, frame_samples)
    for piece in _pieces(heard):
        yield from divider.add(piece)
    yield from divider.finish()


class _Kind(Enum):
    SOUND = 0
    SILENT = 1
    DEAD = 2


@dataclass(frozen=True, slots=True)
class _Piece:
    """Consecutive frames of one kind."""

    start: int
    samples: Samples
    kind: _Kind
    speech: tuple[Interval, ...]

    @property
    def end(self) -> int:
        return self.start + len(self.samples)

    def cut(self, start: int, end: int) -> "_Piece":
        first, last = max(start, self.start), min(end, self.end)
        speech = tuple((max(a, first), min(b, last)) for a, b in self.speech if a < last and b > first)
        return _Piece(first, self.samples[first - self.start : last - self.start], self.kind, speech)

    def sound(self, restarts: tuple[int, ...] = ()) -> Sound:
        return Sound(self.start, self.samples, self.speech, restarts)


def _pieces(heard: Iterable[Heard]) -> Iterator[_Piece]:
    position = 0
    for block in heard:
        kinds = np.where(block.dead, _Kind.DEAD.value, block.silent.astype(np.int8))
        borders = [0, *(np.flatnonzero(np.diff(kinds)) + 1), len(kinds)]
        for first, last in pairwise(borders):
            start = position + int(first) * FRAME
            samples = block.samples[int(first) * FRAME : int(last) * FRAME]
            speech = _intervals(block.speech[first:last], start, start + len(samples))
            yield _Piece(start, samples, _Kind(int(kinds[first])), speech)
        position += len(block.samples)


def _intervals(flags: np.ndarray[tuple[int], np.dtype[np.bool_]], start: int, end: int) -> tuple[Interval, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8))) * FRAME + start
    return tuple((int(a), min(int(b), end)) for a, b in edges.reshape(-1, 2))


class _Divider:
    """Holds back silence until it is known whether it will last."""

    def __init__(self, settings: ActivitySettings, frame_samples: int) -> None:
        self._frame = frame_samples
        self._margin = round(settings.margin_seconds * SAMPLE_RATE)
        shortest = 2 * (self._margin + frame_samples)  # so that two stretches never share a margin
        self._skip = max(settings.skip_silence_seconds * SAMPLE_RATE, shortest)
        self._sends_all = math.isinf(settings.skip_silence_seconds)
        self._edge = settings.edge_seconds * SAMPLE_RATE
        self._restart = settings.restart_seconds * SAMPLE_RATE
        self._silence: list[_Piece] = []
        self._silence_from = 0
        self._end = 0
        self._told_until = 0
        self._in_stretch = False

    def add(self, piece: _Piece) -> Iterator[Sound | Skipped]:
        self._end = piece.end
        if piece.kind is _Kind.SOUND:
            yield from self._go_on(piece) if self._in_stretch else self._begin(piece)
            self._silence, self._silence_from = [], piece.end
            return
        if self._sends_all and not self._in_stretch and piece.kind is not _Kind.DEAD:
            yield from self._begin(piece)
            self._silence, self._silence_from = [], piece.start
            return
        self._silence.append(piece)
        if self._in_stretch and self._sends_all:
            yield from self._release()
        elif self._in_stretch and self._end - self._silence_from > self._skip:
            yield from self._leave()
        elif not self._in_stretch:
            self._forget()

    def finish(self) -> Iterator[Sound | Skipped]:
        """Silence at the end is left out above the limit for edges, digital silence always."""
        if self._in_stretch and self._end > self._silence_from:
            short = self._end - self._silence_from <= self._edge
            yield from self._leave(everything=short or self._sends_all)
        if self._end > self._told_until:
            yield Skipped(self._told_until, self._end)

    def _go_on(self, piece: _Piece) -> Iterator[Sound]:
        """Within a stretch: what was held back, then the piece."""
        restarts: tuple[int, ...] = ()
        if piece.start - self._silence_from >= self._restart:
            restarts = ((piece.start - self._margin) // self._frame * self._frame,)
        for silent in self._silence:
            yield silent.sound(tuple(place for place in restarts if silent.start <= place < silent.end))
        yield piece.sound()
        self._told_until = piece.end

    def _release(self) -> Iterator[Sound]:
        """Of silence that is sent however long it lasts, only what a restart may lie in is held back."""
        while self._silence and self._silence[0].end < self._end - self._margin - self._frame:
            silent = self._silence.pop(0)
            yield silent.sound()
            self._told_until = silent.end

    def _begin(self, piece: _Piece) -> Iterator[Sound | Skipped]:
        """A stretch starts at the last digital silence, at the margin, or with the recording."""
        real = self._real_silence_before()
        start = piece.start - self._margin
        if self._told_until == 0 and real == 0 and piece.start <= self._edge:
            start = 0
        start = -(-max(start, real, self._told_until) // self._frame) * self._frame
        start = min(start, piece.start // self._frame * self._frame)
        start = max(start, -(-self._told_until // self._frame) * self._frame)
        if start > self._told_until:
            yield Skipped(self._told_until, start)
        self._in_stretch = True
        restarts: tuple[int, ...] = (start,)
        for sounding in (*self._silence, piece):
            if sounding.end > start:
                yield sounding.cut(start, sounding.end).sound(restarts)
                restarts = ()
        self._told_until = piece.end

    def _real_silence_before(self) -> int:
        """Where the sound at hand begins: behind the last digital silence."""
        dead = [silent.end for silent in self._silence if silent.kind is _Kind.DEAD]
        return dead[-1] if dead else 0

    def _leave(self, everything: bool = False) -> Iterator[Sound]:
        """End the stretch with a margin of the silence held back, or with all of it, up to digital silence."""
        until = self._end if everything else self._silence_from + self._margin
        for silent in self._silence:
            if silent.kind is _Kind.DEAD:
                break
            if silent.start < until:
                yield silent.cut(silent.start, until).sound()
                self._told_until = min(silent.end, until)
        self._in_stretch = False
        self._forget()

    def _forget(self) -> None:
        """Only what a next stretch may begin with is kept."""
        keep = self._end - max(self._margin, round(self._edge))
        self._silence = [silent for silent in self._silence if silent.end > keep]
