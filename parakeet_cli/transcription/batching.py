"""Chunks of many recordings become full batches of like length, without ever reordering one recording."""

from collections.abc import Iterator
from dataclasses import dataclass

from parakeet_cli.transcription.chunking import Chunk

__all__ = ["Batch", "Batcher"]

_LOOKAHEAD = 4
"""Batches' worth of chunks that may wait for others of like length, and batches that a chunk lets pass meanwhile."""

_LIKE = 0.98
"""Chunks at least this share of the longest one batch with it at once: padding costs less than waiting."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Chunks to encode together (none if only ends came), and the recordings that are complete after them."""

    chunks: tuple[Chunk, ...]
    ended: tuple[int, ...]


class Batcher:
    """Collects chunks of any recordings and gives out batches of at most ``size``, longest first.

    A full batch of like lengths goes at once; odd lengths wait for better company until the look-ahead is full, or
    until they have let as many batches pass: the oldest chunk then goes first, with those nearest to it in length.
    Chunks of one recording keep their order.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._pending: list[_Waiting] = []
        """In the order in which they came."""
        self._taken = 0
        self._ended: list[int] = []

    def add(self, chunk: Chunk) -> Iterator[Batch]:
        """Take a chunk; yield the batches that are due."""
        self._pending.append(_Waiting(chunk, since=self._taken))
        while self._like_the_longest() >= self._size or len(self._pending) >= self._size * _LOOKAHEAD:
            yield self._take()

    def end(self, recording: int) -> Iterator[Batch]:
        """No more chunks of ``recording`` will come; yield a batch if it has none left that wait."""
        self._ended.append(recording)
        if all(waiting.chunk.recording != recording for waiting in self._pending):
            yield self._complete(())

    def drop(self, recording: int) -> None:
        """Forget the waiting chunks of a recording that failed."""
        self._pending = [waiting for waiting in self._pending if waiting.chunk.recording != recording]

    def flush(self) -> Iterator[Batch]:
        """Yield all that is left."""
        while self._pending:
            yield self._take()

    def _like_the_longest(self) -> int:
        longest = max((waiting.length for waiting in self._pending), default=0)
        return sum(waiting.length >= longest * _LIKE for waiting in self._pending)

    def _take(self) -> Batch:
        oldest = self._pending[0]
        if self._taken - oldest.since >= _LOOKAHEAD:
            order = self._nearest(oldest.length)
        else:
            order = self._nearest(max(waiting.length for waiting in self._pending))
        chunks = tuple(self._pending[index].chunk for index in order[: self._size])
        self._pending = [self._pending[index] for index in sorted(order[self._size :])]
        self._taken += 1
        return self._complete(chunks)

    def _nearest(self, length: int) -> list[int]:
        """Indices of all that wait, nearest in length first, yet none before an earlier one of its recording."""
        farthest: dict[int, int] = {}
        distances = []
        for waiting in self._pending:
            recording = waiting.chunk.recording
            farthest[recording] = max(farthest.get(recording, 0), abs(waiting.length - length))
            distances.append(farthest[recording])
        return sorted(range(len(distances)), key=distances.__getitem__)  # stable: equal ones stay in order

    def _complete(self, chunks: tuple[Chunk, ...]) -> Batch:
        unfinished = {waiting.chunk.recording for waiting in self._pending}
        complete = tuple(recording for recording in self._ended if recording not in unfinished)
        self._ended = [recording for recording in self._ended if recording in unfinished]
        return Batch(chunks, complete)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A chunk, and how many batches had been taken when it came."""

    chunk: Chunk
    since: int

    @property
    def length(self) -> int:
        return len(self.chunk.samples)
