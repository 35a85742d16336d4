"""Chunks of many recordings become full batches of like length, without ever reordering one recording."""

from collections.abc import Iterator
from dataclasses import dataclass

from parakeet_cli.transcription.chunking import Chunk

__all__ = ["Batch", "Batcher"]

_LOOKAHEAD = 4
"""Batches' worth of chunks that may wait for others of like length."""

_LIKE = 0.98
"""Chunks at least this share of the longest one batch with it at once: padding costs less than waiting."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Chunks to encode together (none if only ends came), and the recordings that are complete after them."""

    chunks: tuple[Chunk, ...]
    ended: tuple[int, ...]


class Batcher:
    """Collects chunks of any recordings and gives out batches of at most ``size``, longest first.

    A full batch of like lengths goes at once; odd lengths wait for better company until the look-ahead is full.
    Chunks of one recording keep their order, because its last chunk is never longer than the others.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._pending: list[Chunk] = []
        self._ended: list[int] = []

    def add(self, chunk: Chunk) -> Iterator[Batch]:
        """Take a chunk; yield the batches that are due."""
        self._pending.append(chunk)
        while self._like_the_longest() >= self._size or len(self._pending) >= self._size * _LOOKAHEAD:
            yield self._take()

    def end(self, recording: int) -> Iterator[Batch]:
        """No more chunks of ``recording`` will come; yield a batch if it has none left that wait."""
        self._ended.append(recording)
        if all(chunk.recording != recording for chunk in self._pending):
            yield self._complete(())

    def drop(self, recording: int) -> None:
        """Forget the waiting chunks of a recording that failed."""
        self._pending = [chunk for chunk in self._pending if chunk.recording != recording]

    def flush(self) -> Iterator[Batch]:
        """Yield all that is left."""
        while self._pending:
            yield self._take()

    def _like_the_longest(self) -> int:
        longest = max((len(chunk.samples) for chunk in self._pending), default=0)
        return sum(len(chunk.samples) >= longest * _LIKE for chunk in self._pending)

    def _take(self) -> Batch:
        self._pending.sort(key=lambda chunk: -len(chunk.samples))  # stable: equal lengths stay in order
        chunks = tuple(self._pending[: self._size])
        self._pending = self._pending[self._size :]
        return self._complete(chunks)

    def _complete(self, chunks: tuple[Chunk, ...]) -> Batch:
        waiting = {chunk.recording for chunk in self._pending}
        complete = tuple(recording for recording in self._ended if recording not in waiting)
        self._ended = [recording for recording in self._ended if recording in waiting]
        return Batch(chunks, complete)
