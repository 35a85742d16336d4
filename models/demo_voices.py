"""Voices that read words aloud: recordings of human digits, and the speech synthesisers of this machine."""

import io
import shutil
import subprocess
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.recordings import DIGITS, levelled, load_clips, resample
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.chunking import Samples

__all__ = ["HumanVoice", "Synthesiser", "Voice", "find_synthesisers", "human_voices"]

_ESPEAK_VARIANTS = {
    "en-us": ("", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+f1", "+f2", "+f3", "+f4"),
    "en-gb": ("", "+m3", "+m7", "+f2", "+f4", "+f5"),
    "en-gb-scotland": ("",),
    "en-gb-x-rp": ("",),
    "en-gb-x-gbclan": ("",),
    "en-gb-x-gbcwmd": ("",),
    "en-029": ("",),
}
_FLITE_VOICES = ("kal16", "awb", "rms", "slt")

_QUIET = 0.01
"""Of the loudest sample: what lies below at either end of a synthesised phrase is silence."""


class Voice(Protocol):
    """Somebody who can say some words."""

    @property
    def vocabulary(self) -> tuple[str, ...] | None:
        """The words this voice knows; None for all."""

    def speak(self, words: Sequence[str], rng: np.random.Generator) -> Samples:
        """Say words as one phrase, without silence before and after."""


@dataclass(frozen=True, slots=True)
class HumanVoice:
    """A speaker of the Free Spoken Digit Dataset; phrases are takes put together. ``takes``: digit → recordings."""

    takes: Sequence[Sequence[Samples]]

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return DIGITS

    def speak(self, words: Sequence[str], rng: np.random.Generator) -> Samples:
        pieces: list[Samples] = []
        for word in words:
            takes = self.takes[DIGITS.index(word)]
            level = np.float32(10 ** (rng.uniform(-3, 3) / 20))
            pieces.append(takes[int(rng.integers(len(takes)))] * level)
            pieces.append(np.zeros(round(rng.uniform(0.0, 0.15) * SAMPLE_RATE), np.float32))
        return np.concatenate(pieces[:-1])


@dataclass(frozen=True, slots=True)
class Synthesiser:
    """espeak-ng or flite with one of its voices."""

    program: str
    voice: str

    @property
    def vocabulary(self) -> None:
        return None

    def speak(self, words: Sequence[str], rng: np.random.Generator) -> Samples:
        samples, rate = _read_wave(self._synthesise(" ".join(words), rng))
        loud = np.flatnonzero(np.abs(samples) > _QUIET * np.abs(samples).max())
        return levelled(resample(samples[loud[0] : loud[-1] + 1], rate))

    def _synthesise(self, text: str, rng: np.random.Generator) -> bytes:
        match self.program:
            case "espeak-ng":
                speed, pitch = int(rng.integers(130, 200)), int(rng.integers(35, 65))
                command = ["espeak-ng", "-v", self.voice, "-s", str(speed), "-p", str(pitch), "--stdout", text]
            case _:
                stretch = rng.uniform(0.85, 1.2)
                command = ["flite", "-voice", self.voice, "--setf", f"duration_stretch={stretch:.3f}"]
                command += ["-t", text, "-o", "/dev/stdout"]
        return subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout


def human_voices(folder: Path, takes: range) -> list[Voice]:
    """One voice a speaker of a folder of digit recordings, sorted by name."""
    clips = load_clips(folder, takes)
    return [HumanVoice(clips[speaker]) for speaker in sorted(clips)]


def find_synthesisers() -> tuple[list[Voice], list[str]]:
    """The synthetic voices of this machine, and the programs that would bring more but are not installed."""
    found: list[Voice] = []
    missing = []
    voices = [f"{language}{variant}" for language, variants in _ESPEAK_VARIANTS.items() for variant in variants]
    for program, names in (("espeak-ng", voices), ("flite", list(_FLITE_VOICES))):
        if shutil.which(program):
            found += [Synthesiser(program, name) for name in names]
        else:
            missing.append(program)
    return found, missing


def _read_wave(content: bytes) -> tuple[Samples, int]:
    """16-bit mono PCM and its rate; espeak-ng writes to a pipe and so claims a wrong length."""
    with wave.open(io.BytesIO(content), "rb") as file:
        pcm = np.frombuffer(content[44:], "<i2")
        return pcm.astype(np.float32) / np.float32(32768), file.getframerate()
