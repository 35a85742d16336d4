"""Who waits for a place in the engine, and who is next."""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain

from parakeet_cli.server.work import Work

__all__ = ["Place", "Row"]

_LONG_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Place:
    """In the row. ``position`` is 1 for who is next; ``seconds`` of audio wait before it, and of ``unknown`` others
    nobody knows how long they are.
    """

    position: int
    seconds: float
    unknown: int


class Row:
    """Requests before jobs, and each in the order in which they came.

    The last place is for what is soon over: neither jobs nor recordings of over ten minutes take it, nor those of which
    nobody knows the length, unless it is the only one. Not safe for threads.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._requests: deque[Work] = deque()
        self._jobs: deque[Work] = deque()
        self._index: dict[int, Place] | None = None
        """Made when somebody asks, and kept until the row changes: a thousand may ask between two changes."""

    def __len__(self) -> int:
        return len(self._requests) + len(self._jobs)

    def __iter__(self) -> Iterator[Work]:
        return chain(self._requests, self._jobs)

    def count(self, *, is_job: bool) -> int:
        return len(self._jobs if is_job else self._requests)

    def add(self, work: Work) -> None:
        (self._jobs if work.is_job else self._requests).append(work)
        self._index = None

    def remove(self, work: Work) -> bool:
        """Whether it was there."""
        try:
            (self._jobs if work.is_job else self._requests).remove(work)
        except ValueError:
            return False
        self._index = None
        return True

    def take(self, running: Collection[Work]) -> Work | None:
        """Who may begin beside those that run, taken out; None if nobody may."""
        free = self._places - len(running)
        if free <= 0:
            return None
        last_is_kept = self._places > 1 and sum(map(_takes_long, running)) >= self._places - 1
        for work in chain(self._requests, list(self._jobs)[:1] if not last_is_kept else ()):
            if not (last_is_kept and _takes_long(work)):
                self.remove(work)
                return work
        return None

    def place(self, work: Work) -> Place | None:
        """Where it waits, if it does."""
        if self._index is None:
            self._index = self._indexed()
        return self._index.get(work.number)

    def _indexed(self) -> dict[int, Place]:
        index, seconds, unknown = {}, 0.0, 0
        for position, work in enumerate(self, 1):
            index[work.number] = Place(position, seconds, unknown)
            duration = work.view.duration
            seconds += duration or 0.0
            unknown += duration is None
        return index


def _takes_long(work: Work) -> bool:
    duration = work.view.duration
    return work.is_job or duration is None or duration > _LONG_SECONDS
