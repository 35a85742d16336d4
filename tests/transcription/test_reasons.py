"""Music, noise and speech are told apart."""

import numpy as np
import pytest

from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording
from benchmarks.stress_sound import make_music
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.reasons import MUSIC, NOISE, UNSURE, reason_of


@pytest.mark.parametrize("snr", [30.0, 10.0, 5.0])
def test_speech_is_neither_music_nor_noise(snr: float) -> None:
    samples = make_recording(60, 5, load_clips(DEFAULT_FOLDER), "few", snr).samples
    reasons = [reason_of(samples[start : start + 5 * SAMPLE_RATE]) for start in range(0, len(samples), 5 * SAMPLE_RATE)]
    assert reasons.count(UNSURE) >= 11


def test_chords_are_music() -> None:
    music = make_music(40 * SAMPLE_RATE, np.random.default_rng(1))
    reasons = [reason_of(music[start : start + 5 * SAMPLE_RATE]) for start in range(0, len(music), 5 * SAMPLE_RATE)]
    assert reasons.count(MUSIC) >= 7


def test_what_hisses_evenly_is_noise() -> None:
    assert reason_of(np.random.default_rng(1).standard_normal(5 * SAMPLE_RATE, np.float32)) == NOISE


@pytest.mark.parametrize("samples", [0, 100, 4_000])
def test_of_too_little_sound_nothing_is_said(samples: int) -> None:
    assert reason_of(np.ones(samples, np.float32)) == UNSURE
