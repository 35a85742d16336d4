import math
import time
from collections.abc import Iterator, Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.transcription.batching import Batch, Batcher
from parakeet_cli.transcription.chunking import Chunk, Span

WINDOW = 16_000


def chunk(recording: int, position: int, length: int = WINDOW) -> Chunk:
    span = Span(position, position, position + length, position + length)
    return Chunk(np.zeros(length, np.float32), span, recording)


def run(batcher: Batcher, recordings: Sequence[Sequence[Chunk]]) -> Iterator[Batch]:
    for chunks in recordings:
        for item in chunks:
            yield from batcher.add(item)
        yield from batcher.end(chunks[0].recording)
    yield from batcher.flush()


recordings = st.lists(
    st.one_of(
        st.integers(1, 3 * WINDOW // 4).map(lambda length: [length]),
        st.integers(2, 30).map(lambda count: [WINDOW] * count),
        st.tuples(st.integers(1, 9), st.integers(1, WINDOW // 4)).map(
            lambda shape: [WINDOW] * shape[0] + [WINDOW - shape[1]]
        ),
    ),
    max_size=12,
).map(
    lambda lengths: [
        [chunk(number, position, length) for position, length in enumerate(group)]
        for number, group in enumerate(lengths)
    ]
)


@given(recordings=recordings, size=st.integers(1, 6))
def test_every_chunk_is_in_one_batch_and_recordings_keep_their_order(recordings: list[list[Chunk]], size: int) -> None:
    batches = list(run(Batcher(size), recordings))
    assert all(len(batch.chunks) <= size for batch in batches)
    passed = [item for batch in batches for item in batch.chunks]
    for number, chunks in enumerate(recordings):
        assert [item.span for item in passed if item.recording == number] == [item.span for item in chunks]
    assert len(passed) == sum(map(len, recordings))


@given(recordings=recordings, size=st.integers(1, 6))
def test_a_recording_is_complete_once_and_after_its_last_chunk(recordings: list[list[Chunk]], size: int) -> None:
    left = {number: len(chunks) for number, chunks in enumerate(recordings)}
    complete: list[int] = []
    for batch in run(Batcher(size), recordings):
        for item in batch.chunks:
            left[item.recording] -= 1
        assert all(left[number] == 0 for number in batch.ended)
        complete += batch.ended
    assert sorted(complete) == list(range(len(recordings)))


def test_a_full_batch_of_one_long_recording_goes_at_once() -> None:
    batcher = Batcher(4)
    given_out = [list(batcher.add(chunk(0, position))) for position in range(8)]
    assert [len(batches) for batches in given_out] == [0, 0, 0, 1, 0, 0, 0, 1]


def test_short_clips_wait_for_others_of_like_length() -> None:
    batcher = Batcher(2)
    lengths = [1_000, 9_000, 4_000, 2_000, 9_100, 4_100, 1_010, 2_010]
    batches = [
        batch for number, length in enumerate(lengths) for batch in batcher.add(chunk(number, 0, length))
    ] + list(batcher.flush())
    assert [sorted(len(item.samples) for item in batch.chunks) for batch in batches] == [
        [9_000, 9_100],
        [4_000, 4_100],
        [2_000, 2_010],
        [1_000, 1_010],
    ]


def test_a_short_clip_does_not_starve_behind_a_long_recording() -> None:
    batcher = Batcher(4)
    assert list(batcher.add(chunk(0, 0, 1_000))) == []
    batches = [batch for position in range(1_000) for batch in batcher.add(chunk(1, position))]
    waited = next(number for number, batch in enumerate(batches) if 0 in {item.recording for item in batch.chunks})
    assert waited == 4
    assert {len(batch.chunks) for batch in batches} == {4}


def test_the_last_chunk_of_a_long_recording_does_not_starve_behind_the_next() -> None:
    """It may be a little shorter than the others, and every full one of the next recording is longer."""
    batcher = Batcher(4)
    lengths = [WINDOW] * 6 + [WINDOW - 700]
    early = [batch for position, length in enumerate(lengths) for batch in batcher.add(chunk(0, position, length))]
    assert list(batcher.end(0)) == []
    batches = early + [batch for position in range(100) for batch in batcher.add(chunk(1, position))]
    ended = [number for number, batch in enumerate(batches) if 0 in batch.ended]
    assert ended and ended[0] <= 6


def test_clips_that_waited_long_go_together() -> None:
    batcher = Batcher(3)
    for number in range(3, 8):
        assert list(batcher.add(chunk(number, 0, 700 + 50 * number))) == []
    batches = [batch for position in range(60) for batch in batcher.add(chunk(0, position))]
    clips = [sorted(item.recording for item in batch.chunks) for batch in batches if len(batch.ended) == 0]
    assert [numbers for numbers in clips if numbers != [0, 0, 0]] == [[3, 4, 5], [0, 6, 7]]


def test_a_dropped_recording_leaves_no_chunk_behind() -> None:
    batcher = Batcher(4)
    for number in (0, 1):
        assert list(batcher.add(chunk(number, 0))) == []
    batcher.drop(0)
    assert [item.recording for batch in batcher.flush() for item in batch.chunks] == [1]


def test_a_recording_without_chunks_is_complete_when_it_ends() -> None:
    assert [batch.ended for batch in Batcher(4).end(3)] == [(3,)]


def in_turn(size: int) -> Batcher:
    return Batcher(size, in_turn=True)


def numbers(batch: Batch) -> list[int]:
    return [item.recording for item in batch.chunks]


@given(recordings=recordings, size=st.integers(1, 6))
def test_in_turn_too_every_chunk_is_in_one_batch_in_order_and_ends_follow(
    recordings: list[list[Chunk]], size: int
) -> None:
    batches = list(run(in_turn(size), recordings))
    assert all(len(batch.chunks) <= size for batch in batches)
    passed = [item for batch in batches for item in batch.chunks]
    for number, chunks in enumerate(recordings):
        assert [item.span for item in passed if item.recording == number] == [item.span for item in chunks]
    left = {number: len(chunks) for number, chunks in enumerate(recordings)}
    for batch in batches:
        for item in batch.chunks:
            left[item.recording] -= 1
        assert all(left[number] == 0 for number in batch.ended)
    assert sorted(number for batch in batches for number in batch.ended) == list(range(len(recordings)))


@given(recordings=recordings, size=st.integers(1, 6))
def test_in_turn_a_quarter_is_padded_at_most(recordings: list[list[Chunk]], size: int) -> None:
    for batch in run(in_turn(size), recordings):
        lengths = [len(item.samples) for item in batch.chunks]
        assert not lengths or len(lengths) * max(lengths) <= 1.25 * sum(lengths)


def test_in_turn_a_clip_goes_before_the_windows_of_a_long_recording_that_came_first() -> None:
    batcher = in_turn(4)
    early = [batch for position in range(5) for batch in batcher.add(chunk(0, position))]
    assert [numbers(batch) for batch in early] == [[0, 0, 0, 0]]
    assert list(batcher.add(chunk(1, 0, WINDOW // 4))) == []
    later = [batch for position in range(5, 9) for batch in batcher.add(chunk(0, position))]
    assert [numbers(batch) for batch in later] == [[1], [0, 0, 0, 0]]


def test_in_turn_long_recordings_share_a_batch_and_none_waits_for_two() -> None:
    batcher = in_turn(4)
    for position in range(3):
        assert list(batcher.add(chunk(0, position))) == []
    batches = [batch for position in range(40) for number in (1, 2) for batch in batcher.add(chunk(number, position))]
    assert sorted(numbers(batches[0])) == [0, 0, 0, 1]
    assert all({1, 2} <= set(numbers(batch)) for batch in batches[2:])


def test_in_turn_many_clips_and_a_long_recording_alternate() -> None:
    batcher = in_turn(4)
    batches: list[Batch] = []
    for position in range(60):
        batches += batcher.add(chunk(0, position))
        batches += batcher.add(chunk(100 + position, 0, WINDOW // 8))
    served = [0 in numbers(batch) for batch in batches]
    assert all(
        True in served[place : place + 3] and False in served[place : place + 3] for place in range(len(served) - 3)
    )


def test_what_waits_longer_than_the_patience_is_overdue_batch_by_batch() -> None:
    batcher = Batcher(4, in_turn=True, patience_seconds=0.05)
    assert math.isinf(batcher.patience())
    for number, length in enumerate((WINDOW, WINDOW // 4)):
        assert list(batcher.add(chunk(number, 0, length))) == []
        list(batcher.end(number))
    assert batcher.patience() <= 0.05
    time.sleep(0.06)
    assert batcher.patience() <= 0
    (first,), (second,) = list(batcher.overdue()), list(batcher.overdue())
    assert [numbers(first), numbers(second)] == [[0], [1]]
    assert (first.ended, second.ended) == ((0,), (1,))
    assert list(batcher.overdue()) == []
    assert math.isinf(batcher.patience())


def test_the_end_of_a_dropped_recording_is_not_told() -> None:
    batcher = in_turn(4)
    for number in (0, 1):
        assert list(batcher.add(chunk(number, 0))) == []
        assert list(batcher.end(number)) == []
    batcher.drop(0)
    assert [batch.ended for batch in batcher.flush()] == [(1,)]
