"""Why there may be no words in a stretch of sound: music, noise, or nothing that could be told.

Two measures tell the three apart (``docs/accuracy.md`` has the figures). Tones that are held: how alike the fine
structure of the spectrum is 0.2 s later; in music it was 0.38 and more, in speech 0.20 and less. How much the level
moves: 3.8 dB and more in speech, also in noise at 5 dB SNR; under 2 dB in steady noise.
"""

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.activity import Samples

__all__ = ["MUSIC", "NOISE", "UNSURE", "reason_of"]

MUSIC, NOISE, UNSURE = "music", "noise", "unsure"

_WINDOW, _HOP = 1024, 256
_LAG = round(0.2 * SAMPLE_RATE / _HOP)
_BAND = slice(round(150 * _WINDOW / SAMPLE_RATE), round(4000 * _WINDOW / SAMPLE_RATE))
_SMOOTHING = 15
"""Bins; what is wider is the shape of the spectrum, not its tones."""
_TONES_OF_MUSIC = 0.3
_MOVES_OF_SPEECH = 3.0
"""dB; the standard deviation of the level."""


def reason_of(samples: Samples) -> str:
    """One of ``MUSIC``, ``NOISE`` and ``UNSURE``; under half a second nothing can be told."""
    if len(samples) < _WINDOW + 2 * _LAG * _HOP:
        return UNSURE
    power = _power(samples)
    if _holds_tones(power):
        return MUSIC
    moves = float(np.std(10 * np.log10(power.sum(axis=1))))
    return NOISE if moves < _MOVES_OF_SPEECH else UNSURE


def _power(samples: Samples) -> NDArray[np.float64]:
    """[windows, bins] of the band in which voices and instruments have their tones."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP] * np.hanning(_WINDOW)
    return np.square(np.abs(np.fft.rfft(windows)))[:, _BAND] + 1e-12


def _holds_tones(power: NDArray[np.float64]) -> bool:
    levels = np.log(power)
    padded = np.pad(levels, ((0, 0), (_SMOOTHING // 2, _SMOOTHING // 2)), mode="edge")
    sums = np.cumsum(np.pad(padded, ((0, 0), (1, 0))), axis=1)
    fine = levels - (sums[:, _SMOOTHING:] - sums[:, :-_SMOOTHING]) / _SMOOTHING
    before, after = fine[:-_LAG], fine[_LAG:]
    norms = np.sqrt(np.sum(before**2, axis=1) * np.sum(after**2, axis=1))
    alike = np.sum(before * after, axis=1) / np.maximum(norms, 1e-12)
    loud = power.sum(axis=1)[:-_LAG]
    return float(alike[loud >= np.median(loud)].mean()) >= _TONES_OF_MUSIC
