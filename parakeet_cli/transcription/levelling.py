"""Quiet passages beside loud ones are made louder before they are recognized.

The features are normalised over a whole window, so that somebody far from the microphone, heard together with
somebody near it, is lost (``docs/accuracy.md`` has the figures). A recording whose speech keeps within ``_RANGE`` of
its loudest, as most do, passes untouched.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.transcription.activity import FRAME, Heard
from parakeet_cli.transcription.reasons import MUSIC, reason_of

__all__ = ["level"]

_NEAR = 1
"""Pieces before and after one, a second each: with it, the speech that its loudness is taken from."""
_WINDOW = 36
"""Pieces before and after one: whatever may be heard in one window with it."""
_LOUD_PERCENTILE = 90
_LEAST_SPEECH = 8
"""Frames; fewer tell no loudness."""
_RANGE = 9.0
"""dB that speech may lie below the loudest around; what lies lower is raised to there."""
_MOST = 40.0
"""dB of gain."""


def level(heard: Iterable[Heard]) -> Iterator[Heard]:
    """Yield the same pieces, louder where their speech is much quieter than that around; flags stay as they are."""
    leveller = _Leveller()
    for piece in heard:
        leveller.add(piece)
        yield from leveller.ready(_WINDOW + _NEAR + 1)
    yield from leveller.ready(0)


@dataclass(frozen=True, slots=True)
class _Piece:
    """``levels``: those of its frames with speech, in dB."""

    heard: Heard
    levels: NDArray[np.float32]


class _Leveller:
    """Keeps the pieces that the gain of a later one depends on."""

    def __init__(self) -> None:
        self._pieces: dict[int, _Piece] = {}
        self._loudness: dict[int, float | None] = {}
        self._gains: dict[int, float] = {}
        self._count = self._next = 0

    def add(self, heard: Heard) -> None:
        self._pieces[self._count] = _Piece(heard, _speech_levels(heard))
        self._count += 1

    def ready(self, ahead: int) -> Iterator[Heard]:
        """Those that have ``ahead`` pieces after them."""
        while self._next + ahead < self._count:
            gains = [self._gain(self._next + step) for step in (-1, 0, 1)]
            yield _louder(self._pieces[self._next].heard, gains) if any(gains) else self._pieces[self._next].heard
            self._next += 1
            oldest = self._next - _WINDOW - _NEAR - 1
            self._pieces.pop(oldest, None)
            self._loudness.pop(oldest, None)
            self._gains.pop(oldest, None)

    def _gain(self, number: int) -> float:
        number = min(max(number, 0), self._count - 1)
        if number not in self._gains:
            gain = self._wanted_gain(number)
            self._gains[number] = 0.0 if gain and self._is_music(number) else gain
        return self._gains[number]

    def _wanted_gain(self, number: int) -> float:
        """dB; a piece without speech has that of the nearest one with speech."""
        for distance in range(_WINDOW):
            near = [self._loudness_of(place) for place in {number - distance, number + distance}]
            known = [loudness for loudness in near if loudness is not None]
            if known:
                around = range(number - _WINDOW, number + _WINDOW + 1)
                loudest = max(loudness for place in around if (loudness := self._loudness_of(place)) is not None)
                return float(np.clip(loudest - max(known) - _RANGE, 0.0, _MOST))
        return 0.0

    def _is_music(self, number: int) -> bool:
        """Music that is raised is heard as words."""
        near = [piece.heard.samples for piece in self._near(number)]
        return reason_of(np.concatenate(near)) == MUSIC

    def _near(self, number: int) -> Iterator[_Piece]:
        for place in range(number - _NEAR, number + _NEAR + 1):
            if place in self._pieces:
                yield self._pieces[place]

    def _loudness_of(self, number: int) -> float | None:
        if number not in self._loudness:
            levels = np.concatenate([np.empty(0, np.float32), *(piece.levels for piece in self._near(number))])
            loudness = float(np.percentile(levels, _LOUD_PERCENTILE)) if len(levels) >= _LEAST_SPEECH else None
            if number + _NEAR >= self._count:
                return loudness  # what comes may change it
            self._loudness[number] = loudness
        return self._loudness[number]


def _speech_levels(heard: Heard) -> NDArray[np.float32]:
    frames = np.pad(heard.samples, (0, -len(heard.samples) % FRAME)).reshape(-1, FRAME)[heard.speech]
    levels: NDArray[np.float32] = (10 * np.log10(np.var(frames, axis=1) + 1e-12)).astype(np.float32)
    return levels


def _louder(heard: Heard, gains: list[float]) -> Heard:
    """From gain to gain in a straight line, in dB, between the middles of the pieces."""
    length = len(heard.samples)
    gain = np.interp(np.arange(length), np.array([-0.5, 0.5, 1.5]) * length, gains)
    return replace(heard, samples=(heard.samples * 10 ** (gain / 20)).astype(np.float32))
