"""The demo checkpoint's training data: utterances made by script, kept in one file, and the batches of an epoch."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.recordings import SPEECH_RMS
from models.demo_texts import Plan, draw_words, make_plan, plan_text
from models.demo_voices import Voice
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.chunking import Samples

__all__ = ["Corpus", "batches", "make_corpus", "with_noise"]

HUMAN_SHARE = 0.35
COMMA_SECONDS = (0.2, 0.4)
FULL_STOP_SECONDS = (0.5, 1.1)
EDGE_SECONDS = (0.05, 0.6)
"""Before the first word and after the last."""
NOISE_DB = (18.0, 50.0)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Utterances without noise: 16-bit samples end to end in a file, where each starts and what it says.

    ``starts`` has one entry more than ``texts``: the end of the last utterance.
    """

    samples: NDArray[np.int16]
    starts: NDArray[np.int64]
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Samples of each utterance."""
        return np.diff(self.starts)

    def utterance(self, index: int) -> Samples:
        """The samples of one utterance, −1…1."""
        stored = self.samples[self.starts[index] : self.starts[index + 1]]
        return stored.astype(np.float32) / np.float32(32768)


def make_corpus(folder: Path, count: int, humans: Sequence[Voice], synthesisers: Sequence[Voice], seed: int) -> Corpus:
    """Make ``count`` utterances, or take those that an earlier run with the same arguments left in ``folder``.

    Without synthesisers all utterances are human.
    """
    key = {"count": count, "humans": len(humans), "synthesisers": len(synthesisers), "seed": seed}
    index = folder / "corpus.json"
    samples = folder / "corpus.s16"
    if not index.exists() or json.loads(index.read_text(encoding="utf-8"))["made_with"] != key:
        lengths, texts = _write_samples(samples, count, humans, synthesisers, seed)
        content = {"made_with": key, "lengths": lengths, "texts": texts}
        index.write_text(json.dumps(content), encoding="utf-8")
    content = json.loads(index.read_text(encoding="utf-8"))
    starts = np.concatenate([[0], np.cumsum(content["lengths"])]).astype(np.int64)
    return Corpus(np.memmap(samples, np.int16, mode="r"), starts, tuple(content["texts"]))


def batches(lengths: NDArray[np.int64], size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield one epoch's batches of indices: utterances of like length together, the batches in random order."""
    order = np.argsort(lengths * rng.uniform(0.9, 1.1, len(lengths)), kind="stable")
    for batch in rng.permutation(-(-len(order) // size)):
        yield order[batch * size : (batch + 1) * size]


def with_noise(samples: Samples, rng: np.random.Generator) -> Samples:
    """Add white noise 18–50 dB below the level of the words."""
    level = SPEECH_RMS * 10 ** (-rng.uniform(*NOISE_DB) / 20)
    return samples + np.float32(level) * rng.standard_normal(len(samples), np.float32)


def _write_samples(
    path: Path, count: int, humans: Sequence[Voice], synthesisers: Sequence[Voice], seed: int
) -> tuple[list[int], list[str]]:
    def make(index: int) -> tuple[Samples, str]:
        rng = np.random.default_rng([seed, 1, index])  # its own, so that threads may finish in any order
        human = not synthesisers or rng.random() < HUMAN_SHARE
        voices = humans if human else synthesisers
        voice = voices[int(rng.integers(len(voices)))]
        plan = make_plan(rng, voice.vocabulary or draw_words(rng))
        return _say(plan, voice, rng), plan_text(plan)

    lengths, texts = [], []
    with path.open("wb") as file, ThreadPoolExecutor(max_workers=2) as pool:
        for samples, text in pool.map(make, range(count)):
            file.write(np.clip(samples * 32768, -32768, 32767).astype("<i2").tobytes())
            lengths.append(len(samples))
            texts.append(text)
    return lengths, texts


def _say(plan: Plan, voice: Voice, rng: np.random.Generator) -> Samples:
    pieces = [_silence(EDGE_SECONDS, rng)]
    for sentence in plan:
        for phrase in sentence:
            pieces += [voice.speak(phrase, rng), _silence(COMMA_SECONDS, rng)]
        pieces[-1] = _silence(FULL_STOP_SECONDS, rng)
    pieces[-1] = _silence(EDGE_SECONDS, rng)
    return np.concatenate(pieces)


def _silence(seconds: tuple[float, float], rng: np.random.Generator) -> Samples:
    return np.zeros(round(rng.uniform(*seconds) * SAMPLE_RATE), np.float32)
