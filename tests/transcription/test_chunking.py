import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.settings import SAMPLE_RATE, ChunkSettings
from parakeet_cli.transcription.chunking import Chunk, Samples, split
from parakeet_cli.transcription.stretches import Sound

FRAME = 1_280


def ramp(length: int) -> Samples:
    """Every sample tells its own position (exact in float32 up to 2**24)."""
    return np.arange(length, dtype=np.float32)


def chunks_of(
    length: int, *, chunk: float = 1.6, context: float = 0.32, block: int = 4_000
) -> tuple[list[Chunk], Samples]:
    samples = ramp(length)
    sounds = [Sound(start, samples[start : start + block]) for start in range(0, length, block)]
    return [item for item in split(sounds, 7, ChunkSettings(chunk, context), FRAME) if isinstance(item, Chunk)], samples


@given(
    length=st.integers(0, 40 * FRAME),
    chunk=st.sampled_from([0.08, 0.4, 1.6]),
    context=st.sampled_from([0.0, 0.08, 0.32]),
    block=st.integers(1, 9_000),
)
def test_every_sample_is_owned_exactly_once_in_order(length: int, chunk: float, context: float, block: int) -> None:
    chunks, _ = chunks_of(length, chunk=chunk, context=context, block=max(block, length // 50))
    ends = [0] + [item.span.owned_until for item in chunks]
    assert [item.span.owned_from for item in chunks] == ends[:-1]
    assert ends[-1] == length


@given(length=st.integers(1, 40 * FRAME))
def test_a_chunk_holds_the_samples_its_span_says(length: int) -> None:
    chunks, samples = chunks_of(length)
    for item in chunks:
        assert np.array_equal(item.samples, samples[item.span.heard_from : item.span.heard_until])


@given(length=st.integers(1, 40 * FRAME))
def test_inner_cuts_lie_on_frames_with_full_context_on_both_sides(length: int) -> None:
    chunks, _ = chunks_of(length)
    context = round(0.32 * SAMPLE_RATE)
    for item in chunks:
        assert item.span.heard_from % FRAME == item.span.owned_from % FRAME == 0
        assert item.span.owned_from - item.span.heard_from >= min(context, item.span.owned_from)
        assert item.span.heard_until - item.span.owned_until >= min(context, length - item.span.owned_until)


def test_all_chunks_of_a_long_recording_have_the_length_of_a_window() -> None:
    chunks, _ = chunks_of(30 * SAMPLE_RATE + 17)
    window = round(1.6 * SAMPLE_RATE) + 2 * round(0.32 * SAMPLE_RATE)
    assert len(chunks) > 10
    assert all(window - FRAME < len(item.samples) <= window for item in chunks)


@pytest.mark.parametrize("length", [1, 1_280, 20_000])
def test_a_short_recording_is_one_chunk_without_context(length: int) -> None:
    chunks, samples = chunks_of(length)
    assert len(chunks) == 1
    assert np.array_equal(chunks[0].samples, samples)


def test_no_samples_give_no_chunk() -> None:
    assert chunks_of(0)[0] == []
