"""The pace of a model by itself: chunks of a recording that lie decoded in memory, in full batches, each from afresh.

    python -m benchmarks.model_alone talk.wav --model demo --device cpu --engine torch

reads 16 kHz mono, and prints as JSON how many seconds of speech (``model``) and of sound heard (``heard``; chunks
overlap) are encoded and decoded in a second, after all of it was done once to warm up.
"""

import argparse
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.recordings import read_wav
from parakeet_cli.settings import SAMPLE_RATE, ChunkSettings, EngineChoice, RecognizerSettings
from parakeet_cli.transcription.checkpoints import find
from parakeet_cli.transcription.chunking import Chunk, Samples, split
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.pytorch.recognizer import TorchRecognizer
from parakeet_cli.transcription.recognizer import Row
from parakeet_cli.transcription.stretches import Sound

__all__ = ["main"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--engine", type=EngineChoice, default=EngineChoice.AUTO)
    parser.add_argument("--cuda-graphs", action="store_true")
    arguments = parser.parse_args()
    settings = RecognizerSettings(device=arguments.device, engine=arguments.engine, cuda_graphs=arguments.cuda_graphs)
    warnings: list[str] = []
    logging.getLogger("parakeet_cli").addHandler(_Noting(warnings))
    recognizer = load_recognizer(find(arguments.model), settings)
    batches = list(_batches(read_wav(arguments.recording), recognizer))
    for batch in batches:  # a card plans for each shape that is new
        _recognize(recognizer, batch)
    _settle(recognizer.device)
    began = time.perf_counter()
    for batch in batches:
        _recognize(recognizer, batch)
    _settle(recognizer.device)
    seconds = time.perf_counter() - began
    if warnings:
        raise SystemExit(" ".join(warnings))  # that is not what was to be measured
    chunks = [chunk for batch in batches for chunk in batch]
    owned = sum(chunk.span.owned_until - chunk.span.owned_from for chunk in chunks)
    heard = sum(len(chunk.samples) for chunk in chunks)
    print(json.dumps({"model": owned / SAMPLE_RATE / seconds, "heard": heard / SAMPLE_RATE / seconds}))


class _Noting(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())


def _batches(samples: Samples, recognizer: TorchRecognizer) -> Iterator[list[Chunk]]:
    settings = ChunkSettings()
    window = settings.chunk_seconds + 2 * settings.context_seconds
    size = recognizer.chunks_a_batch(window)
    items = split([Sound(0, samples)], 0, settings, recognizer.frame_samples)
    chunks = [item for item in items if isinstance(item, Chunk)]
    for first in range(0, len(chunks), size):
        yield chunks[first : first + size]


def _recognize(recognizer: TorchRecognizer, batch: list[Chunk]) -> None:
    recognizer.decode([Row(frames, None) for frames in recognizer.encode(batch)])


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
