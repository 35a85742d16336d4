"""How far a hypothesis is from a reference: aligned words, error rates, and what may be chance."""

import math
import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.recordings import DIGITS, SpokenWord
from parakeet_cli.evaluation.alignment import Pair, align, middle

__all__ = [
    "Difference",
    "Pair",
    "Score",
    "TimesAgreement",
    "align",
    "compare_near_cuts",
    "compare_proportions",
    "compare_times",
    "error_flags",
    "lost_or_added_flags",
    "normalise",
    "normalise_words",
    "score",
    "share_changed",
]

_SAME_TIME = 0.082
"""Seconds: one encoder frame, and what milliseconds in a file may add."""


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of an alignment of ``words`` reference words."""

    words: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def error_rate(self) -> float:
        """Word error rate, 0 … (insertions can bring it past 1); 0 without reference words."""
        return self.errors / self.words if self.words else 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """Two (count, total): the 95 % interval of first minus second, the p-value of equal proportions."""

    first: tuple[int, int]
    second: tuple[int, int]
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class TimesAgreement:
    """Of ``words`` found in two hypotheses: how many start, end, or do both within one frame (80 ms)."""

    words: int
    starts: int
    ends: int
    both: int


def normalise(text: str) -> str:
    """Lower case without punctuation; a digit becomes its word. Empty where nothing else was in it."""
    bare = text.lower().strip(string.punctuation + string.whitespace)
    return DIGITS[int(bare)] if bare in set("0123456789") else bare


def normalise_words(words: Sequence[SpokenWord]) -> list[SpokenWord]:
    """Normalise every word and leave out those of which nothing remains."""
    return [word._replace(text=text) for word in words if (text := normalise(word.text))]


def score(reference: Sequence[SpokenWord], hypothesis: Sequence[SpokenWord]) -> Score:
    """Count the edits between normalised words."""
    substitutions = deletions = insertions = 0
    for pair in align(reference, hypothesis):
        match pair:
            case Pair(None, _):
                insertions += 1
            case Pair(_, None):
                deletions += 1
            case Pair(int(r), int(h)) if reference[r].text != hypothesis[h].text:
                substitutions += 1
    return Score(len(reference), substitutions, deletions, insertions)


def error_flags(reference: Sequence[SpokenWord], hypothesis: Sequence[SpokenWord]) -> NDArray[np.bool_]:
    """Tell which reference words are wrong: replaced, lost, or nearest in time to an added word."""
    replaced = np.zeros(len(reference), np.bool_)
    for r, h in align(reference, hypothesis):
        if r is not None and h is not None:
            replaced[r] = reference[r].text != hypothesis[h].text
    return replaced | lost_or_added_flags(reference, hypothesis)


def lost_or_added_flags(reference: Sequence[SpokenWord], hypothesis: Sequence[SpokenWord]) -> NDArray[np.bool_]:
    """Tell which reference words are lost, or nearest in time to an added word: what a bad cut does."""
    wrong = np.zeros(len(reference), np.bool_)
    middles = np.array([middle(word) for word in reference])
    for r, h in align(reference, hypothesis):
        if h is None:
            wrong[r] = True
        elif r is None and len(reference):
            wrong[np.argmin(np.abs(middles - middle(hypothesis[h])))] = True
    return wrong


def compare_near_cuts(
    reference: Sequence[SpokenWord], wrong: NDArray[np.bool_], cuts: Sequence[float], within: float = 1.0
) -> Difference:
    """Compare how often words are wrong whose middle is within some seconds of a cut, and elsewhere.

    Times and cuts are seconds from the start of the recording.
    """
    middles = np.array([middle(word) for word in reference])
    near = np.zeros(len(reference), np.bool_)
    for cut in cuts:
        near |= np.abs(middles - cut) <= within
    return compare_proportions((int(wrong[near].sum()), int(near.sum())), (int(wrong[~near].sum()), int((~near).sum())))


def compare_proportions(first: tuple[int, int], second: tuple[int, int]) -> Difference:
    """Compare two (count, total).

    The interval is Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, 873–890, method 10),
    the p-value that of Fisher's exact test, two-sided.
    """
    low, high = _newcombe(first, second)
    return Difference(first, second, low, high, _fisher(first, second))


def share_changed(before: Sequence[SpokenWord], after: Sequence[SpokenWord]) -> float:
    """Edits from one hypothesis to another, as a share of the words before."""
    return score(before, after).error_rate


def compare_times(
    before: Sequence[SpokenWord], after: Sequence[SpokenWord], *, written_alike: bool = False
) -> TimesAgreement:
    """Compare the times of the words that two hypotheses, as written, have in common.

    ``written_alike`` leaves out words that differ in capitals or punctuation: those are other tokens of the model,
    which may well sound elsewhere.
    """
    normal_before, normal_after = _normalised(before), _normalised(after)
    common = [
        (before[r], after[h])
        for r, h in align(normal_before, normal_after)
        if r is not None and h is not None and normal_before[r].text == normal_after[h].text
    ]
    if written_alike:
        common = [(a, b) for a, b in common if a.text == b.text]
    starts = [abs(a.start - b.start) <= _SAME_TIME for a, b in common]
    ends = [abs(a.end - b.end) <= _SAME_TIME for a, b in common]
    both = sum(map(all, zip(starts, ends, strict=True)))
    return TimesAgreement(len(common), sum(starts), sum(ends), both)


def _normalised(words: Sequence[SpokenWord]) -> list[SpokenWord]:
    return [word._replace(text=normalise(word.text)) for word in words]


def _wilson(count: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    share = count / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return (centre - spread) / scale, (centre + spread) / scale


def _newcombe(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float]:
    if not first[1] or not second[1]:
        return -1.0, 1.0
    (low1, high1), (low2, high2) = _wilson(*first), _wilson(*second)
    share1, share2 = first[0] / first[1], second[0] / second[1]
    difference = share1 - share2
    return (
        difference - math.hypot(share1 - low1, high2 - share2),
        difference + math.hypot(high1 - share1, share2 - low2),
    )


def _fisher(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Two-sided: the probability of all tables with these margins that are no likelier than this one."""
    (count1, total1), (count2, total2) = first, second
    marked, total = count1 + count2, total1 + total2

    def logarithm(count: int) -> float:
        return _log_choose(total1, count) + _log_choose(total2, marked - count) - _log_choose(total, marked)

    possible = range(max(0, marked - total2), min(marked, total1) + 1)
    limit = logarithm(count1) + 1e-9
    return min(1.0, sum(math.exp(value) for count in possible if (value := logarithm(count)) <= limit))


def _log_choose(total: int, count: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
