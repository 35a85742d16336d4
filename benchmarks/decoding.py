"""Our way of decoding, as a user runs it: the command, its words, and where it cuts."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.recordings import SpokenWord
from parakeet_cli.settings import SAMPLE_RATE, ActivitySettings, ChunkSettings
from parakeet_cli.transcription.activity import EnergyDetector
from parakeet_cli.transcription.chunking import Chunk, Samples, split
from parakeet_cli.transcription.stretches import divide

__all__ = ["FRAME_SECONDS", "cut_positions", "read_words", "transcribe"]

FRAME_SECONDS = 0.08
"""Between two encoder frames of every Parakeet."""


def transcribe(files: Sequence[Path], out: Path, *options: str) -> list[list[SpokenWord]]:
    """Run ``parakeet transcribe`` on files with distinct names; return the words of each.

    Raises ``subprocess.CalledProcessError`` where the command fails.
    """
    command = [str(Path(sys.executable).with_name("parakeet")), "transcribe", *map(str, files), *options]
    command += ["-f", "json", "-o", str(out)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return [read_words(out / f"{file.stem}.json") for file in files]


def read_words(path: Path) -> list[SpokenWord]:
    """Read the words of a transcript that ``parakeet transcribe -f json`` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["schema"] != 1:
        raise ValueError(f"{path} has schema {content['schema']}; this script reads schema 1")
    return [
        SpokenWord(word["text"], word["start"], word["end"])
        for segment in content["segments"]
        for word in segment["words"]
    ]


def cut_positions(samples: Samples, chunk_seconds: float) -> list[float]:
    """Seconds at which the pipeline cuts this recording: the inner ends of what its chunks own."""
    frame_samples = round(FRAME_SECONDS * SAMPLE_RATE)
    blocks = (samples[start : start + SAMPLE_RATE] for start in range(0, len(samples), SAMPLE_RATE))
    sounds = divide(EnergyDetector().listen(blocks), ActivitySettings(), frame_samples)
    items = split(sounds, 0, ChunkSettings(chunk_seconds=chunk_seconds), frame_samples)
    return [item.span.owned_from / SAMPLE_RATE for item in items if isinstance(item, Chunk)][1:]
