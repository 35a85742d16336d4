"""The seam between the pipeline and a model: what any recognizer can do, and nothing about how.

Encoding and decoding are two methods because they batch differently: chunks of any recordings are encoded
together, while decoding goes through one recording in order, with the decoder's state carried from call to call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from parakeet_cli.transcript import Token
from parakeet_cli.transcription.chunking import Chunk

__all__ = [
    "UNKNOWN",
    "Aside",
    "DecoderState",
    "Frames",
    "Hypothesis",
    "LastingRecognizer",
    "Recognizer",
    "Row",
    "owned_pieces",
]

DecoderState = Any
"""Opaque to the pipeline; None is the state at the start of a recording."""


UNKNOWN = "⁇"
"""The text of a token that stands for what the vocabulary cannot write, as SentencePiece has it."""


class Aside(Enum):
    """When a batch is encoded in a thread beside the one that decodes the batch before it."""

    NEVER = auto()
    ALONE = auto()
    """Where recordings come one after the other. Batches are put together earlier by one, and take seconds: of
    recordings side by side, one that comes meanwhile would wait for that too.
    """
    ALWAYS = auto()
    """A device encodes, and is soon done."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Consecutive encoder frames of what one chunk owns.

    ``first_sample`` is the position of frame 0 in the recording, in samples; ``count`` the number of frames;
    ``encoded`` belongs to the recognizer.
    """

    first_sample: int
    count: int
    encoded: Any


@dataclass(frozen=True, slots=True)
class Row:
    """Frames of one recording that follow each other without a hole, to be decoded from ``state``; None is afresh."""

    frames: tuple[Frames, ...]
    state: DecoderState


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The tokens found in a row, in order, in seconds from the start of the recording."""

    tokens: tuple[Token, ...]


class Recognizer(Protocol):
    """A loaded checkpoint. Used from one thread at a time, but for ``encode`` where it ``encodes_aside``."""

    @property
    def model(self) -> str:
        """The checkpoint's name, as a transcript reports it."""

    @property
    def language(self) -> str | None:
        """ISO 639-1 code if the checkpoint knows only one language, else None."""

    @property
    def frame_samples(self) -> int:
        """Samples between two encoder frames; chunks are cut on multiples of it."""

    @property
    def encodes_aside(self) -> Aside:
        """Whether a device or other processors work while this thread decodes."""

    def chunks_a_batch(self, window_seconds: float) -> int:
        """How many chunks that hear ``window_seconds`` each suit the device, when the user asked for no number."""

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        """Encode chunks of any recordings as one batch; for each its owned part, divided at its ``restarts``.

        ``exactly`` asks for the most exact number format. Raises ``RecognitionFailed`` if a chunk cannot be encoded.
        """

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        """Decode rows as one batch, independent of each other; a hypothesis and the state after it for each."""

    def pack(self, state: DecoderState) -> bytes:
        """A state in a form that outlives the process."""

    def unpack(self, packed: bytes) -> DecoderState:
        """The state that was packed, by a recognizer of the same checkpoint; ``ValueError`` if of another kind."""


class LastingRecognizer(Recognizer, Protocol):
    """One for a process that stays, and often has nothing to do."""

    def settle(self) -> Iterator[bool]:
        """Make short recordings quicker, in steps of tens of milliseconds; in a thread of its own.

        A step yields whether it could be done: not where a batch is encoded. Until the last it may hold weights twice.
        """


def owned_pieces(chunk: Chunk, frames: int, frame_samples: int) -> list[tuple[int, int, int]]:
    """What a chunk of ``frames`` encoder frames owns, divided at its restarts.

    For each piece its position in samples, its first frame and the frame after its last. A chunk that hears nothing
    beyond what it owns, as the last of a stretch, owns all frames that are left: its end lies between two.
    """
    span = chunk.span
    places = sorted({span.owned_from, *chunk.restarts})
    borders = [(place - span.heard_from) // frame_samples for place in places]
    owns_all = span.owned_until == span.heard_until
    borders.append(frames if owns_all else (span.owned_until - span.heard_from) // frame_samples)
    borders = [min(border, frames) for border in borders]
    return [(place, first, last) for place, first, last in zip(places, borders[:-1], borders[1:], strict=True)]
