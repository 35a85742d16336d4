"""Chunks of many recordings become full batches of like length, without ever reordering one recording."""

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from parakeet_cli.transcription.chunking import Chunk

__all__ = ["Batch", "Batcher"]

_LOOKAHEAD = 4
"""Batches' worth of chunks that may wait for others of like length, and batches that a chunk lets pass meanwhile."""

_LIKE = 0.98
"""Chunks at least this share of the longest one batch with it at once: padding costs less than waiting."""

_MOST_PADDED = 1.25
"""Times the sum of its lengths, that a batch of recordings in turn may be padded to: what is computed grows with that,
and a short chunk ends as late as the longest beside it.
"""


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

    With ``in_turn`` the recording that has waited longest goes first as soon as ``size`` chunks are there, with a chunk
    of each of the others in turn as far as the padding is cheap: no recording waits for more than one batch of each
    of the others.
    """

    def __init__(self, size: int, *, in_turn: bool = False, patience_seconds: float = math.inf) -> None:
        self._size = size
        self._in_turn = in_turn
        self._patience_seconds = patience_seconds
        self._pending: list[_Waiting] = []
        """In the order in which they came."""
        self._taken = 0
        self._served: dict[int, int] = {}
        """How many batches had been taken after the last one that a recording had a part in."""
        self._ended: list[int] = []

    def add(self, chunk: Chunk) -> Iterator[Batch]:
        """Take a chunk; yield the batches that are due."""
        self._pending.append(_Waiting(chunk, since=self._taken))
        while self._is_due():
            yield self._take()

    def patience(self) -> float:
        """Seconds from now until a batch is ``overdue``; infinite if nothing waits."""
        if not self._pending:
            return math.inf
        return self._pending[0].came + self._patience_seconds - time.monotonic()

    def overdue(self) -> Iterator[Batch]:
        """Yield one batch of what waits, as no more company comes."""
        if self._pending:
            yield self._take()

    def end(self, recording: int) -> Iterator[Batch]:
        """No more chunks of ``recording`` will come; yield a batch if it has none left that wait."""
        self._ended.append(recording)
        if all(waiting.chunk.recording != recording for waiting in self._pending):
            yield self._complete(())

    def drop(self, recording: int) -> None:
        """Forget a recording that failed or was given up, and its chunks."""
        self._pending = [waiting for waiting in self._pending if waiting.chunk.recording != recording]
        self._ended = [ended for ended in self._ended if ended != recording]
        self._served.pop(recording, None)

    def flush(self) -> Iterator[Batch]:
        """Yield all that is left."""
        while self._pending:
            yield self._take()

    def _is_due(self) -> bool:
        if self._in_turn:
            return len(self._pending) >= self._size
        return self._like_the_longest() >= self._size or len(self._pending) >= self._size * _LOOKAHEAD

    def _like_the_longest(self) -> int:
        longest = max((waiting.length for waiting in self._pending), default=0)
        return sum(waiting.length >= longest * _LIKE for waiting in self._pending)

    def _take(self) -> Batch:
        chosen = self._recordings_in_turn() if self._in_turn else self._alike()
        chunks = tuple(self._pending[index].chunk for index in chosen)
        left = set(range(len(self._pending))).difference(chosen)
        self._pending = [self._pending[index] for index in sorted(left)]
        self._taken += 1
        self._served |= {chunk.recording: self._taken for chunk in chunks}
        return self._complete(chunks)

    def _recordings_in_turn(self) -> list[int]:
        """Indices for a batch."""
        chunks: dict[int, deque[int]] = {}
        for index, waiting in enumerate(self._pending):
            chunks.setdefault(waiting.chunk.recording, deque()).append(index)
        turns = deque(sorted(chunks, key=lambda recording: self._waits_since(recording, chunks[recording][0])))
        chosen: list[int] = []
        longest = total = 0
        while turns and len(chosen) < self._size:
            recording = turns.popleft()
            length = self._pending[chunks[recording][0]].length
            if max(longest, length) * (len(chosen) + 1) > _MOST_PADDED * (total + length):
                continue  # nor may its later chunks come before this one
            chosen.append(chunks[recording].popleft())
            longest, total = max(longest, length), total + length
            if chunks[recording]:
                turns.append(recording)
        return chosen

    def _waits_since(self, recording: int, index: int) -> tuple[int, bool]:
        """Who never had a turn goes before who had one."""
        since = self._pending[index].since
        return max(since, self._served.get(recording, 0)), recording in self._served

    def _alike(self) -> list[int]:
        """Indices for a batch."""
        oldest = self._pending[0]
        if self._taken - oldest.since >= _LOOKAHEAD:
            order = self._nearest(oldest.length)
        else:
            order = self._nearest(max(waiting.length for waiting in self._pending))
        return order[: self._size]

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
        for recording in complete:
            self._served.pop(recording, None)
        return Batch(chunks, complete)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A chunk, when it came, and how many batches had been taken by then."""

    chunk: Chunk
    since: int
    came: float = field(default_factory=time.monotonic)

    @property
    def length(self) -> int:
        return len(self.chunk.samples)
