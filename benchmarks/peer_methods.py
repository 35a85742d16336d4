"""How others join the pieces of a long recording: fixed cuts, and overlapping windows whose tokens are merged.

* The original service cuts a recording every ten minutes and decodes each piece by itself.
* parakeet-mlx (github.com/senstella/parakeet-mlx, 0.7) decodes windows of 120 s that overlap by 15 s. Two windows are
  joined at their longest common run of tokens or, where that is short, at their longest common subsequence.
* NeMo's buffered inference (nemo_toolkit 3.0, ``streaming_utils.lcs_alignment_merge_buffer``) decodes overlapping
  buffers and drops from a new one what it shares with the end of the text so far, by tokens alone. The search for
  what they share is NeMo's own function, called.

All decode each piece afresh, as their originals do; here with one checkpoint and in fp32.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.recordings import SpokenWord
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.chunking import Samples

__all__ = [
    "HeardToken",
    "cut",
    "decode_windows",
    "merge_by_runs",
    "merge_by_subsequence",
    "merge_like_mlx",
    "merge_like_nemo",
    "to_words",
    "windows",
]


class HeardToken(NamedTuple):
    """``text`` starts with a space where a word starts; seconds from the start of what was decoded."""

    id: int
    text: str
    start: float
    end: float


Tokens = list[HeardToken]
Merge = Callable[[Tokens, Tokens], Tokens]
Pairs = list[tuple[int, int]]
"""Places in two lists of tokens that are taken to be the same token."""

_MOST_TOKENS_A_FRAME = 5
"""NeMo's ``max_steps_per_timestep``, by which it bounds how far back it searches."""
_FRAME_SECONDS = 0.08


class NoCommonRun(Exception):
    """The longest common run is shorter than half of the first window's tokens in the overlap."""


def cut(samples: Samples, seconds: float) -> list[tuple[float, Samples]]:
    """Divide a recording every so many seconds; each piece and where it starts."""
    return windows(samples, seconds, 0.0)


def windows(samples: Samples, seconds: float, overlap: float) -> list[tuple[float, Samples]]:
    """Windows of a recording that overlap, each with the second at which it starts; the last may be short.

    A rest below one encoder frame, which no model can take, is left out.
    """
    length, step = round(seconds * SAMPLE_RATE), round((seconds - overlap) * SAMPLE_RATE)
    starts = range(0, len(samples) - round(_FRAME_SECONDS * SAMPLE_RATE) + 1, step)
    return [(start / SAMPLE_RATE, samples[start : start + length]) for start in starts]


def decode_windows(
    samples: Samples,
    seconds: float,
    overlap: float,
    decode: Callable[[Sequence[Samples]], Sequence[Tokens]],
    merge: Merge,
    batch_size: int = 1,
) -> list[SpokenWord]:
    """Decode overlapping windows and merge each into what was heard before; ``merge`` gets times in the recording."""
    pieces = windows(samples, seconds, overlap)
    heard: Tokens = []
    for first in range(0, len(pieces), batch_size):
        batch = pieces[first : first + batch_size]
        for (start, _), tokens in zip(batch, decode([piece for _, piece in batch]), strict=True):
            later = [token._replace(start=token.start + start, end=token.end + start) for token in tokens]
            heard = merge(heard, later)
    return to_words(heard)


def merge_like_mlx(before: Tokens, after: Tokens, overlap: float) -> Tokens:
    """By the longest common run, else by the longest common subsequence; times never go back."""
    try:
        merged = merge_by_runs(before, after, overlap)
    except NoCommonRun:
        merged = merge_by_subsequence(before, after, overlap)
    return _in_order(merged)


def merge_by_runs(before: Tokens, after: Tokens, overlap: float) -> Tokens:
    """Join at the longest run of equal tokens that start within half an overlap of each other.

    Raises ``NoCommonRun``.
    """
    if not before or not after or before[-1].end <= after[0].start:
        return before + after
    first, last = _shared(before, after, overlap)
    if len(before) - first < 2 or last < 2:
        return _cut_in_the_middle(before, after)
    same = _same(before[first:], after[:last], overlap)
    run = _longest_run(same)
    if len(run) < (len(before) - first) // 2:
        raise NoCommonRun
    return _joined(before, after, [(first + a, b) for a, b in run])


def merge_by_subsequence(before: Tokens, after: Tokens, overlap: float) -> Tokens:
    """Join along the longest common subsequence; between two common tokens the side with more tokens is kept."""
    if not before or not after or before[-1].end <= after[0].start:
        return before + after
    first, last = _shared(before, after, overlap)
    if len(before) - first < 2 or last < 2:
        return _cut_in_the_middle(before, after)
    pairs = _longest_subsequence(_same(before[first:], after[:last], overlap))
    if not pairs:
        return _cut_in_the_middle(before, after)
    return _joined(before, after, [(first + a, b) for a, b in pairs])


def merge_like_nemo(before: Tokens, after: Tokens, overlap: float) -> Tokens:
    """Drop from ``after`` what NeMo finds it to share with the end of ``before``; times are not looked at."""
    from nemo.collections.asr.parts.utils.streaming_utils import longest_common_subsequence_merge  # noqa: PLC0415

    if not before or not after:
        return before + after
    history = int(overlap / _FRAME_SECONDS) * _MOST_TOKENS_A_FRAME
    (_, place, length), _ = longest_common_subsequence_merge(
        [token.id for token in before[-history:]], [token.id for token in after]
    )
    return before + (after[place + length :] if length >= 1 else after)


def to_words(tokens: Sequence[HeardToken]) -> list[SpokenWord]:
    """A word starts at a token with a leading space, and at the first token."""
    words: list[SpokenWord] = []
    for token in tokens:
        if token.text.startswith(" ") or not words:
            words.append(SpokenWord(token.text.strip(), token.start, token.end))
        else:
            words[-1] = SpokenWord(words[-1].text + token.text, words[-1].start, max(words[-1].end, token.end))
    return words


def _shared(before: Tokens, after: Tokens, overlap: float) -> tuple[int, int]:
    """The first token of ``before`` and how many of ``after`` may lie in the overlap, judged by the tokens' times."""
    first = sum(token.end <= after[0].start - overlap for token in before)
    last = sum(token.start < before[-1].end + overlap for token in after)
    return first, last


def _same(left: Tokens, right: Tokens, overlap: float) -> NDArray[np.bool_]:
    """[left, right]: the same token, not further apart than half an overlap."""
    ids = [np.array([token.id for token in side]) for side in (left, right)]
    starts = [np.array([token.start for token in side]) for side in (left, right)]
    near = np.abs(starts[0][:, None] - starts[1][None, :]) < overlap / 2
    same: NDArray[np.bool_] = (ids[0][:, None] == ids[1][None, :]) & near
    return same


def _longest_run(same: NDArray[np.bool_]) -> Pairs:
    """The first of the longest diagonals."""
    lengths = np.zeros((same.shape[0] + 1, same.shape[1] + 1), np.int64)
    for row in range(same.shape[0] - 1, -1, -1):
        lengths[row, :-1] = np.where(same[row], lengths[row + 1, 1:] + 1, 0)
    row, column = divmod(int(np.argmax(lengths)), lengths.shape[1])
    return [(row + step, column + step) for step in range(int(lengths[row, column]))]


def _longest_subsequence(same: NDArray[np.bool_]) -> Pairs:
    rows, columns = same.shape
    lengths = np.zeros((rows + 1, columns + 1), np.int64)
    for row in range(rows):
        both = np.where(same[row], lengths[row, :-1] + 1, lengths[row, 1:])
        lengths[row + 1, 1:] = np.maximum.accumulate(both)
    pairs: Pairs = []
    row, column = rows, columns
    while row and column:
        if same[row - 1, column - 1]:
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif lengths[row - 1, column] > lengths[row, column - 1]:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]


def _joined(before: Tokens, after: Tokens, pairs: Pairs) -> Tokens:
    """Common tokens as ``before`` has them; ahead of the first that side alone, behind the last the other."""
    merged = before[: pairs[0][0]]
    for (a, b), (next_a, next_b) in pairwise([*pairs, (pairs[-1][0] + 1, pairs[-1][1] + 1)]):
        merged.append(before[a])
        left, right = before[a + 1 : next_a], after[b + 1 : next_b]
        merged += right if len(right) > len(left) else left
    return merged + after[pairs[-1][1] + 1 :]


def _cut_in_the_middle(before: Tokens, after: Tokens) -> Tokens:
    middle = (before[-1].end + after[0].start) / 2
    return [token for token in before if token.end <= middle] + [token for token in after if token.start >= middle]


def _in_order(tokens: Tokens) -> Tokens:
    ordered: Tokens = []
    for token in tokens:
        start = max(token.start, ordered[-1].start) if ordered else token.start
        ordered.append(token._replace(start=start, end=max(token.end, start)))
    return ordered
