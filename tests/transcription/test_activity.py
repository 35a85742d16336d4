"""Speech and silence, told on real digits, noise, music and digital silence."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.recordings import DEFAULT_FOLDER, Recording, load_clips, make_recording
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.activity import FRAME, EnergyDetector, Heard, Samples, SileroDetector
from parakeet_cli.transcription.levelling import level
from parakeet_cli.transcription.silero import Silero


def heard(samples: Samples, block: int = SAMPLE_RATE, silero: SileroDetector | None = None) -> Heard:
    """All of a recording in one piece."""
    blocks = (samples[start : start + block] for start in range(0, len(samples), block))
    judged = EnergyDetector().listen(blocks)
    pieces = list(silero.judge(judged) if silero else judged)
    return Heard(
        np.concatenate([np.empty(0, np.float32), *(piece.samples for piece in pieces)]),
        *(
            np.concatenate([np.empty(0, np.bool_), *(getattr(piece, name) for piece in pieces)])
            for name in ("speech", "silent", "dead")
        ),
    )


def noise(seconds: float, level: float, seed: int = 0) -> Samples:
    """White; ``level`` in dB."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(round(seconds * SAMPLE_RATE), np.float32) * np.float32(10 ** (level / 20))


def digits(snr: float, style: str = "many") -> Recording:
    return make_recording(60, 3, load_clips(DEFAULT_FOLDER), style, snr)


def in_words(recording: Recording, frames: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    flags = np.zeros(frames, np.bool_)
    for word in recording.words:
        flags[round(word.start * SAMPLE_RATE / FRAME) : round(word.end * SAMPLE_RATE / FRAME)] = True
    return flags


@settings(deadline=None, max_examples=25)
@given(length=st.integers(0, 40 * SAMPLE_RATE), block=st.integers(100, 30_000))
def test_what_goes_in_comes_out_with_a_flag_for_each_frame(length: int, block: int) -> None:
    samples = np.resize(noise(1, -30), length).astype(np.float32)
    out = heard(samples, block)
    assert np.array_equal(out.samples, samples)
    assert len(out.speech) == len(out.silent) == len(out.dead) == -(-length // FRAME)


def test_how_the_media_comes_in_blocks_changes_nothing() -> None:
    samples = digits(20).samples
    first, other = (heard(samples, block) for block in (16_000, 7_777))
    assert np.array_equal(first.speech, other.speech)
    assert np.array_equal(first.silent, other.silent)


@pytest.mark.parametrize(("snr", "least"), [(30, 0.9), (20, 0.85), (10, 0.7), (5, 0.6)])
def test_most_of_every_word_is_speech_and_no_word_is_silent(snr: float, least: float) -> None:
    recording = digits(snr)
    out = heard(recording.samples)
    words = in_words(recording, len(out.speech))
    assert out.speech[words].mean() >= least
    for word in recording.words:
        frames = slice(round(word.start * SAMPLE_RATE / FRAME), round(word.end * SAMPLE_RATE / FRAME))
        assert out.silent[frames].mean() < 0.8, word


def test_words_at_minus_40_db_are_still_heard() -> None:
    recording = digits(30)
    out = heard(recording.samples * np.float32(0.01))
    assert out.speech[in_words(recording, len(out.speech))].mean() >= 0.8


def test_even_noise_is_silence_unless_it_is_loud() -> None:
    assert heard(noise(30, -55)).silent.mean() > 0.99
    loud = heard(noise(30, -30))
    assert loud.silent.mean() < 0.01  # there may be a voice under it
    assert loud.speech.mean() < 0.01


def test_a_click_is_not_speech_and_yet_not_silence() -> None:
    samples = noise(20, -60)
    samples[10 * SAMPLE_RATE : 10 * SAMPLE_RATE + 40] += 0.5
    out = heard(samples)
    assert not out.silent.all()
    assert out.speech.sum() <= 4


@pytest.mark.parametrize("seconds", [0.4, 3.0])
def test_digital_silence_is_dead_and_filled_with_faint_noise(seconds: float) -> None:
    zeros = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    samples = np.concatenate([noise(5, -45), zeros, noise(5, -45)])
    out = heard(samples)
    inside = slice(-(-5 * SAMPLE_RATE // FRAME) + 1, (5 * SAMPLE_RATE + len(zeros)) // FRAME - 1)
    assert out.dead[inside].all()
    assert out.silent[inside].all()
    assert not out.dead[: 5 * SAMPLE_RATE // FRAME].any()
    filled = out.samples[inside.start * FRAME : inside.stop * FRAME]
    assert -62 < 20 * np.log10(np.sqrt(np.mean(filled**2))) < -48


def test_a_recording_of_zeros_alone_is_dead() -> None:
    out = heard(np.zeros(5 * SAMPLE_RATE, np.float32))
    assert out.dead.all()
    assert not out.speech.any()


def chords(seconds: float) -> Samples:
    """Triads of decaying overtones, a new one every half a second."""
    times = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    notes = [np.array([220.0, 277.2, 329.6]) * 2 ** (step / 12) for step in (0, 5, 7, 0, 9, 2)]
    beats = [sum(np.sin(2 * np.pi * tone * (h + 1) * times) / (h + 1) for tone in n for h in range(4)) for n in notes]
    bar: Sequence[np.ndarray] = [beat * np.exp(-3 * times) for beat in beats]
    return np.resize(np.concatenate(bar), round(seconds * SAMPLE_RATE)).astype(np.float32) * np.float32(0.05)


def test_silero_hears_words_and_does_not_take_music_for_speech() -> None:
    music = heard(chords(15), silero=SileroDetector())
    assert music.speech.mean() < 0.1
    assert heard(chords(15)).speech.mean() > 0.3  # which the energy does
    recording = digits(20)
    out = heard(recording.samples[: 15 * SAMPLE_RATE], silero=SileroDetector())
    assert out.speech[in_words(recording, len(out.speech) + 10_000)[: len(out.speech)]].mean() >= 0.7


def test_silero_judges_the_same_in_whatever_pieces_the_sound_comes() -> None:
    samples = digits(20).samples[: 10 * SAMPLE_RATE // FRAME * FRAME]
    whole = Silero().probabilities(samples)
    by_piece = Silero()
    pieces = [by_piece.probabilities(samples[start : start + 7 * FRAME]) for start in range(0, len(samples), 7 * FRAME)]
    assert np.array_equal(np.concatenate(pieces), whole)
    assert whole.max() > 0.9
    assert len(Silero().probabilities(np.zeros(700, np.float32))) == 2
    assert len(Silero().probabilities(np.zeros(0, np.float32))) == 0


def test_recordings_that_are_judged_at_once_in_threads_keep_their_own_speech() -> None:
    recordings = [digits(snr).samples[: 20 * SAMPLE_RATE] for snr in (5, 10, 20, 40)]

    def judged(samples: Samples) -> list[Heard]:
        blocks = (samples[start : start + SAMPLE_RATE] for start in range(0, len(samples), SAMPLE_RATE))
        return list(SileroDetector().judge(level(EnergyDetector().listen(blocks))))

    alone = [judged(samples) for samples in recordings]
    with ThreadPoolExecutor(4) as threads:
        for pieces, expected in zip(threads.map(judged, recordings), alone, strict=True):
            for piece, other in zip(pieces, expected, strict=True):
                assert np.array_equal(piece.samples, other.samples)
                assert np.array_equal(piece.speech, other.speech)
