"""Where something computes beside this thread, a batch is encoded while the one before is decoded and audited."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from functools import partial

from parakeet_cli.transcription.batching import Batch
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.recognizer import Aside, Frames

__all__ = ["Encoded", "Encoding", "Timed", "goes_aside", "timed"]

_AHEAD = 2
"""Batches that are begun before the oldest is taken: so one is encoded whenever one is decoded."""

_SECONDS_TO_LOOK = 0.005
"""Between two looks at whether another thread has encoded a batch, while nothing else comes."""

Encoded = list[tuple[Frames, ...]]
"""What ``Recognizer.encode`` gives: the frames of each chunk."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What was encoded, and when that began and ended, as ``time.monotonic`` tells it."""

    encoded: Encoded
    began: float
    ended: float


def goes_aside(aside: Aside, recordings_at_once: int) -> bool:
    """Whether a thread of its own encodes for so many recordings."""
    return aside is Aside.ALWAYS or (aside is Aside.ALONE and recordings_at_once == 1)


def timed(encode: Callable[[Sequence[Chunk]], Encoded], chunks: Sequence[Chunk]) -> Timed:
    """What ``encode`` gives or raises, with its times, which another thread may have to know."""
    began = time.monotonic()
    encoded = encode(chunks)
    return Timed(encoded, began, time.monotonic())


class Encoding:
    """A row of batches: each is begun, and taken in order. They are encoded aside, in a thread, or when taken."""

    def __init__(self, encode: Callable[[Sequence[Chunk]], Encoded], thread: Executor | None) -> None:
        self._encode = encode
        self._thread = thread
        self._begun: deque[tuple[Batch, Future[Timed] | None]] = deque()

    @property
    def has_begun(self) -> bool:
        """Something is there to be taken."""
        return bool(self._begun)

    @property
    def is_ready(self) -> bool:
        """The oldest can be taken without waiting for another thread."""
        if not self._begun:
            return False
        _, future = self._begun[0]
        return future is None or future.done()

    @property
    def is_full(self) -> bool:
        """The oldest is to be taken before more is begun. Batches without chunks take no place."""
        if self._thread is None:
            return self.has_begun
        return sum(future is not None for _, future in self._begun) >= _AHEAD

    def patience(self, others: Callable[[], float]) -> float:
        """Seconds for which whoever takes batches may wait for something else; ``others`` where none has begun."""
        if not self.has_begun:
            return others()
        return 0.0 if self.is_ready else _SECONDS_TO_LOOK

    def begin(self, batch: Batch) -> None:
        future = self._thread.submit(timed, self._encode, batch.chunks) if self._thread and batch.chunks else None
        self._begun.append((batch, future))

    def take(self) -> tuple[Batch, Callable[[], Timed]]:
        """The oldest, and what waits until its chunks are encoded, or raises what ``encode`` has raised."""
        batch, future = self._begun.popleft()
        return batch, future.result if future else partial(timed, self._encode, batch.chunks)

    def close(self) -> None:
        """Drop what was begun; a batch that is being encoded is waited for."""
        wait([future for _, future in self._begun if future and not future.cancel()])
        self._begun.clear()
