"""How far a decoder jumps over frames."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording
from benchmarks.scoring import normalise
from parakeet_cli.settings import Dtype, EngineChoice, RecognizerSettings
from parakeet_cli.transcription.checkpoints import find
from parakeet_cli.transcription.chunking import Chunk, Span
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.pytorch.decoding import BatchJumps, Jumps, unspoken
from parakeet_cli.transcription.recognizer import Row

DURATIONS = (0, 1, 2, 3, 4)
CPU = torch.device("cpu")
chances = st.lists(st.floats(0.01, 1), min_size=5, max_size=5).map(lambda parts: [part / sum(parts) for part in parts])


def jump(jumps: Jumps, blank: float, probabilities: Sequence[float]) -> int:
    """After a blank of such a probability; label 1 has the rest."""
    logprobs = torch.tensor([[blank, 1 - blank]]).log()
    return int(BatchJumps(jumps, CPU).after_blank(logprobs, torch.tensor([probabilities]).log()))


def sure(confidence: float, durations: tuple[int, ...] = DURATIONS) -> Jumps:
    return Jumps(durations, confidence, (0,))


@pytest.mark.parametrize(
    ("blank", "probabilities", "frames"),
    [
        (1.0, [0.0, 0.0, 0.0, 0.02, 0.98], 4),
        (0.97, [0.0, 0.0, 0.0, 0.05, 0.95], 4),  # 0.92
        (0.97, [0.0, 0.0, 0.0, 0.08, 0.92], 3),  # 0.89 so far, 0.97 one frame less
        (0.97, [0.0, 0.0, 0.1, 0.2, 0.7], 2),  # 0.87 for three frames
        (0.89, [0.0, 0.0, 0.0, 0.0, 1.0], 0),  # the blank itself is not sure
        (1.0, [0.0, 0.95, 0.03, 0.01, 0.01], 1),
    ],
)
def test_a_blank_jumps_as_far_as_it_is_sure(blank: float, probabilities: list[float], frames: int) -> None:
    assert jump(sure(0.9), blank, probabilities) == frames


def test_durations_may_stand_in_any_order() -> None:
    assert jump(sure(0.9, (4, 2, 0)), 1.0, [0.85, 0.1, 0.05]) == 2
    assert jump(sure(0.9, (4, 2, 1)), 0.5, [1.0, 0.0, 0.0]) == 1


@given(blank=st.floats(0.01, 1), probabilities=chances, confidence=st.floats(0, 1))
def test_a_jump_is_never_longer_than_the_likeliest(blank: float, probabilities: list[float], confidence: float) -> None:
    likeliest = int(BatchJumps(sure(confidence), CPU).after_token(torch.tensor([probabilities]).log()))
    assert probabilities[likeliest] == pytest.approx(max(probabilities))
    assert jump(sure(confidence), blank, probabilities) <= likeliest
    assert jump(sure(0.0), blank, probabilities) == likeliest


@given(blank=st.floats(0.01, 1), probabilities=chances, confidences=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)))
def test_who_asks_for_more_certainty_jumps_no_further(
    blank: float, probabilities: list[float], confidences: tuple[float, float]
) -> None:
    less, more = sorted(confidences)
    assert jump(sure(more), blank, probabilities) <= jump(sure(less), blank, probabilities)


def test_what_is_left_alone_is_the_likeliest_and_certain() -> None:
    outputs = BatchJumps(sure(0.9, (4, 2, 0)), CPU).alone(torch.tensor([2, 0, 4]))
    assert outputs.argmax(dim=1).tolist() == [1, 2, 0]
    assert outputs.softmax(dim=1).amax(dim=1).tolist() == [1.0, 1.0, 1.0]


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
