"""Rows of a batch in groups, each with its part of torch's threads: the same numbers, and no thread left behind."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import torch

from parakeet_cli.transcription.fastconformer.encoder import Encoder
from parakeet_cli.transcription.fastconformer.sharing import groups_of_rows, run_apart
from tests.full_size import FULL_SIZE


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("lengths", "threads", "groups"),
    [
        ([34], 2, [[0]]),
        ([34, 34, 34, 34], 1, [[0, 1, 2, 3]]),
        ([34, 34, 34, 34], 2, [[0, 2], [1, 3]]),
        ([34, 34, 34, 34], 4, [[0], [1], [2], [3]]),
        ([34, 34, 34, 34], 16, [[0], [1], [2], [3]]),  # four threads each
        ([34, 34, 34, 34], 6, [[0, 2], [1, 3]]),  # three threads each: in four groups, two of them would be idle
        ([34, 34, 34], 2, [[0, 1, 2]]),  # in two groups one thread would wait for a whole row
        ([10, 34, 11, 12], 2, [[1], [3, 2, 0]]),
    ],
)
def test_rows_are_divided_so_that_all_are_done_soonest(
    lengths: list[int], threads: int, groups: list[list[int]]
) -> None:
    assert groups_of_rows(lengths, threads) == groups


@pytest.mark.parametrize("threads", [1, 4])  # four rows, or two, lie behind each other for the matrices
@pytest.mark.parametrize("way", ["forward", "exactly"])
def test_a_row_is_encoded_as_it_is_alone(threads: int, way: str) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    encoder = Encoder(replace(FULL_SIZE, width=64, feed_forward=128, layers=3, heads=4)).eval()
    encode = getattr(encoder, way)
    for name, weight in encoder.named_parameters():
        if name.endswith("_bias"):  # of what is near, which are not drawn as others are
            torch.nn.init.normal_(weight)
    counts = torch.tensor([800, 640, 400, 96])
    features = torch.randn(4, 800, 128)
    with torch.inference_mode():
        frames, lengths = encode(features, counts)
        for row, (count, length) in enumerate(zip(counts.tolist(), lengths.tolist(), strict=True)):
            encoder._kept = []  # what distances mean in the longest row, of which the others take a part
            alone, _ = encode(features[row : row + 1, :count], counts[row : row + 1])
            torch.testing.assert_close(frames[row, :length], alone[0], rtol=1e-5, atol=1e-5)
    assert frames.is_inference()
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("lengths", "together"),
    [([400, 400, 400, 400], [800, 800]), ([600, 600], [600, 600]), ([500, 500, 24, 1], [1024, 1]), ([1100], [1100])],
)
def test_only_so_many_frames_go_through_a_matrix_at_once(lengths: list[int], together: list[int]) -> None:
    """Else the memory of a long chunk would grow with the rows of its batch."""
    torch.set_num_threads(1)
    encoder = Encoder(replace(FULL_SIZE, width=8, feed_forward=8, layers=1, heads=1, channels=1)).eval()
    seen = []
    encoder.layers[0].get_submodule("first.up").register_forward_pre_hook(lambda _, frames: seen.append(frames[0]))
    counts = torch.tensor([8 * length for length in lengths])
    with torch.inference_mode():
        encoder(torch.zeros(len(lengths), int(counts.max()), 128), counts)
    assert [tuple(frames.shape) for frames in seen] == [(1, count, 8) for count in together]


def test_each_group_has_a_thread_of_its_own_and_its_part_of_the_others() -> None:
    together = threading.Barrier(2, timeout=30)
    seen: dict[int, tuple[int, int]] = {}

    def steps(rows: Sequence[int]) -> Iterator[None]:
        together.wait()  # so neither is done before the other begins
        seen[rows[0]] = (threading.get_ident(), torch.get_num_threads())
        yield

    run_apart([[0, 2], [1]], steps)
    (first, its_threads), (second, others_threads) = seen[0], seen[1]
    assert first == threading.get_ident() != second
    assert its_threads == others_threads == 2
    assert _threads_of_a_new_thread() == torch.get_num_threads() == 4


@pytest.mark.parametrize("failing", [0, 1])
def test_where_one_fails_the_others_stop_and_it_is_raised(failing: int) -> None:
    failed = threading.Event()
    after = []

    def steps(rows: Sequence[int]) -> Iterator[None]:
        if rows[0] == failing:
            failed.set()
            raise MemoryError("no room")
        assert failed.wait(30)
        for step in range(1_000_000):
            yield
            after.append(step)

    with pytest.raises(MemoryError, match="no room"):
        run_apart([[0], [1]], steps)
    assert len(after) < 1_000_000
    assert torch.get_num_threads() == 4


def _threads_of_a_new_thread() -> int:
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return seen[0]
