"""Quiet passages are raised, and nothing else is touched."""

import numpy as np
import pytest

from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.activity import FRAME, EnergyDetector, Samples
from parakeet_cli.transcription.levelling import level


def levelled(samples: Samples) -> Samples:
    blocks = (samples[start : start + SAMPLE_RATE] for start in range(0, len(samples), SAMPLE_RATE))
    return np.concatenate([heard.samples for heard in level(EnergyDetector().listen(blocks))])


def speech(seconds: float, seed: int = 3) -> Samples:
    return make_recording(seconds, seed, load_clips(DEFAULT_FOLDER), "few", 30.0).samples


def decibels(samples: Samples) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(samples**2))))


def test_speech_of_even_level_passes_untouched() -> None:
    samples = speech(60)
    assert np.array_equal(levelled(samples), samples)


@pytest.mark.parametrize("gain", [-20, -40])
def test_a_quiet_passage_comes_near_the_level_of_the_loud_one_beside_it(gain: float) -> None:
    samples = speech(60)
    middle = slice(20 * SAMPLE_RATE, 40 * SAMPLE_RATE)
    samples[middle] *= np.float32(10 ** (gain / 20))
    raised = levelled(samples)
    inner = slice(24 * SAMPLE_RATE, 36 * SAMPLE_RATE)
    assert abs(decibels(raised[inner]) - decibels(samples[: 20 * SAMPLE_RATE])) < 4
    loud = slice(5 * SAMPLE_RATE, 17 * SAMPLE_RATE)
    assert np.array_equal(raised[loud], samples[loud])


def test_quiet_speech_far_from_loud_speech_is_heard_in_other_windows_and_left_alone() -> None:
    samples = np.concatenate([speech(40), speech(120, 4) * np.float32(0.01)])
    raised = levelled(samples)
    assert np.array_equal(raised[100 * SAMPLE_RATE :], samples[100 * SAMPLE_RATE :])
    assert decibels(raised[50 * SAMPLE_RATE : 60 * SAMPLE_RATE]) > -40


@pytest.mark.parametrize("gain", [-20, -40])
def test_a_quiet_passage_is_raised_from_its_first_word_to_its_last_and_no_noise_beside_it(gain: float) -> None:
    """Half a second without gain loses a word, and the noise of the louder passage, raised, is heard as one."""
    recording = make_recording(60, 5, load_clips(DEFAULT_FOLDER), "many", 30.0)
    starts = [round(utterance.start * SAMPLE_RATE) for utterance in recording.utterances]
    start, end = (next(place for place in starts if place > seconds * SAMPLE_RATE) for seconds in (20, 40))
    samples = recording.samples.copy()
    samples[start:end] *= np.float32(10 ** (gain / 20))
    raised = levelled(samples)
    for word in recording.words:
        inside = slice(round(word.start * SAMPLE_RATE), round(word.end * SAMPLE_RATE))
        assert abs(decibels(raised[inside]) - decibels(recording.samples[inside])) < 6, word
    for loud in (slice(start - 2 * FRAME), slice(end + 2 * FRAME, None)):
        assert np.array_equal(raised[loud], samples[loud])


def test_gain_changes_without_a_step() -> None:
    samples = speech(60)
    samples[30 * SAMPLE_RATE :] *= np.float32(0.01)
    places = np.flatnonzero(np.abs(samples) > 1e-5)
    gain = 20 * np.log10(levelled(samples)[places] / samples[places])
    assert gain.max() > 30
    assert np.abs(np.diff(gain) / np.diff(places)).max() < 0.1


def test_a_recording_without_speech_has_no_loudness() -> None:
    samples = np.random.default_rng(0).standard_normal(5 * SAMPLE_RATE, np.float32) * np.float32(0.001)
    assert np.array_equal(levelled(samples), samples)


def test_music_under_the_level_of_speech_is_not_raised() -> None:
    """Raised, it would be heard as words."""
    times = np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE
    swell = 1 + 0.9 * np.sin(2 * np.pi * 0.7 * times)  # or the detector would call it even noise
    chord = sum(np.sin(2 * np.pi * tone * times) for tone in (220.0, 277.2, 329.6, 440.0)) * swell
    music = (0.0003 * chord).astype(np.float32)
    samples = np.concatenate([speech(20), music, speech(20, 4)])
    raised = levelled(samples)
    inner = slice(23 * SAMPLE_RATE, 37 * SAMPLE_RATE)
    assert np.array_equal(raised[inner], samples[inner])
