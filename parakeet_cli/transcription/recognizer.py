"""The seam between the pipeline and a model: what any recognizer can do, and nothing about how.

Encoding and decoding are two methods because they batch differently: chunks of any recordings are encoded
together, while decoding goes through one recording in order, with the decoder's state carried from call to call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from parakeet_cli.transcript import Token
from parakeet_cli.transcription.chunking import Chunk

__all__ = ["DecoderState", "Frames", "Hypothesis", "Recognizer", "Row"]

DecoderState = Any
"""Opaque to the pipeline; None is the state at the start of a recording."""


@dataclass(frozen=True, slots=True)
class Frames:
    """The encoder frames that one chunk owns.

    ``first_sample`` is the position of frame 0 in the recording, in samples; ``count`` the number of frames;
    ``encoded`` belongs to the recognizer.
    """

    first_sample: int
    count: int
    encoded: Any


@dataclass(frozen=True, slots=True)
class Row:
    """Frames of one recording that follow each other without a hole, to be decoded from ``state``."""

    frames: tuple[Frames, ...]
    state: DecoderState


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The tokens found in a row, in order, in seconds from the start of the recording."""

    tokens: tuple[Token, ...]


class Recognizer(Protocol):
    """A loaded checkpoint. Used from one thread at a time."""

    @property
    def model(self) -> str:
        """The checkpoint's name, as a transcript reports it."""

    @property
    def language(self) -> str | None:
        """ISO 639-1 code if the checkpoint knows only one language, else None."""

    @property
    def frame_samples(self) -> int:
        """Samples between two encoder frames; chunks are cut on multiples of it."""

    def chunks_a_batch(self, window_seconds: float) -> int:
        """How many chunks that hear ``window_seconds`` each suit the device, when the user asked for no number."""

    def encode(self, chunks: Sequence[Chunk]) -> list[Frames]:
        """Encode chunks of any recordings as one batch; one ``Frames`` a chunk, of its owned part only."""

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        """Decode rows of different recordings as one batch; a hypothesis and the state after it for each."""
