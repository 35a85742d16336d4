"""What is done to recordings to make them hard: noise, music, a telephone line, passages that are quiet or clipped."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.recordings import Recording, Utterance, resample
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.chunking import Samples

__all__ = ["Passage", "alternate", "clipped", "make_music", "over_telephone", "pink_noise", "scaled_to"]

Passage = tuple[float, float]
"""Seconds from the start of the recording."""

_SHORTEST_PASSAGE, _LONGEST_PASSAGE = 5.0, 20.0
"""Seconds; the next passage begins with the first sentence after a length drawn from these."""

_TELEPHONE_RATE = 8_000
_TELEPHONE_BAND = (300.0, 3400.0)
_MU = 255.0
_MU_LAW_STEPS = 127

_BEAT = SAMPLE_RATE * 60 // 100
"""Samples: 100 beats a minute, four a bar."""
_CHORDS = ((0, 4, 7), (7, 11, 14), (9, 12, 16), (5, 9, 12))
"""Semitones above C; one chord a bar."""
_SCALE = (0, 2, 4, 7, 9)
_LOWEST_NOTE = 130.81
"""Hz, C3."""
_OVERTONES = 6


def scaled_to(sound: Samples, recording: Recording, snr_db: float) -> Samples:
    """Bring a sound to ``snr_db`` below the mean power of a recording's words."""
    spoken = np.concatenate(
        [recording.samples[round(w.start * SAMPLE_RATE) : round(w.end * SAMPLE_RATE)] for w in recording.words]
    )
    speech, other = (float(np.mean(np.square(part, dtype=np.float64))) for part in (spoken, sound))
    return sound * np.float32(np.sqrt(speech / other) * 10 ** (-snr_db / 20))


def pink_noise(count: int, rng: np.random.Generator) -> Samples:
    """Noise whose power falls by 3 dB an octave from 50 Hz on, as that of rooms and streets does."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequencies = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    noise: NDArray[np.float64] = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequencies, 50.0)), count)
    return noise.astype(np.float32)


def over_telephone(samples: Samples) -> Samples:
    """What arrives over a telephone line: 300–3400 Hz, 8 kHz, 8 bits of mu-law (ITU-T G.711)."""
    count = len(samples) // 2 * 2
    spectrum = np.fft.rfft(samples[:count].astype(np.float64))
    frequencies = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    spectrum[(frequencies < _TELEPHONE_BAND[0]) | (frequencies > _TELEPHONE_BAND[1])] = 0
    narrow = np.clip(np.fft.irfft(spectrum[: count // 4 + 1], count // 2) / 2, -1, 1)
    compressed = np.sign(narrow) * np.log1p(_MU * np.abs(narrow)) / np.log1p(_MU)
    coded = np.round(compressed * _MU_LAW_STEPS) / _MU_LAW_STEPS
    decoded = np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(_MU)) / _MU
    line = resample(decoded.astype(np.float32), _TELEPHONE_RATE)
    return np.pad(line, (0, len(samples) - len(line)))


def clipped(samples: Samples, gain_db: float) -> Samples:
    """Amplify beyond what fits, and cut off what does not."""
    loud: NDArray[np.float64] = np.clip(samples * 10 ** (gain_db / 20), -0.999, 0.999)
    return loud.astype(np.float32)


def alternate(utterances: Sequence[Utterance], seconds: float, rng: np.random.Generator) -> list[Passage]:
    """Every second passage of a recording: some sentences each, borders in the pauses between them."""
    passages: list[Passage] = []
    start, until = 0.0, rng.uniform(_SHORTEST_PASSAGE, _LONGEST_PASSAGE)
    inside = False
    for before, after in pairwise(utterances):
        border = (before.end + after.start) / 2
        if border >= until:
            if inside:
                passages.append((start, border))
            start, until = border, border + rng.uniform(_SHORTEST_PASSAGE, _LONGEST_PASSAGE)
            inside = not inside
    return [*passages, (start, seconds)] if inside else passages


def make_music(count: int, rng: np.random.Generator) -> Samples:
    """Chords, a melody that does not repeat, and drums; ``count`` samples."""
    bar = 4 * _BEAT
    music = np.zeros(-(-count // bar) * bar, np.float32)
    drums = _drums(rng)
    for number, start in enumerate(range(0, len(music), bar)):
        chord = _CHORDS[number % len(_CHORDS)]
        music[start : start + bar] = drums + sum(_tone(semitone, bar, decay=0.8) for semitone in chord)
        for place in range(0, bar, _BEAT // 2):
            if rng.random() < 0.7:
                note = _tone(12 + int(rng.choice(_SCALE)) + 12 * int(rng.integers(2)), _BEAT // 2, decay=6.0)
                music[start + place : start + place + len(note)] += note
    return music[:count]


def _tone(semitone: int, count: int, decay: float) -> Samples:
    """A plucked string: overtones that fall off, and a sound that dies away by ``decay`` a second."""
    seconds = np.arange(count) / SAMPLE_RATE
    frequency = _LOWEST_NOTE * 2 ** (semitone / 12)
    overtones = [np.sin(2 * np.pi * frequency * n * seconds) / n**1.5 for n in range(1, _OVERTONES + 1)]
    attack = np.minimum(seconds / 0.01, 1.0)
    tone: NDArray[np.float64] = np.sum(overtones, axis=0) * np.exp(-decay * seconds) * attack
    return tone.astype(np.float32)


def _drums(rng: np.random.Generator) -> Samples:
    """A bar: bass drum on 1 and 3, snare on 2 and 4, hi-hat on every eighth."""
    seconds = np.arange(_BEAT // 2) / SAMPLE_RATE
    sweep = np.cumsum(50 + 90 * np.exp(-30 * seconds)) / SAMPLE_RATE
    bass = 2.0 * np.sin(2 * np.pi * sweep) * np.exp(-9 * seconds)
    snare = rng.standard_normal(len(seconds)) * np.exp(-22 * seconds)
    hiss = np.diff(rng.standard_normal(len(seconds) + 1)) * 0.3 * np.exp(-60 * seconds)
    bar = np.zeros(4 * _BEAT, np.float32)
    for eighth in range(8):
        sound = hiss
        if eighth % 2 == 0:
            sound = hiss + (bass if eighth % 4 == 0 else snare)
        start = eighth * (_BEAT // 2)
        bar[start : start + len(sound)] += sound.astype(np.float32)
    return bar
