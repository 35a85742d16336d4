"""How far a decoder jumps over frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording
from benchmarks.scoring import normalise
from parakeet_cli.settings import Dtype, EngineChoice, RecognizerSettings
from parakeet_cli.transcription.checkpoints import find
from parakeet_cli.transcription.chunking import Chunk, Span
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.pytorch.decoding import Jumps, unspoken
from parakeet_cli.transcription.recognizer import Row

DURATIONS = (0, 1, 2, 3, 4)
chances = st.lists(st.floats(0.01, 1), min_size=5, max_size=5).map(lambda parts: [part / sum(parts) for part in parts])


@pytest.mark.parametrize(
    ("blank", "probabilities", "place"),
    [
        (1.0, [0.0, 0.0, 0.0, 0.02, 0.98], 4),
        (0.97, [0.0, 0.0, 0.0, 0.05, 0.95], 4),  # 0.92
        (0.97, [0.0, 0.0, 0.0, 0.08, 0.92], 3),  # 0.89 so far, 0.97 one frame less
        (0.97, [0.0, 0.0, 0.1, 0.2, 0.7], 2),  # 0.87 for three frames
        (0.89, [0.0, 0.0, 0.0, 0.0, 1.0], 0),  # the blank itself is not sure
        (1.0, [0.0, 0.95, 0.03, 0.01, 0.01], 1),
    ],
)
def test_a_blank_jumps_as_far_as_it_is_sure(blank: float, probabilities: list[float], place: int) -> None:
    assert Jumps(DURATIONS, 0.9, (7,)).after_blank(blank, probabilities) == place


def test_durations_may_stand_in_any_order() -> None:
    assert Jumps((4, 2, 0), 0.9, (7,)).after_blank(1.0, [0.85, 0.1, 0.05]) == 1
    assert Jumps((4, 2, 1), 0.9, (7,)).after_blank(0.5, [1.0, 0.0, 0.0]) == 2


@given(blank=st.floats(0.01, 1), probabilities=chances, confidence=st.floats(0, 1))
def test_a_jump_is_never_longer_than_the_likeliest(blank: float, probabilities: list[float], confidence: float) -> None:
    likeliest = Jumps(DURATIONS, confidence, (7,)).after_token(probabilities)
    assert probabilities[likeliest] == max(probabilities)
    assert Jumps(DURATIONS, confidence, (7,)).after_blank(blank, probabilities) <= likeliest
    assert Jumps(DURATIONS, 0.0, (7,)).after_blank(blank, probabilities) == likeliest


@given(blank=st.floats(0.01, 1), probabilities=chances, confidences=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)))
def test_who_asks_for_more_certainty_jumps_no_further(
    blank: float, probabilities: list[float], confidences: tuple[float, float]
) -> None:
    less, more = sorted(confidences)
    assert Jumps(DURATIONS, more, (7,)).after_blank(blank, probabilities) <= Jumps(DURATIONS, less, (7,)).after_blank(
        blank, probabilities
    )


def test_marks_are_no_sound_and_the_start_of_a_word_is() -> None:
    assert unspoken((" a", ",", " ", "'", ".", "n't", " –", "⁇"), 8) == (1, 3, 4, 6, 8)


@pytest.mark.model
@pytest.mark.parametrize("engine", [EngineChoice.TORCH, EngineChoice.NEMO])
@pytest.mark.parametrize("seed", [46, 52])
def test_a_word_that_greedy_decoding_jumps_over_is_found(engine: EngineChoice, seed: int) -> None:
    """Both times it stands between two others that are heard either way."""
    recording = make_recording(12, seed, load_clips(DEFAULT_FOLDER), style="few")
    end = len(recording.samples)
    heard = []
    for confidence in (0.0, RecognizerSettings().skip_confidence):
        settings = RecognizerSettings(device="cpu", dtype=Dtype.FP32, engine=engine, skip_confidence=confidence)
        recognizer = load_recognizer(find("demo"), settings)
        (frames,) = recognizer.encode([Chunk(recording.samples, Span(0, 0, end, end), 0)])
        ((hypothesis, _),) = recognizer.decode([Row(frames, None)])
        text = "".join(token.text for token in hypothesis.tokens)
        heard.append([normalise(word) for word in text.split()])
    said = [word.text for word in recording.words]
    greedy, careful = heard
    assert len(greedy) == len(said) - 1
    assert careful == said
