"""How the times of words depend on the length of chunks: against one pass, and against the truth.

    python benchmarks/word_times.py --excerpts 2 --out benchmarks/out

takes the first excerpts (at most 8 minutes each) of the recording that ``accuracy.py`` makes, decodes each in one
pass, in one pass begun a little later, in two halves of one pass each, and in chunks of several lengths, and prints a
Markdown table.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import recordings
from benchmarks.accuracy import Ours, cut_excerpts
from benchmarks.recordings import Recording, SpokenWord
from benchmarks.scoring import align, compare_times, normalise_words
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.chunking import Samples

CHUNKS = (10, 30, 60, 120, 200)
FRAME_SAMPLES = 1_280
FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
SHIFT_SAMPLES = 160
"""An eighth of a frame: the same sound, seen through another grid of frames."""


class TruthError(NamedTuple):
    """Starts of words that were heard right, less the true ones, in seconds; ``near``: share within a frame of it."""

    median: float
    deviation: float
    near: float


def against_truth(excerpts: Sequence[Recording], heard: Sequence[Sequence[SpokenWord]]) -> TruthError:
    """Compare with the places where the recording's maker put the words."""
    late = np.array(
        [
            hypothesis.start - reference.start
            for excerpt, words in zip(excerpts, heard, strict=True)
            for reference, hypothesis in _pairs(excerpt.words, normalise_words(words))
            if reference.text == hypothesis.text
        ]
    )
    median = float(np.median(late))
    return TruthError(median, float(late.std()), float(np.mean(np.abs(late - median) <= FRAME_SECONDS + 1e-6)))


def _pairs(reference: Sequence[SpokenWord], heard: Sequence[SpokenWord]) -> list[tuple[SpokenWord, SpokenWord]]:
    return [(reference[a], heard[b]) for a, b in align(reference, heard) if a is not None and b is not None]


def table_row(
    way: str,
    excerpts: Sequence[Recording],
    one_pass: Sequence[Sequence[SpokenWord]],
    heard: Sequence[Sequence[SpokenWord]],
) -> str:
    """One way of decoding: its agreement with one pass within a frame, and its distance from the truth."""
    agreements = [compare_times(left, right) for left, right in zip(one_pass, heard, strict=True)]
    words = sum(agreement.words for agreement in agreements)
    starts, ends, both = (
        sum(getattr(agreement, name) for agreement in agreements) / max(words, 1) for name in ("starts", "ends", "both")
    )
    truth = against_truth(excerpts, heard)
    return (
        f"| {way} | {starts:.2%} | {ends:.2%} | {both:.2%} "
        f"| {truth.median * 1000:+.0f} ms | {truth.deviation * 1000:.0f} ms | {truth.near:.1%} |"
    )


def main() -> None:
    """Read the command line, measure, print."""
    from benchmarks.nemo_reference import NemoReference  # noqa: PLC0415 - not before the options are known

    parser = argparse.ArgumentParser(description="Measure how word times depend on the length of chunks.")
    parser.add_argument("--excerpts", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out", metavar="DIR")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    clips = recordings.load_clips(recordings.DEFAULT_FOLDER)
    excerpts = cut_excerpts(recordings.make_recording(3600, options.seed, clips, "mixed"))[: options.excerpts]
    wavs = [options.out / f"times-{options.seed}-{number}.wav" for number in range(len(excerpts))]
    for path, excerpt in zip(wavs, excerpts, strict=True):
        recordings.write_wav(path, excerpt.samples)
    nemo = NemoReference(Path(__file__).parent.parent / "models" / "parakeet-tdt-demo.nemo")
    samples = [recordings.read_wav(path) for path in wavs]
    one_pass = [nemo.decode([sound])[0] for sound in samples]
    halves = [_in_halves(nemo.decode, excerpt, sound) for excerpt, sound in zip(excerpts, samples, strict=True)]
    shifted = [_later(nemo.decode([sound[SHIFT_SAMPLES:]])[0], SHIFT_SAMPLES) for sound in samples]
    ours = Ours("demo", options.out)
    print("| way | starts as in one pass, ± 80 ms | ends | both | late | deviation | within 80 ms of that |")
    print("|---|---|---|---|---|---|---|")
    print(table_row("one pass", excerpts, one_pass, one_pass))
    print(table_row("one pass, begun 10 ms later", excerpts, one_pass, shifted))
    print(table_row("two halves, one pass each", excerpts, one_pass, halves), flush=True)
    for chunk in reversed(CHUNKS):
        print(table_row(f"parakeet, chunks of {chunk} s", excerpts, one_pass, ours.words_of(wavs, chunk)), flush=True)


def _in_halves(
    decode: Callable[[Sequence[Samples]], list[list[SpokenWord]]], excerpt: Recording, samples: Samples
) -> list[SpokenWord]:
    """Cut between utterances near the middle, on a frame."""
    middle = max(u.end for u in excerpt.utterances if u.end < len(samples) / SAMPLE_RATE / 2)
    cut = round(middle * SAMPLE_RATE) // FRAME_SAMPLES * FRAME_SAMPLES
    first, second = decode([samples[:cut]])[0], decode([samples[cut:]])[0]
    return [*first, *_later(second, cut)]


def _later(words: Sequence[SpokenWord], offset: int) -> list[SpokenWord]:
    seconds = offset / SAMPLE_RATE
    return [word._replace(start=word.start + seconds, end=word.end + seconds) for word in words]


if __name__ == "__main__":
    main()
