"""A stopwatch for stages, and a recognizer that runs under it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING

from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.recognizer import Aside, DecoderState, Frames, Hypothesis, Row

if TYPE_CHECKING:
    from parakeet_cli.transcription.pytorch.recognizer import TorchRecognizer

__all__ = ["OF_SOUND", "Clock", "ClockedRecognizer", "Stage", "Timing"]


class Stage(StrEnum):
    """In the order in which a run goes through them."""

    START = "start"
    """From the start of a process to the command's own modules imported."""
    IMPORT = "import"
    """Torch's."""
    LOAD = "load"
    """From the checkpoint's file to a recognizer, with NeMo's import where NeMo computes."""
    DECODE = "decode"
    """Both runs of ffmpeg: the one that looks, and the one that decodes."""
    ACTIVITY = "activity"
    """Where somebody speaks, levels, silence left out, chunks."""
    FEATURES = "features"
    ENCODER = "encoder"
    DECODER = "decoder"
    """With one thread, on a CPU too."""
    WRITING = "writing"
    """Tokens to words, sentences, cues and SRT."""
    TOTAL = "total"
    """From the file to SRT with a loaded recognizer, in which ffmpeg runs ahead, a batch may be encoded while the one
    before is decoded, and the audit decodes holes again.
    """


OF_SOUND = tuple(Stage)[tuple(Stage).index(Stage.DECODE) :]
"""Those that take the longer the more sound there is."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of a stage: ``first``, while all was cold, and at least one run after that."""

    first: float
    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.runs)


class Clock:
    """Adds up the seconds of each stage that has to do with sound.

    ``settle`` waits until a device has done what it was given.
    """

    def __init__(self, settle: Callable[[], None]) -> None:
        self.seconds = dict.fromkeys(OF_SOUND, 0.0)
        self._settle = settle

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        self._settle()
        began = time.perf_counter()
        yield
        self._settle()
        self.seconds[stage] += time.perf_counter() - began


class ClockedRecognizer:
    """A ``Recognizer`` that tells the clock of its features, its encoder and its decoder, one after the other."""

    encodes_aside = Aside.NEVER

    def __init__(self, recognizer: "TorchRecognizer", clock: Clock) -> None:
        self.model = recognizer.model
        self.language = recognizer.language
        self.frame_samples = recognizer.frame_samples
        self.chunks_a_batch = recognizer.chunks_a_batch
        self.pack = recognizer.pack
        self.unpack = recognizer.unpack
        self._recognizer = recognizer
        self._clock = clock

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        with self._clock.stage(Stage.FEATURES):
            features = self._recognizer.features(chunks)
        with self._clock.stage(Stage.ENCODER):
            return self._recognizer.encode_features(chunks, *features, exactly=exactly)

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        with self._clock.stage(Stage.DECODER):
            return self._recognizer.decode(rows)
