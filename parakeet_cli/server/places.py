"""Who is in the engine, and what becomes of them when it dies under them."""

import math
from collections import deque
from collections.abc import Iterator

from parakeet_cli.errors import EngineFailed, ParakeetError
from parakeet_cli.server.row import Row
from parakeet_cli.server.work import Work
from parakeet_cli.settings import SAMPLE_RATE

__all__ = ["Places"]

_SUSPECT = 2
"""Crashes after which a recording runs alone."""
_CAUSE = 3
_LONGEST_ALONE = 120.0
"""Seconds of a recording that runs alone although another has been found to be the cause."""
_HALF = 0.5


class Places:
    """The recordings that the engine works on, and those that have lost one engine and come first at the next.

    Each gets a second engine, silently. What two engines have died under runs alone then, so that a third that dies
    shows the cause, and the others, which only shared their batches with it, are finished. Not safe for threads.
    """

    def __init__(self, row: Row) -> None:
        self._row = row
        self._running: dict[int, Work] = {}
        self._again: deque[Work] = deque()

    def __len__(self) -> int:
        return len(self._running) + len(self._again)

    def __iter__(self) -> Iterator[Work]:
        yield from self._running.values()
        yield from self._again

    @property
    def is_busy(self) -> bool:
        """The engine has work."""
        return bool(self._running)

    def running(self, number: int) -> Work | None:
        return self._running.get(number)

    def take(self) -> Work | None:
        """Who may go into the engine now; it counts as running from here on."""
        work = self._next()
        if work:
            self._running[work.number] = work
        return work

    def remove(self, work: Work) -> None:
        self._running.pop(work.number, None)
        if work in self._again:
            self._again.remove(work)

    def crash(self, error: ParakeetError) -> list[tuple[Work, ParakeetError]]:
        """The engine died of ``error``: those that are given up, and why. The others will run again."""
        lost = list(self._running.values())
        self._running.clear()
        given_up = []
        for work in lost:
            work.crashes += 1
            if reason := _reason(work, error, is_alone=len(lost) == 1):
                given_up.append((work, reason))
            else:
                work.begin_again()
                self._again.append(work)
        if given_up and len(lost) == 1:
            self._trust_long_ones()
        return given_up

    def _trust_long_ones(self) -> None:
        """The cause is found: what else was suspected need not keep all others waiting, if that would take long."""
        for work in self._again:
            if _is_suspect(work) and (work.view.duration or math.inf) > _LONGEST_ALONE:
                work.crashes = _SUSPECT - 1

    def _next(self) -> Work | None:
        if any(map(_is_suspect, self._running.values())):
            return None
        if suspects := [work for work in self._again if _is_suspect(work)]:
            # Nothing runs: they became suspects when all that ran was lost. The shortest first, as all others wait.
            work = min(suspects, key=lambda suspect: suspect.view.duration or math.inf)
            self._again.remove(work)
            return work
        return self._again.popleft() if self._again else self._row.take(self._running.values())


def _is_suspect(work: Work) -> bool:
    return work.crashes >= _SUSPECT


def _reason(work: Work, error: ParakeetError, *, is_alone: bool) -> ParakeetError | None:
    if not isinstance(error, EngineFailed):
        return error  # another engine would meet it again
    if work.crashes >= _CAUSE or (is_alone and _is_suspect(work)):
        return EngineFailed("The engine died each time it worked on this recording; check that others play it.")
    if not work.is_job and _lost_seconds(work) > _HALF * (work.view.duration or math.inf):
        return error
    return None


def _lost_seconds(work: Work) -> float:
    """Of audio that have to be recognized again."""
    saved = work.savepoint.position / SAMPLE_RATE if work.savepoint else 0.0
    return work.view.seconds - saved
