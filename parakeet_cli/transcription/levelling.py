"""Quiet passages beside loud ones are made louder before they are recognized.

The features are normalised over a whole window, so that somebody far from the microphone, heard together with
somebody near it, is lost, and so is what is said beside a clipped passage (``docs/accuracy.md`` has the figures). A
recording whose speech keeps within ``_RANGE`` of its loudest, as most do, passes untouched.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from parakeet_cli.transcription.activity import FRAME, Heard
from parakeet_cli.transcription.reasons import MUSIC, reason_of

__all__ = ["level"]

_NEAR = 1
"""Pieces before and after one, a second each: with it, the speech that its loudness is taken from."""
_WINDOW = 36
"""Pieces before and after one: whatever may be heard in one window with it."""
_REACH = 12
"""Pieces before and after one, in which the passages are sought that it lies in."""
_AHEAD = _WINDOW + _NEAR + 2
"""Pieces after one that its gain depends on, with those of its neighbours, from which it goes on."""
_LOUD_PERCENTILE = 90
_LEAST_SPEECH = 8
"""Frames; fewer tell no loudness."""
_PASSAGE = 31
"""Frames, a second, of strong speech; what is quiet for a shorter time is a word."""
_BESIDE, _WEAK = 10, 9.0
"""Frames before and after one, and dB: where something is so much louder, it is no strong speech, but a word's end."""
_NOTHING = -120.0
"""dB of zeros, as they are measured here."""
_EVEN_FRAMES, _EVEN = 9, 3.0
"""So many frames within so many dB are noise; words move more."""
_RANGE = 7.0
"""dB that a passage may lie below the loudest speech around, untouched."""
_SLOPE = 4.0
"""dB of gain for each dB beyond."""
_ABOVE = 3.0
"""dB above the loudest speech to which the gain reaches: a passage is measured by its peaks, that speech is not."""
_MOST = 40.0
"""dB of gain."""

Levels = NDArray[np.float32]
"""dB, one a frame."""
Decibels = NDArray[np.float64]


def level(heard: Iterable[Heard]) -> Iterator[Heard]:
    """Yield the same pieces, louder where their speech is much quieter than that around; flags stay as they are."""
    leveller = _Leveller()
    for piece in heard:
        leveller.add(piece)
        yield from leveller.ready(_AHEAD)
    yield from leveller.ready(0)


@dataclass(frozen=True, slots=True)
class _Piece:
    heard: Heard
    levels: Levels


class _Leveller:
    """Keeps the pieces that the gain of a later one depends on."""

    def __init__(self) -> None:
        self._pieces: dict[int, _Piece] = {}
        self._loudness: dict[int, float | None] = {}
        self._loudest_around: dict[int, float] = {}
        self._gains: dict[int, Decibels] = {}
        self._music: dict[int, bool] = {}
        self._count = self._next = 0

    def add(self, heard: Heard) -> None:
        self._pieces[self._count] = _Piece(heard, _levels(heard))
        self._count += 1

    def ready(self, ahead: int) -> Iterator[Heard]:
        """Those that have ``ahead`` pieces after them."""
        while self._next + ahead < self._count:
            yield self._levelled(self._next)
            self._next += 1
            for kept in (self._pieces, self._loudness, self._loudest_around, self._gains, self._music):
                kept.pop(self._next - _AHEAD, None)

    def _levelled(self, number: int) -> Heard:
        heard = self._pieces[number].heard
        before, gains, after = (self._gains_of(number + step) for step in (-1, 0, 1))
        if not (before[-1] or after[0] or gains.any()):
            return heard
        return _louder(heard, np.concatenate((before[-1:], gains, after[:1])))

    def _gains_of(self, number: int) -> Decibels:
        """dB, one a frame; beyond the ends of the recording those of its first and last piece."""
        if not 0 <= number < self._count:
            return np.array([self._gains_of(0)[0] if number < 0 else self._gains_of(self._count - 1)[-1]])
        if number not in self._gains:
            self._gains[number] = self._wanted_gains(number)
        return self._gains[number]

    def _wanted_gains(self, number: int) -> Decibels:
        count = len(self._pieces[number].levels)
        passages = self._passages(number)
        if passages is None:
            return np.zeros(count)
        below = self._over(number, [self._loudest(number + step) for step in (-1, 0, 1)]) - passages
        gains = np.clip(np.minimum(_SLOPE * (below - _RANGE), below + _ABOVE), 0.0, _MOST)
        if gains.any():
            gains *= self._over(number, [0.0 if self._is_music(number + step) else 1.0 for step in (-1, 0, 1)])
        return gains

    def _over(self, number: int, values: list[float]) -> Decibels:
        """A value for each frame of a piece, from those at the middles of the piece before, of it, and after."""
        count = len(self._pieces[number].levels)
        over: Decibels = np.interp(np.arange(count) + 0.5, np.array([-0.5, 0.5, 1.5]) * count, values)
        return over

    def _passages(self, number: int) -> Levels | None:
        """How loud the passage is that each frame of a piece lies in; None where nobody speaks for long."""
        around = range(max(number - _REACH, 0), min(number + _REACH + 1, self._count))
        levels = np.concatenate([self._pieces[place].levels for place in around])
        strong, peaks = _strong(levels, np.concatenate([self._pieces[place].heard.speech for place in around]))
        if len(strong) < _LEAST_SPEECH:
            return None
        start = sum(len(self._pieces[place].levels) for place in around if place < number)
        end = start + len(self._pieces[number].levels)
        first, last = np.searchsorted(strong, (start, end))
        inside = slice(max(first - 1, 0), last + 1)
        return _spread(_closing(peaks, _PASSAGE)[inside], strong[inside], levels)[start:end]

    def _loudest(self, number: int) -> float:
        """Of the speech around a piece; hardly anything where there is none."""
        if number not in self._loudest_around:
            around = range(number - _WINDOW, number + _WINDOW + 1)
            known = [loudness for place in around if (loudness := self._loudness_of(place)) is not None]
            self._loudest_around[number] = max(known, default=_NOTHING)
        return self._loudest_around[number]

    def _is_music(self, number: int) -> bool:
        """Music that is raised is heard as words."""
        number = min(max(number, 0), self._count - 1)
        if number not in self._music:
            near = [piece.heard.samples for piece in self._near(number)]
            self._music[number] = reason_of(np.concatenate(near)) == MUSIC
        return self._music[number]

    def _near(self, number: int) -> Iterator[_Piece]:
        for place in range(number - _NEAR, number + _NEAR + 1):
            if place in self._pieces:
                yield self._pieces[place]

    def _loudness_of(self, number: int) -> float | None:
        if not 0 <= number < self._count:
            return None
        if number not in self._loudness:
            levels = np.concatenate([piece.levels[piece.heard.speech] for piece in self._near(number)])
            loudness = float(np.percentile(levels, _LOUD_PERCENTILE)) if len(levels) >= _LEAST_SPEECH else None
            if number + _NEAR >= self._count:
                return loudness  # what comes may change it
            self._loudness[number] = loudness
        return self._loudness[number]


def _levels(heard: Heard) -> Levels:
    frames = np.pad(heard.samples, (0, -len(heard.samples) % FRAME)).reshape(-1, FRAME)
    levels: Levels = (10 * np.log10(np.var(frames, axis=1) + 1e-12)).astype(np.float32)
    return levels


def _strong(levels: Levels, speech: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Levels]:
    """Places of the frames that tell how loud a passage is, no ends of words and no even noise, and the peaks there.

    The noise of a loud passage, near a quiet one, counts as speech.
    """
    if len(levels) < _EVEN_FRAMES:
        return np.empty(0, np.intp), levels[:0]
    windows = sliding_window_view(levels, _EVEN_FRAMES)
    even = np.pad(windows.max(axis=1) - windows.min(axis=1) < _EVEN, _EVEN_FRAMES)
    moving = speech & ~sliding_window_view(even, _EVEN_FRAMES + 2).any(axis=1)  # with a frame at both ends, half noise
    padded = np.pad(np.where(moving, levels, -np.inf), _BESIDE, constant_values=-np.inf)
    most = sliding_window_view(padded, 2 * _BESIDE + 1).max(axis=1)
    strong = np.flatnonzero(moving & (levels > most - _WEAK))
    return strong, most[strong]


def _closing(levels: Levels, length: int) -> Levels:
    """The least, over all windows of ``length`` with a place in them, of the most in the window.

    As of an image: what is quieter for a shorter time is filled, a longer quiet passage begins and ends where it did.
    """
    length = min(length, len(levels))
    most = sliding_window_view(levels, length).max(axis=1)
    padded = np.pad(most, length - 1, constant_values=np.inf)
    least: Levels = sliding_window_view(padded, length).min(axis=1)
    return least


def _spread(passages: Levels, places: NDArray[np.intp], levels: Levels) -> Levels:
    """The loudness of passages at some places becomes that of all frames.

    Between two places it changes in the pause, and there beside the louder one: its noise, raised, is heard as a word.
    """
    changes = np.flatnonzero(np.diff(passages))
    borders = [0]
    for index in changes:
        first, last = int(places[index]) + 1, int(places[index + 1])
        pause = levels[first:last]
        quietest = first + np.flatnonzero(pause <= pause.min(initial=np.inf) + _EVEN)
        gets_quieter = passages[index] > passages[index + 1]
        borders.append(last if not len(quietest) else int(quietest[0] if gets_quieter else quietest[-1] + 1))
    lengths = np.diff([*borders, len(levels)])
    spread: Levels = np.repeat(passages[[*changes, -1]], lengths)
    return spread


def _louder(heard: Heard, gains: Decibels) -> Heard:
    """From gain to gain in a straight line, in dB, between the middles of the frames; one more at both ends."""
    middles = (np.arange(len(gains)) - 0.5) * FRAME
    gain = np.interp(np.arange(len(heard.samples)), middles, gains)
    return replace(heard, samples=(heard.samples * 10 ** (gain / 20)).astype(np.float32))
