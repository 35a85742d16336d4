"""Whether one side has fewer errors than the other, or may have had luck with the files."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.evaluation.scoring import Errors

__all__ = ["FEWEST_FILES", "METHOD", "SAMPLES", "SEED", "Difference", "Interval", "bootstrap", "compare"]

METHOD = (
    "paired bootstrap over files (Bisani and Ney, Bootstrap estimates for confidence intervals in ASR performance "
    "evaluation, ICASSP 2004), 95 % percentile interval"
)
FEWEST_FILES = 20
"""Fewer say too little of how files differ: the interval would be too narrow (``docs/cli.md`` has the figures)."""
SAMPLES = 10_000
SEED = 0
_BLOCK = 1 << 20
"""Draws at one time, so that thousands of files need no gigabytes."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Of second minus first; ``improved`` is the share of the samples in which the second has fewer errors."""

    low: float
    high: float
    improved: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The error rate of the second side less that of the first, on ``files`` that both have.

    ``rate`` is None without reference words, ``interval`` where there are fewer than ``FEWEST_FILES``.
    """

    files: int
    with_words: int
    """Of them, those whose reference has words."""
    rate: float | None
    interval: Interval | None


def compare(first: Sequence[Errors], second: Sequence[Errors]) -> Difference:
    """Compare two sides, file by file in the same order; equal arguments give an equal interval.

    Files without reference words count for the rate, as they do in a total, and not for how many files there are.
    """
    words = np.array([errors.words for errors in first], np.int64)
    more = np.array([b.count - a.count for a, b in zip(first, second, strict=True)], np.int64)
    with_words = int(np.count_nonzero(words))
    if not with_words:
        return Difference(len(first), 0, None, None)
    interval = bootstrap(words, more) if with_words >= FEWEST_FILES else None
    return Difference(len(first), with_words, float(more.sum() / words.sum()), interval)


def bootstrap(words: NDArray[np.int64], more: NDArray[np.int64], samples: int = SAMPLES) -> Interval:
    """``words`` of the reference and errors ``more`` on the second side, by file, drawn with replacement."""
    rng = np.random.default_rng(SEED)
    blocks: list[NDArray[np.float64]] = []
    left = samples
    while left:
        size = min(left, max(1, _BLOCK // len(words)))
        drawn = rng.integers(len(words), size=(size, len(words)))
        blocks.append(more[drawn].sum(axis=1) / np.maximum(words[drawn].sum(axis=1), 1))
        left -= size
    rates = np.concatenate(blocks)
    low, high = np.quantile(rates, (0.025, 0.975))
    return Interval(float(low), float(high), float(np.mean(rates < 0)))
