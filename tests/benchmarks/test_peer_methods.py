"""Others' ways of joining pieces, on made-up tokens: what they do right, and the faults they are known for."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from benchmarks.peer_methods import (
    HeardToken,
    NoCommonRun,
    cut,
    decode_windows,
    merge_by_runs,
    merge_by_subsequence,
    merge_like_mlx,
    merge_like_nemo,
    to_words,
    windows,
)
from benchmarks.recordings import SpokenWord
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.chunking import Samples

TimedMerge = Callable[[list[HeardToken], list[HeardToken], float], list[HeardToken]]


def tokens(text: str, start: float = 0.0) -> list[HeardToken]:
    """One token a second, each half a second long, its id that of its word."""
    return [
        HeardToken(sum(map(ord, word)), f" {word}", start + second, start + second + 0.5)
        for second, word in enumerate(text.split())
    ]


def text(heard: Sequence[HeardToken]) -> str:
    return "".join(token.text for token in heard).strip()


def test_fixed_cuts_leave_nothing_out_and_do_not_overlap() -> None:
    samples = np.arange(25 * SAMPLE_RATE, dtype=np.float32)
    pieces = cut(samples, 10)
    assert [start for start, _ in pieces] == [0, 10, 20]
    assert np.array_equal(np.concatenate([piece for _, piece in pieces]), samples)


def test_windows_overlap() -> None:
    samples = np.arange(60 * SAMPLE_RATE, dtype=np.float32)
    pieces = windows(samples, 30, 5)
    assert [start for start, _ in pieces] == [0, 25, 50]
    assert [len(piece) / SAMPLE_RATE for _, piece in pieces] == [30, 30, 10]
    assert all(piece[0] == start * SAMPLE_RATE for start, piece in pieces)


def test_a_rest_that_no_model_can_take_is_no_window() -> None:
    assert len(cut(np.zeros(20 * SAMPLE_RATE + 500, np.float32), 10)) == 2


@pytest.mark.parametrize("merge", [merge_by_runs, merge_by_subsequence, merge_like_mlx])
def test_windows_that_agree_are_joined_without_loss(merge: TimedMerge) -> None:
    before, after = tokens("a b c d e f"), tokens("d e f g h i", start=3.0)
    assert text(merge(before, after, 3.0)) == "a b c d e f g h i"


@pytest.mark.parametrize("merge", [merge_by_runs, merge_by_subsequence, merge_like_mlx])
def test_windows_that_do_not_touch_are_joined_end_to_end(merge: TimedMerge) -> None:
    assert text(merge(tokens("a b"), tokens("c d", start=5.0), 3.0)) == "a b c d"
    assert text(merge([], tokens("c d"), 3.0)) == "c d"
    assert text(merge(tokens("a b"), [], 3.0)) == "a b"


def test_a_short_common_run_is_not_enough() -> None:
    before, after = tokens("a b c d e f"), tokens("d x y g h i", start=3.0)
    with pytest.raises(NoCommonRun):
        merge_by_runs(before, after, 3.0)


def test_between_common_tokens_the_side_with_more_is_kept() -> None:
    before = tokens("a b c d e f")
    after = [*tokens("d", 3.0), *tokens("x", 3.6), *tokens("e f g", 4.0)]
    assert text(merge_by_subsequence(before, after, 3.0)) == "a b c d x e f g"


def test_without_a_common_token_the_overlap_is_cut_in_the_middle() -> None:
    before, after = tokens("a b c d e f"), tokens("u v w x y z", start=3.0)
    assert text(merge_by_subsequence(before, after, 3.0)) == "a b c d w x y z"


def test_equal_tokens_further_apart_than_half_an_overlap_are_not_the_same() -> None:
    before, after = tokens("a b c d e f g"), tokens("c k l m n o p", start=6.0)
    merged = merge_by_subsequence(before, after, 3.0)
    assert text(merged) != "a b c k l m n o p"


def test_a_word_that_the_second_window_capitalises_is_doubled_or_lost_there() -> None:
    before, after = tokens("a b c"), tokens("C d e", start=1.6)
    assert text(merge_like_mlx(before, after, 3.0)) != "a b c d e"


def test_times_never_go_back() -> None:
    before = tokens("a b c d e f")
    after = [token._replace(start=token.start - 0.4, end=token.end - 0.4) for token in tokens("f g h", start=5.0)]
    merged = merge_like_mlx(before, after, 3.0)
    starts = [token.start for token in merged]
    assert starts == sorted(starts)
    assert all(token.end >= token.start for token in merged)


@pytest.mark.model
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # NeMo scripts modules on import
def test_nemo_joins_by_tokens_alone() -> None:
    before, after = tokens("a b c d e f"), tokens("d e f g h i", start=3.0)
    assert text(merge_like_nemo(before, after, 3.0)) == "a b c d e f g h i"
    far = tokens("d e f g h i", start=300.0)
    assert text(merge_like_nemo(before, far, 3.0)) == "a b c d e f g h i"
    assert text(merge_like_nemo(before, tokens("x y z"), 3.0)) == "a b c d e f x y z"
    assert text(merge_like_nemo([], after, 3.0)) == "d e f g h i"


def test_tokens_become_words() -> None:
    heard = [
        HeardToken(1, " S", 0.0, 0.2),
        HeardToken(2, "even", 0.2, 0.4),
        HeardToken(3, ",", 0.4, 0.4),
        HeardToken(4, " two", 0.5, 0.7),
    ]
    assert to_words(heard) == [SpokenWord("Seven,", 0.0, 0.4), SpokenWord("two", 0.5, 0.7)]


@pytest.mark.parametrize("batch_size", [1, 2, 9])
def test_windows_are_decoded_and_merged_in_the_time_of_the_recording(batch_size: int) -> None:
    """The samples say which second they are from; a decoder that hears one token a second."""
    samples = np.repeat(np.arange(60, dtype=np.float32), SAMPLE_RATE)

    def decode(pieces: Sequence[Samples]) -> list[list[HeardToken]]:
        return [
            [HeardToken(int(s), f" {int(s)}", i, i + 0.5) for i, s in enumerate(piece[::SAMPLE_RATE])]
            for piece in pieces
        ]

    words = decode_windows(samples, 30, 5, decode, lambda before, after: merge_like_mlx(before, after, 5.0), batch_size)
    assert words == [SpokenWord(str(second), second, second + 0.5) for second in range(60)]
