"""A recognizer that hears beeps: each word is a tone of its own, so recordings with known words are cheap to make.

It keeps the seam's promises (owned frames only, carried state, any batch), so that everything around a recognizer
can be tested in milliseconds; what a real checkpoint does is tested with the demo checkpoint.
"""

import json
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.errors import RecognitionFailed
from parakeet_cli.settings import SAMPLE_RATE, ChunkSettings
from parakeet_cli.transcript import Token
from parakeet_cli.transcription.chunking import Chunk, Samples, split
from parakeet_cli.transcription.recognizer import Aside, DecoderState, Frames, Hypothesis, Row, owned_pieces
from parakeet_cli.transcription.stretches import Sound

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FRAME = 1_280
_FIRST_TONE, _TONE_STEP = 400, 150  # Hz
_SILENT = 0.01


def beeps(words: Sequence[str], *, beep: float = 0.24, pause: float = 0.16) -> Samples:
    """One tone a word; lengths in seconds, multiples of 80 ms."""
    parts: list[NDArray[np.float32]] = [silence(pause)]
    for word in words:
        tone = _FIRST_TONE + _TONE_STEP * WORDS.index(word)
        times = np.arange(round(beep * SAMPLE_RATE)) / SAMPLE_RATE
        parts += [(0.5 * np.sin(2 * np.pi * tone * times)).astype(np.float32), silence(pause)]
    return np.concatenate(parts)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def cut(samples: Samples, recording: int, settings: ChunkSettings, frame_samples: int = FRAME) -> list[Chunk]:
    """The chunks of a recording that is one stretch, with nothing known of its speech."""
    items = split([Sound(0, samples)], recording, settings, frame_samples)
    return [item for item in items if isinstance(item, Chunk)]


def write_wav(path: Path, samples: Samples) -> Path:
    """16-bit mono at 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


ODD = b"\0"
"""Behind the samples of a WAV file it makes that one for ffmpeg, which others do not need."""


def for_ffmpeg(path: Path) -> Path:
    """A WAV file that has become one for ffmpeg."""
    with path.open("ab") as file:
        file.write(ODD)
    return path


class BeepRecognizer:
    """Hears every beep, but for the faults it is made with.

    ``refuses``: words whose sound makes encoding fail. ``swallows``: seconds (from, to) whose tokens are lost the first
    time that they are decoded. ``deaf``: seconds whose tokens are always lost.
    """

    model = "beeps"
    language = "en"
    frame_samples = FRAME
    encodes_aside = Aside.NEVER

    def __init__(
        self,
        refuses: Sequence[str] = (),
        swallows: Sequence[tuple[float, float]] = (),
        deaf: Sequence[tuple[float, float]] = (),
    ) -> None:
        self.refuses = refuses
        self.swallows = swallows
        self.deaf = deaf
        self.batches: list[int] = []
        self._decoded_until = 0

    def chunks_a_batch(self, window_seconds: float) -> int:
        return 4

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        self.batches.append(len(chunks))
        return [self._encode(chunk) for chunk in chunks]

    def _encode(self, chunk: Chunk) -> tuple[Frames, ...]:
        heard = np.pad(chunk.samples, (0, -len(chunk.samples) % FRAME)).reshape(-1, FRAME)
        labels = [_label(frame) for frame in heard]
        if any(label is not None and WORDS[label] in self.refuses for label in labels):
            raise RecognitionFailed("This sound is refused.")
        return tuple(
            Frames(place, last - first, labels[first:last])
            for place, first, last in owned_pieces(chunk, len(labels), FRAME)
        )

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        return [self._decode(row) for row in rows]

    def settle(self) -> Iterator[bool]:
        return iter(())

    def pack(self, state: DecoderState) -> bytes:
        return json.dumps(state).encode()

    def unpack(self, packed: bytes) -> DecoderState:
        return json.loads(packed)

    def _decode(self, row: Row) -> tuple[Hypothesis, DecoderState]:
        tokens: list[Token] = []
        previous = row.state
        position = row.frames[0].first_sample
        for label in (label for frames in row.frames for label in frames.encoded):
            start, end = position / SAMPLE_RATE, (position + FRAME) / SAMPLE_RATE
            if label is not None and label != previous:
                tokens.append(Token(f" {WORDS[label]}", start, end, -0.1))
            elif label is not None and tokens:
                tokens[-1] = Token(tokens[-1].text, tokens[-1].start, end, -0.1)
            previous = label
            position += FRAME
        lost = list(self.deaf)
        if row.frames[0].first_sample >= self._decoded_until:
            lost += self.swallows
            self._decoded_until = position
        tokens = [token for token in tokens if not any(start <= token.start < end for start, end in lost)]
        return Hypothesis(tuple(tokens)), previous


def _label(frame: Samples) -> int | None:
    if float(np.sqrt(np.mean(frame**2))) < _SILENT:
        return None
    peak = np.argmax(np.abs(np.fft.rfft(frame))) * SAMPLE_RATE / FRAME
    return int(np.clip(round((float(peak) - _FIRST_TONE) / _TONE_STEP), 0, len(WORDS) - 1))
