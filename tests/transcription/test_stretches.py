"""What is sent of a recording, what is left out of it, and where the decoder starts afresh."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.settings import SAMPLE_RATE, ActivitySettings
from parakeet_cli.transcription.activity import FRAME, Heard
from parakeet_cli.transcription.stretches import Skipped, Sound, divide

SECOND = 32  # frames of 31.25 a second, for round numbers
ENCODER_FRAME = 1_280
SOUND, SILENT, DEAD = 0, 1, 2
Kinds = Sequence[tuple[int, int]]
"""(kind, frames) in order."""


def heard(kinds: Kinds, hop: int = SECOND) -> list[Heard]:
    """Every sample tells its own position."""
    flags = np.concatenate([np.full(count, kind) for kind, count in kinds]) if kinds else np.empty(0, np.int64)
    samples = np.arange(len(flags) * FRAME, dtype=np.float32)
    return [
        Heard(
            samples[start * FRAME : (start + hop) * FRAME],
            flags[start : start + hop] == SOUND,
            flags[start : start + hop] != SOUND,
            flags[start : start + hop] == DEAD,
        )
        for start in range(0, len(flags), hop)
    ]


def divided(kinds: Kinds, **changes: float) -> list[Sound | Skipped]:
    return list(divide(heard(kinds), ActivitySettings(**changes), ENCODER_FRAME))  # type: ignore[arg-type]


def stretches(items: Sequence[Sound | Skipped]) -> list[tuple[int, int]]:
    """Start and end of each, in frames of activity."""
    found: list[tuple[int, int]] = []
    for item in items:
        if isinstance(item, Sound):
            end = item.start + len(item.samples)
            if found and found[-1][1] == item.start:
                found[-1] = (found[-1][0], end)
            else:
                found.append((item.start, end))
    return found


runs = st.lists(st.tuples(st.sampled_from([SOUND, SILENT, DEAD]), st.integers(1, 15 * SECOND)), max_size=9)


@given(kinds=runs, hop=st.sampled_from([SECOND, 7]), skip=st.sampled_from([2.0, 5.0, float("inf")]))
def test_every_sample_is_sent_once_or_told_as_skipped_in_order(kinds: Kinds, hop: int, skip: float) -> None:
    items = list(divide(heard(kinds, hop), ActivitySettings(skip_silence_seconds=skip), ENCODER_FRAME))
    position = 0
    for item in items:
        assert item.start == position
        if isinstance(item, Sound):
            assert np.array_equal(item.samples, np.arange(position, position + len(item.samples), dtype=np.float32))
            position += len(item.samples)
        else:
            assert item.end > item.start
            position = item.end
    assert position == sum(count for _, count in kinds) * FRAME


@given(kinds=runs)
def test_no_frame_with_sound_is_ever_skipped(kinds: Kinds) -> None:
    items = divided(kinds, skip_silence_seconds=2.0)
    sounding = np.concatenate([[False], *(np.full(count * FRAME, kind == SOUND) for kind, count in kinds)])[1:]
    for item in items:
        if isinstance(item, Skipped):
            assert not sounding[item.start : item.end].any()


@given(kinds=runs)
def test_stretches_begin_on_encoder_frames_and_the_decoder_afresh(kinds: Kinds) -> None:
    items = divided(kinds, skip_silence_seconds=2.0)
    begins = [start for start, _ in stretches(items)]
    restarts = [place for item in items if isinstance(item, Sound) for place in item.restarts]
    assert all(begin % ENCODER_FRAME == 0 for begin in begins)
    assert set(begins) <= set(restarts)
    for item in items:
        if isinstance(item, Sound):
            assert all(item.start <= place < item.start + len(item.samples) for place in item.restarts)
            assert all(place % ENCODER_FRAME == 0 for place in item.restarts)


def test_silence_over_the_limit_is_left_out_but_for_its_margins() -> None:
    items = divided([(SOUND, 3 * SECOND), (SILENT, 60 * SECOND), (SOUND, 3 * SECOND)])
    (first, last) = stretches(items)
    (skipped,) = [item for item in items if isinstance(item, Skipped)]
    margin = SAMPLE_RATE // 2
    assert first == (0, 3 * SECOND * FRAME + margin)
    assert last[0] == pytest.approx(63 * SECOND * FRAME - margin, abs=ENCODER_FRAME)
    assert (skipped.start, skipped.end) == (first[1], last[0])


def test_a_silence_that_is_sent_may_restart_the_decoder_before_the_next_word() -> None:
    items = divided([(SOUND, 3 * SECOND), (SILENT, 4 * SECOND), (SOUND, 3 * SECOND)], restart_seconds=2.0)
    assert len(stretches(items)) == 1
    restarts = [place for item in items if isinstance(item, Sound) for place in item.restarts]
    assert restarts[0] == 0
    assert restarts[1] == pytest.approx(7 * SECOND * FRAME - SAMPLE_RATE // 2, abs=ENCODER_FRAME)


def test_a_breath_neither_cuts_nor_restarts() -> None:
    items = divided([(SOUND, 3 * SECOND), (SILENT, SECOND), (SOUND, 3 * SECOND)], restart_seconds=2.0)
    assert [place for item in items if isinstance(item, Sound) for place in item.restarts] == [0]


def test_digital_silence_at_the_edges_is_left_out_however_short() -> None:
    items = divided([(DEAD, 10), (SOUND, SECOND), (DEAD, 10)])
    ((start, end),) = stretches(items)
    assert 10 * FRAME - ENCODER_FRAME < start <= 10 * FRAME
    assert end == (10 + SECOND) * FRAME


def test_short_real_silence_at_the_edges_is_kept() -> None:
    assert stretches(divided([(SILENT, 20), (SOUND, SECOND), (SILENT, 20)])) == [(0, (40 + SECOND) * FRAME)]


def test_never_sends_all_between_the_edges() -> None:
    items = divided(
        [(SOUND, SECOND), (SILENT, 60 * SECOND), (SOUND, SECOND)],
        skip_silence_seconds=float("inf"),
    )
    assert len(stretches(items)) == 1


def test_never_keeps_room_tone_at_the_edges_too() -> None:
    kinds = [(SILENT, 20 * SECOND), (SOUND, SECOND), (SILENT, 20 * SECOND)]
    assert not [item for item in divided(kinds, skip_silence_seconds=float("inf")) if isinstance(item, Skipped)]


def test_silence_that_is_sent_is_not_held_back() -> None:
    """Or a silent day would stand in memory."""
    settings = ActivitySettings(skip_silence_seconds=float("inf"))
    kinds = [(SOUND, SECOND), (SILENT, 600 * SECOND), (SOUND, SECOND)]
    blocks = divide(iter(heard(kinds)), settings, ENCODER_FRAME)
    sent = [next(blocks) for _ in range(300)]
    assert sum(len(item.samples) for item in sent if isinstance(item, Sound)) > 200 * SECOND * FRAME
    restarts = [place for item in blocks if isinstance(item, Sound) for place in item.restarts]
    assert restarts == [pytest.approx(601 * SECOND * FRAME - SAMPLE_RATE // 2, abs=ENCODER_FRAME)]


def test_silence_alone_is_skipped_whole() -> None:
    assert divided([(SILENT, 40)]) == [Skipped(0, 40 * FRAME)]
    assert divided([]) == []
