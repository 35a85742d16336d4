"""Where somebody speaks, and where there is nothing to hear: a stage between the decoded media and the chunks.

The energy detector needs nothing and costs next to nothing; Silero (a small network,
https://github.com/snakers4/silero-vad) judges anew what it has judged, and tells speech from other sound. What is
silent is left to the energy, since a network that misses soft speech would lose it for good.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.silero import Silero

__all__ = ["FRAME", "EnergyDetector", "Heard", "Samples", "SileroDetector"]

Samples = NDArray[np.float32]
"""Mono, 16 kHz, −1…1, one dimension."""

FRAME = 512
"""Samples, 32 ms: what is judged at one time; Silero's own step."""

_HOP = 32
"""Frames that go through the stage together, about a second."""
_HOPS_AROUND = 10
"""Before and after a hop: the sound that its noise floor is taken from."""
_BAND_EDGES = (100.0, 300.0, 500.0, 750.0, 1050.0, 1450.0, 2000.0, 2700.0, 3700.0, 5200.0)
"""Hz, as wide as the ear's: a vowel stands out of noise in its formants where it does not in all of the sound."""
_FLOOR_PERCENTILE = 10
"""Even talk without a breath is this often between two syllables."""
_ABOVE_FLOOR = 6.0
"""dB, the mean of the ``_LOUDEST_BANDS`` that rise most."""
_LOUDEST_BANDS = 3
_QUIETEST_SOUND = -95.0
"""dB in a band; the noise of 16 bits lies below, and what rises from there is the end of an echo."""
_RANGE_OF_SPEECH = 45.0
"""dB in a band between loud vowels and what still counts as speech; breath and echo of a clean recording lie below."""
_LOUD_PERCENTILE = 95
_LOUDEST_SILENCE = -40.0
"""dB; louder sound is never called silent, however even it is: there may be a voice under it."""
_DEAD = 1.5 / 32768
"""Amplitude up to which a frame is digital silence (dither of one bit included)."""
_GATED = 3
"""Runs of digital silence in the sound around that make it the recording's own floor."""
_OPENING, _CLOSING = 3, 9
"""Frames: a shorter sound is a click, a shorter pause between two sounds belongs to the speech."""
_FILLED_SECONDS = 0.2
"""Digital silence at least this long is filled with noise before the recognizer hears it."""
_FILL_LEVELS = (-60.0, -50.0)
"""dB; the noise is as loud as the recording's own, within these."""
_SPEECH_BEGINS, _SPEECH_GOES_ON = 0.5, 0.35
"""Silero's probabilities, as its authors use them."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of a recording and what each of its frames is; ``ceil(len(samples) / FRAME)`` flags.

    ``silent``: even sound near the noise floor, and not loud. ``dead``: digital silence. Dead frames are silent, and
    long runs of them have been filled with faint noise in ``samples``: features that are normalised over zeros empty a
    decode (NVIDIA-NeMo/Speech #15757).
    """

    samples: Samples
    speech: Flags
    silent: Flags
    dead: Flags


class EnergyDetector:
    """Speech is what rises above the noise floor, a low percentile of the levels ten seconds around.

    Follows one recording; make a new one for the next.
    """

    def listen(self, blocks: Iterable[Samples]) -> Iterator[Heard]:
        """Judge consecutive blocks of any length; what comes out has the same samples in the same order."""
        window: deque[_Hop] = deque()
        current = 0
        for hop in _hops(blocks):
            window.append(hop)
            if len(window) - current > _HOPS_AROUND:
                yield _judge(window, current)
                current += 1
            if current > _HOPS_AROUND:
                window.popleft()
                current -= 1
        while current < len(window):
            yield _judge(window, current)
            current += 1
            if current > _HOPS_AROUND:
                window.popleft()
                current -= 1


class SileroDetector:
    """Speech by Silero's probabilities, silence by the energy. Follows one recording; make a new one for the next."""

    def __init__(self) -> None:
        self._silero = Silero()
        self._speaks = False

    def judge(self, pieces: Iterable[Heard]) -> Iterator[Heard]:
        """Say anew where there is speech in pieces that the energy detector has judged."""
        for heard in pieces:
            flags = np.zeros(len(heard.speech), np.bool_)
            for number, probability in enumerate(self._silero.probabilities(heard.samples)):
                self._speaks = probability >= (_SPEECH_GOES_ON if self._speaks else _SPEECH_BEGINS)
                flags[number] = self._speaks
            yield replace(heard, speech=_closed(flags))


@dataclass(frozen=True, slots=True)
class _Hop:
    """A second of samples, the levels of each frame [frames, bands] in dB, and which frames are digital silence."""

    samples: Samples
    levels: NDArray[np.float32]
    dead: Flags


_WINDOW = np.hanning(FRAME).astype(np.float32)
_BINS = np.round(np.array(_BAND_EDGES) * FRAME / SAMPLE_RATE).astype(np.intp)


def _hops(blocks: Iterable[Samples]) -> Iterator[_Hop]:
    for samples in _rebuffered(blocks, _HOP * FRAME):
        frames = np.pad(samples, (0, -len(samples) % FRAME)).reshape(-1, FRAME)
        spectrum = np.abs(np.fft.rfft(frames * _WINDOW)) ** 2
        power = np.add.reduceat(spectrum, _BINS, axis=1)[:, :-1] / (FRAME * FRAME / 4)
        padded = np.pad(power, ((1, 1), (0, 0)), mode="edge")
        smooth = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
        levels = (10 * np.log10(smooth + 1e-12)).astype(np.float32)
        yield _Hop(samples, levels, np.max(np.abs(frames), axis=1) <= _DEAD)


def _rebuffered(blocks: Iterable[Samples], length: int) -> Iterator[Samples]:
    buffer = np.empty(0, np.float32)
    for block in blocks:
        buffer = np.concatenate((buffer, block)) if len(buffer) else block
        whole = len(buffer) // length * length
        for start in range(0, whole, length):
            yield buffer[start : start + length]
        buffer = buffer[whole:]
    if len(buffer):
        yield buffer


def _judge(window: deque[_Hop], current: int) -> Heard:
    hop = window[current]
    around = _levels_around(window)
    floor = (
        np.percentile(around, _FLOOR_PERCENTILE, axis=0) if len(around) else np.full(len(_BINS) - 1, _QUIETEST_SOUND)
    )
    floor = np.maximum(floor, _QUIETEST_SOUND)
    loud = np.percentile(around, _LOUD_PERCENTILE, axis=0) if len(around) else floor
    audible = np.maximum(floor, loud - _RANGE_OF_SPEECH - _ABOVE_FLOOR)
    sounding = [_sounding(other, audible) for other in list(window)[max(current - 1, 0) : current + 2]]
    first = len(sounding[0]) if current else 0
    speech = _closed(_opened(np.concatenate(sounding)))[first : first + len(hop.levels)]
    too_loud = 10 * np.log10(np.sum(10 ** (hop.levels / 10), axis=1)) > _LOUDEST_SILENCE
    silent = (~_sounding(hop, floor) & ~too_loud) | hop.dead
    return Heard(_filled(hop, 10 * np.log10(np.sum(10 ** (floor / 10)))), speech, silent, hop.dead)


def _levels_around(window: Iterable[_Hop]) -> NDArray[np.float32]:
    """What the floor is taken from; digital silence belongs to it only where it comes and goes, as with a gate."""
    levels, dead = (np.concatenate([getattr(hop, name) for hop in window]) for name in ("levels", "dead"))
    return levels if len(_runs(dead)) >= _GATED else levels[~dead]


def _sounding(hop: _Hop, floor: NDArray[np.float32]) -> Flags:
    above: NDArray[np.float32] = np.sort(hop.levels - floor, axis=1)[:, -_LOUDEST_BANDS:].mean(axis=1)
    sounding: Flags = (above > _ABOVE_FLOOR) & ~hop.dead
    return sounding


def _opened(flags: Flags) -> Flags:
    """Without runs shorter than ``_OPENING`` frames."""
    kept = flags.copy()
    for start, end in _runs(flags):
        if end - start < _OPENING and start > 0 and end < len(flags):
            kept[start:end] = False
    return kept


def _closed(flags: Flags) -> Flags:
    """With pauses shorter than ``_CLOSING`` frames filled."""
    kept = flags.copy()
    for start, end in _runs(~flags):
        if end - start < _CLOSING and start > 0 and end < len(flags):
            kept[start:end] = True
    return kept


def _runs(flags: Flags) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _filled(hop: _Hop, floor: float) -> Samples:
    """The samples, with faint noise where digital silence lasts; a run may go on in the next hop."""
    runs = [
        (start, end)
        for start, end in _runs(hop.dead)
        if (end - start) * FRAME >= _FILLED_SECONDS * SAMPLE_RATE or start == 0 or end == len(hop.dead)
    ]
    if not runs:
        return hop.samples
    level = np.float32(10 ** (float(np.clip(floor, *_FILL_LEVELS)) / 20))
    noise = np.random.default_rng(0).standard_normal(len(hop.samples), np.float32) * level  # the same in every run
    filled = hop.samples.copy()
    for start, end in runs:
        filled[start * FRAME : end * FRAME] += noise[start * FRAME : end * FRAME]
    return filled
