"""A batch that does not fit in memory is encoded in smaller parts, and so are those after it."""

import gc
import itertools
import logging
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace

import torch

from parakeet_cli.errors import EngineFailed, RecognitionFailed
from parakeet_cli.settings import SAMPLE_RATE, ChunkSettings
from parakeet_cli.transcription.chunking import Chunk, Span
from parakeet_cli.transcription.pytorch.failures import ran_out_of_memory
from parakeet_cli.transcription.recognizer import Frames

__all__ = ["Encode", "Fitting", "give_back"]

_LOG = logging.getLogger(__name__)

Encode = Callable[[Sequence[Chunk]], list[tuple[Frames, ...]]]
"""Encodes chunks as one batch; raises ``EngineFailed``, caused by what torch raises when memory is short."""

_CONTEXT_SECONDS = ChunkSettings().context_seconds
"""That a part of a chunk hears on each side of what it owns, where the chunk heard so much."""
_SHORTEST_SECONDS = 10.0
"""What a chunk hears that is not made smaller."""


class Fitting:
    """Remembers, for as long as it lives, how much fitted: samples of a batch, padded to its longest chunk."""

    def __init__(self, frame_samples: int) -> None:
        self._frame = frame_samples
        self._context = round(_CONTEXT_SECONDS * SAMPLE_RATE / frame_samples) * frame_samples
        self._most = math.inf

    def encode(self, chunks: Sequence[Chunk], encode: Encode) -> list[tuple[Frames, ...]]:
        """As ``encode`` does, in as many parts as memory asks for.

        Raises ``RecognitionFailed`` where not even the smallest part of a chunk fits.
        """
        encoded = []
        for batch in self._batches(chunks):
            encoded += self._encode(batch, encode)
        return encoded

    def _encode(self, batch: Sequence[Chunk], encode: Encode) -> list[tuple[Frames, ...]]:
        parts = self._parts(batch[0]) if len(batch) == 1 else ()
        if parts and _padded(batch) > self._most:
            pieces = itertools.chain.from_iterable(self.encode([part], encode)[0] for part in parts)
            return [_joined(pieces, batch[0].restarts)]
        try:
            return encode(batch)
        except EngineFailed as error:
            if not ran_out_of_memory(error.__cause__):
                raise
            what = str(error).partition(";")[0]
        give_back()  # only here, as the error's traceback held what had been computed
        if len(batch) == 1 and not parts:
            raise RecognitionFailed(
                f"{what}, also with a short part of this recording; free some, or use --device cpu."
            )
        self._most = max(len(part.samples) for part in parts) if parts else _padded(batch[: len(batch) // 2])
        _LOG.warning("%s; from here on it takes %.0f s at a time.", what, self._most / SAMPLE_RATE)
        return self.encode(batch, encode)

    def _batches(self, chunks: Sequence[Chunk]) -> Iterator[Sequence[Chunk]]:
        """In their order, as many together as may be."""
        batch: list[Chunk] = []
        for chunk in chunks:
            if batch and _padded([*batch, chunk]) > self._most:
                yield batch
                batch = []
            batch.append(chunk)
        yield batch

    def _parts(self, chunk: Chunk) -> tuple[Chunk, ...]:
        """Chunks that own together what it owns, and hear less; none if it hears little already."""
        span = chunk.span
        if len(chunk.samples) <= _SHORTEST_SECONDS * SAMPLE_RATE:
            return ()
        if max(span.owned_from - span.heard_from, span.heard_until - span.owned_until) > self._context:
            return (self._part(chunk, span.owned_from, span.owned_until),)
        middle = span.owned_from + (span.owned_until - span.owned_from) // 2 // self._frame * self._frame
        return self._part(chunk, span.owned_from, middle), self._part(chunk, middle, span.owned_until)

    def _part(self, chunk: Chunk, owned_from: int, owned_until: int) -> Chunk:
        whole = chunk.span
        heard_from = max(owned_from - self._context, whole.heard_from)
        heard_until = min(owned_until + self._context, whole.heard_until)
        return replace(
            chunk,
            samples=chunk.samples[heard_from - whole.heard_from : heard_until - whole.heard_from],
            span=Span(heard_from, owned_from, owned_until, heard_until),
            restarts=tuple(place for place in chunk.restarts if owned_from <= place < owned_until),
        )


def _joined(pieces: Iterable[Frames], restarts: Collection[int]) -> tuple[Frames, ...]:
    """Frames of the parts of one chunk, divided at its restarts only."""
    joined: list[Frames] = []
    for piece in pieces:
        if not joined or piece.first_sample in restarts:
            joined.append(piece)
        else:
            last = joined.pop()
            encoded = torch.cat((last.encoded, piece.encoded))
            joined.append(Frames(last.first_sample, last.count + piece.count, encoded))
    return tuple(joined)


def _padded(chunks: Sequence[Chunk]) -> int:
    """Samples of a batch."""
    return len(chunks) * max(len(chunk.samples) for chunk in chunks)


def give_back() -> None:
    """What torch keeps of a card's memory for itself may be in the wrong pieces."""
    gc.collect()
    torch.cuda.empty_cache()  # nothing where no card is in use
