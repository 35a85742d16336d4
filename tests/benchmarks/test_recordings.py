"""Recordings with known words: what is said where, how it is spaced, and that it can be made again."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import recordings
from benchmarks.recordings import (
    DIGITS,
    Clips,
    Recording,
    load_clips,
    make_recording,
    read_wav,
    resample,
    write_wav,
)
from parakeet_cli.settings import SAMPLE_RATE


@pytest.fixture(scope="module")
def clips() -> Clips:
    return load_clips(recordings.DEFAULT_FOLDER)


def pauses(recording: Recording) -> NDArray[np.float64]:
    return np.array([word.start for word in recording.words[1:]], np.float64) - np.array(
        [word.end for word in recording.words[:-1]], np.float64
    )


def test_the_folder_of_digits_has_three_takes_of_every_digit_by_six_speakers(clips: Clips) -> None:
    assert sorted(clips) == ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
    assert {len(takes) for digits in clips.values() for takes in digits} == {3}


def test_clips_of_the_tests_were_not_trained_on() -> None:
    """The demo checkpoint was trained on takes 5 to 49 (models/README.md); the last part of a name is the take."""
    names = [path.stem for path in recordings.DEFAULT_FOLDER.glob("*.wav")]
    assert len(names) == 180
    assert {name.rpartition("_")[2] for name in names} == {"0", "1", "2"}


def test_takes_can_be_chosen(clips: Clips) -> None:
    chosen = load_clips(recordings.DEFAULT_FOLDER, range(1, 2))
    assert {len(takes) for digits in chosen.values() for takes in digits} == {1}
    assert np.array_equal(chosen["theo"][7][0], clips["theo"][7][1])


def test_a_folder_without_digits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no digit recordings"):
        load_clips(tmp_path)


def test_equal_seeds_make_equal_recordings(clips: Clips) -> None:
    first, again, other = (make_recording(20, seed, clips) for seed in (3, 3, 4))
    assert np.array_equal(first.samples, again.samples)
    assert first.words == again.words
    assert first.words != other.words


def test_a_recording_has_the_asked_length_and_type(clips: Clips) -> None:
    recording = make_recording(12.34, 1, clips)
    assert recording.samples.shape == (round(12.34 * SAMPLE_RATE),)
    assert recording.samples.dtype == np.float32
    assert np.abs(recording.samples).max() < 1


def test_words_are_digits_in_order_inside_the_recording(clips: Clips) -> None:
    recording = make_recording(30, 1, clips)
    assert {word.text for word in recording.words} <= set(DIGITS)
    assert all(word.start < word.end for word in recording.words)
    assert pauses(recording).min() >= 0.049
    assert recording.words[0].start > 0
    assert recording.words[-1].end <= 30


def test_utterances_hold_every_word_once(clips: Clips) -> None:
    recording = make_recording(60, 2, clips)
    assert [text for u in recording.utterances for text in u.texts] == [word.text for word in recording.words]
    words = iter(recording.words)
    for utterance in recording.utterances:
        assert 1 <= len(utterance.texts) <= 8
        for word in (next(words) for _ in utterance.texts):
            assert utterance.start < word.start
            assert word.end < utterance.end
    edges = [edge for u in recording.utterances for edge in (u.start, u.end)]
    assert edges == sorted(edges)


def test_with_few_pauses_a_long_one_is_rare(clips: Clips) -> None:
    few = pauses(make_recording(240, 1, clips, "few"))
    assert np.mean(few <= 0.201) > 0.95
    assert few.max() > 0.5


def test_with_many_pauses_commas_and_full_stops_can_be_heard(clips: Clips) -> None:
    many = pauses(make_recording(240, 1, clips, "many"))
    assert 0.15 < np.mean((many >= 0.2) & (many <= 0.401)) < 0.35
    assert 0.15 < np.mean((many >= 0.499) & (many <= 1.101)) < 0.35
    assert not np.any((many > 0.401) & (many < 0.499))


def test_the_mixed_style_changes_by_the_minute(clips: Clips) -> None:
    recording = make_recording(240, 1, clips, "mixed")
    minutes = np.array([word.end // 60 for word in recording.words[:-1]])
    shares = [np.mean(pauses(recording)[minutes == minute] > 0.201) for minute in range(4)]
    assert max(shares[0], shares[2]) < 0.1
    assert min(shares[1], shares[3]) > 0.3


def test_an_unknown_style_is_refused(clips: Clips) -> None:
    with pytest.raises(ValueError, match="few, many, mixed"):
        make_recording(1, 1, clips, "some")


def test_the_noise_is_30_db_below_the_words_and_never_stops(clips: Clips) -> None:
    recording = make_recording(120, 1, clips, "many")
    spoken = np.zeros(len(recording.samples), np.bool_)
    for word in recording.words:
        spoken[round(word.start * SAMPLE_RATE) : round(word.end * SAMPLE_RATE)] = True
    power = recording.samples.astype(np.float64) ** 2
    assert 10 * np.log10(power[spoken].mean() / power[~spoken].mean()) == pytest.approx(30, abs=0.2)
    blocks = recording.samples[: len(recording.samples) // 160 * 160].reshape(-1, 160)
    assert np.abs(blocks).max(axis=1).min() > 0


def test_the_words_have_different_levels(clips: Clips) -> None:
    recording = make_recording(60, 1, clips)
    levels = [
        np.sqrt(np.mean(recording.samples[round(w.start * SAMPLE_RATE) : round(w.end * SAMPLE_RATE)] ** 2))
        for w in recording.words
    ]
    spread = 20 * np.log10(np.array(levels) / recordings.SPEECH_RMS)
    assert spread.min() >= -3.1
    assert spread.max() <= 3.1
    assert spread.std() > 1


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
def test_resampling_keeps_a_tone_in_place_and_adds_no_image_of_it(rate: int) -> None:
    tone = np.sin(2 * np.pi * 3000 * np.arange(rate) / rate).astype(np.float32)
    resampled = resample(tone, rate)
    assert len(resampled) == 16_000
    expected = np.sin(2 * np.pi * 3000 * np.arange(16_000) / 16_000)
    assert resampled[1000:-1000] == pytest.approx(expected[1000:-1000], abs=0.01)
    power = np.abs(np.fft.rfft(resampled * np.hanning(len(resampled)))) ** 2
    assert power[4200:].sum() < 1e-6 * power.sum()


def test_a_written_recording_reads_back_within_half_a_step(clips: Clips, tmp_path: Path) -> None:
    samples = make_recording(2, 1, clips).samples
    write_wav(tmp_path / "a.wav", samples)
    assert np.abs(read_wav(tmp_path / "a.wav") - samples).max() <= 1 / 32768


def test_the_command_writes_the_recording_and_its_words(tmp_path: Path) -> None:
    script = Path(recordings.__file__)
    out = tmp_path / "digits.wav"
    options = ["--minutes", "0.2", "--seed", "7", "--style", "many", str(out)]
    subprocess.run([sys.executable, str(script), *options], check=True, capture_output=True)
    assert len(read_wav(out)) == 12 * SAMPLE_RATE
    content = json.loads((tmp_path / "digits.words.json").read_text(encoding="utf-8"))
    assert {word["text"] for word in content["words"]} <= set(DIGITS)
    assert sum(len(utterance["texts"]) for utterance in content["utterances"]) == len(content["words"])
