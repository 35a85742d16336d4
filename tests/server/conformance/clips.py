"""The files that the conformance cases upload: people saying digits, in many containers, and what is no speech."""

import subprocess
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.conftest import ROOT

__all__ = ["SAID", "SPEAKERS", "Clips"]

SAID = ("three", "one", "four", "one", "five", "nine", "two", "six")
"""Of ``speech`` and all its forms."""
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RATE = 8_000
"""Of the recordings in ``tests/data/digits``."""

FORMS = {
    "mp3": ("speech.mp3", ["-c:a", "libmp3lame", "-b:a", "96k"]),
    "m4a": ("speech.m4a", ["-c:a", "aac", "-b:a", "96k"]),
    "flac": ("speech.flac", ["-c:a", "flac"]),
    "opus": ("speech.ogg", ["-c:a", "libopus", "-b:a", "96k"]),
    "webm": ("speech.webm", ["-c:a", "libopus", "-b:a", "96k"]),
    "8 kHz": ("narrow.wav", ["-ar", "8000"]),
    "48 kHz stereo": ("wide.wav", ["-ar", "48000", "-ac", "2"]),
    "24 bit": ("deep.wav", ["-c:a", "pcm_s24le"]),
    "float": ("float.wav", ["-c:a", "pcm_f32le"]),
    "mp4 video": ("film.mp4", ["-c:a", "aac", "-b:a", "96k", "-c:v", "libx264", "-preset", "ultrafast", "-shortest"]),
}


class Clips:
    """Made on first use in ``folder``, with ``ffmpeg``."""

    def __init__(self, folder: Path, ffmpeg: str) -> None:
        self._folder = folder
        self._ffmpeg = ffmpeg
        self.speech = self._wav("speech.wav", _said(SAID, "jackson", "lucas"))
        self.silence = self._wav("silence.wav", np.zeros(5 * RATE, np.int16))
        self.short = self._wav("short.wav", np.zeros(RATE // 20, np.int16))
        self.empty = self._bytes("empty.wav", b"")
        self.text = self._bytes("text.wav", b"This is a letter, and nobody speaks in it.\n" * 200)

    def form(self, name: str) -> Path:
        """``speech`` as one of ``FORMS``."""
        file, options = FORMS[name]
        target = self._folder / file
        if not target.exists():
            picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=5"] if name == "mp4 video" else []
            self._make(target, *picture, "-i", str(self.speech), *options)
        return target

    def conversation(self, number: int) -> Path:
        """One of many that differ in what is said, by one speaker."""
        words = [DIGITS[(number + 3 * place) % 10] for place in range(4)]
        return self._wav(f"conversation {number}.wav", _said(words, SPEAKERS[number % len(SPEAKERS)]))

    def pcm(self) -> bytes:
        """``speech`` as 16-bit little-endian samples at 16 kHz, without a header."""
        target = self._folder / "speech.s16le"
        self._make(target, "-i", str(self.speech), "-f", "s16le")
        return target.read_bytes()

    def truncated(self) -> Path:
        """The head of an MP3 file: its tags and half a frame."""
        return self._bytes("truncated.mp3", self.form("mp3").read_bytes()[:300])

    def picture(self) -> Path:
        target = self._folder / "picture.png"
        self._make(target, "-f", "lavfi", "-i", "testsrc=size=64x64:rate=1", "-frames:v", "1")
        return target

    def bomb(self) -> Path:
        """A WAV header that promises 2 GiB, and a hundred samples."""
        head = bytearray(self.speech.read_bytes()[:44])
        head[4:8] = head[40:44] = (0x7FFFFFF0).to_bytes(4, "little")
        return self._bytes("bomb.wav", bytes(head) + b"\0\0" * 100)

    def named(self, name: str) -> Path:
        """``speech`` under another name."""
        return self._bytes(name, self.speech.read_bytes())

    def _make(self, target: Path, *arguments: str) -> None:
        rate = [] if "-ar" in arguments or "-i" not in arguments else ["-ar", "16000"]
        line = [self._ffmpeg, "-v", "error", "-y", *arguments, *rate, str(target)]
        subprocess.run(line, check=True, stdin=subprocess.DEVNULL)

    def _wav(self, name: str, samples: NDArray[np.int16]) -> Path:
        """16-bit mono at 16 kHz."""
        target = self._folder / name
        if not target.exists():
            narrow = target.with_suffix(".8k")
            with wave.open(str(narrow), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes(samples.tobytes())
            self._make(target, "-bitexact", "-i", str(narrow), "-bitexact")
        return target

    def _bytes(self, name: str, content: bytes) -> Path:
        target = self._folder / name
        target.write_bytes(content)
        return target


def _said(words: Sequence[str], *speakers: str) -> NDArray[np.int16]:
    """With 0.3 s between words and 1 s after every fourth, where the next speaker begins."""
    parts = [_pause(0.3)]
    for place, word in enumerate(words):
        speaker = speakers[place // 4 % len(speakers)]
        with wave.open(str(ROOT / "tests" / "data" / "digits" / f"{DIGITS.index(word)}_{speaker}_0.wav")) as file:
            parts += [np.frombuffer(file.readframes(file.getnframes()), np.int16)]
        parts += [_pause(1.0 if place % 4 == 3 else 0.3)]
    return np.concatenate(parts)


def _pause(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE), np.int16)
