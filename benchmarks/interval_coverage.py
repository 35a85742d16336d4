"""How often the interval of ``parakeet eval --compare`` holds the true difference, by the number of files.

    python benchmarks/interval_coverage.py

Files are drawn from a made-up population: lengths are log-normal (median 95 words), error rates beta-distributed
(mean 8 %) and shared by the two sides but for a factor of their own; the second side has a tenth fewer errors.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.evaluation.comparison import bootstrap

Counts = NDArray[np.int64]

FILES = (5, 8, 10, 15, 20, 30, 50, 100)
POPULATION = 3_000_000


def draw(rng: np.random.Generator, files: int) -> tuple[Counts, Counts]:
    """Words of each file's reference, and how many errors more the second side makes in it."""
    words = rng.lognormal(4.5, 0.8, files).astype(np.int64) + 5
    hard = rng.beta(1.2, 14, files)
    first, second = (
        rng.binomial(words, np.clip(hard * factor * rng.lognormal(0, 0.3, files), 0, 0.9)) for factor in (1.0, 0.9)
    )
    return words, second - first


def coverage(rng: np.random.Generator, files: int, truth: float, trials: int) -> float:
    """The share of trials in which the interval holds ``truth``."""
    hits = 0
    for _ in range(trials):
        interval = bootstrap(*draw(rng, files), samples=1_000)
        hits += interval.low <= truth <= interval.high
    return hits / trials


def main() -> None:
    """Read the command line, simulate, print a Markdown table."""
    parser = argparse.ArgumentParser(description="Simulate the interval of parakeet eval --compare.")
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    words, more = draw(rng, POPULATION)
    truth = float(more.sum() / words.sum())
    print(f"True difference: {truth:+.4f}\n\n| files | interval holds it |\n|---|---|")
    for files in FILES:
        print(f"| {files} | {coverage(rng, files, truth, options.trials):.1%} |", flush=True)


if __name__ == "__main__":
    main()
