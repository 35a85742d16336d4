"""Where recordings wait for the engine, and where whoever asked for one follows it."""

import itertools
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from parakeet_cli.errors import Overloaded, ParakeetError
from parakeet_cli.server.lifecycle import EngineState
from parakeet_cli.server.supervisor import STOPPING, USUAL_WAIT, Supervisor
from parakeet_cli.server.work import State, View, Work
from parakeet_cli.settings import LifecycleSettings
from parakeet_cli.transcription.engine import Ready, StartEngine
from parakeet_cli.transcription.media.inputs import DescriptorMedia, Media
from parakeet_cli.transcription.media.probe import Probed
from parakeet_cli.transcription.savepoints import Savepoint

__all__ = ["Desk", "EngineState", "Pulse", "State", "View", "Work"]

_LONGEST_WAIT = 60
"""Seconds that a client may be told to wait before it tries again; some clients ignore more."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the desk is; what health checks and metrics tell."""

    engine: EngineState
    running: int
    waiting: int
    ready: Ready | None
    """What the engine said of itself when it was loaded last."""
    error: ParakeetError | None = None
    """Why the engine failed, while it is failed."""


class Desk:
    """Takes recordings, gives them to an engine, and looks after the engine.

    Requests come before jobs, and neither jobs nor recordings of over ten minutes take the last place in the engine.
    A recording whose engine dies is given to the next one, which goes on where it stood if it is long.
    """

    def __init__(self, start_engine: StartEngine, settings: LifecycleSettings) -> None:
        self._settings = settings
        self._numbers = itertools.count()
        self._is_draining = False
        self._supervisor = Supervisor(start_engine, settings)
        self._changed = self._supervisor.changed
        self._row = self._supervisor.row
        self._places = self._supervisor.places
        self._pace = self._supervisor.pace
        self._lifecycle = self._supervisor.lifecycle

    def submit(
        self,
        media: Media,
        *,
        duration: float | None = None,
        is_job: bool = False,
        savepoint: Savepoint | None = None,
        probed: Probed | None = None,
    ) -> Work:
        """Queue a recording; whoever owns its media keeps it open until the work is over.

        It goes on from ``savepoint`` where the engine can. ``duration`` may be left out where ``probed`` tells it.

        Raises ``Overloaded`` if the row is full, the server is draining, or the engine failed for good.
        """
        with self._changed:
            if not self._admits(is_job):
                raise Overloaded(self._refusal(), self._retry_after())
            if duration is None and probed:
                duration = probed.info.duration
            work = Work(next(self._numbers), _own(media), duration, is_job, self._supervisor.cancel, savepoint, probed)
            self._row.add(work)
        self._supervisor.wake()
        return work

    def position(self, work: Work) -> int:
        """1 for who is next; 0 for what is running or over."""
        with self._changed:
            place = self._row.place(work)
            return place.position if place else 0

    def eta(self, work: Work) -> float | None:
        """Seconds until it will be finished, from the pace that was measured; None where nothing was measured."""
        with self._changed:
            if work.view.state.is_final:
                return 0.0
            place = self._row.place(work)
            unknown = int(work.view.duration is None)
            left = [_left(each) for each in self._places]
            if place:
                ahead = sum(left) + place.seconds
                seconds = self._pace.seconds_for(ahead + _left(work), place.unknown + unknown)
            else:
                seconds = None if unknown else self._pace.seconds_beside(_left(work), left)
            return None if seconds is None else seconds + self._load_seconds()

    def has_room(self, *, is_job: bool = False) -> bool:
        """Whether a request, or a job, would be taken now."""
        with self._changed:
            return self._admits(is_job)

    def retry_after(self) -> int:
        """Seconds (1…60) after which there may be room."""
        with self._changed:
            return self._retry_after()

    def pulse(self) -> Pulse:
        """Neither wakes the engine nor keeps it awake."""
        with self._changed:
            state = EngineState.DRAINING if self._is_draining else self._lifecycle.state
            return Pulse(state, len(self._places), len(self._row), self._supervisor.ready, self._lifecycle.error)

    def watch(self, on_end: Callable[[Work], None]) -> None:
        """Have ``on_end`` called, from a thread of the desk's, with each work that is over; it must be quick."""
        self._supervisor.watchers.append(on_end)

    def drain(self, seconds: float) -> bool:
        """Take nothing more; wait until requests (jobs do not count) are over; whether they are."""
        with self._changed:
            self._is_draining = True
            return self._changed.wait_for(lambda: all(work.is_job for work in self._supervisor.unfinished()), seconds)

    def close(self) -> None:
        """Cancel jobs that are left, refuse requests that are left as ``Overloaded``, and end the engine."""
        with self._changed:
            self._is_draining = True
        self._supervisor.shut()

    # What follows is called with the lock.

    def _admits(self, is_job: bool) -> bool:
        """Whoever can have a place at once does not count as waiting, even if the desk has not come to it yet."""
        if self._is_draining or self._lifecycle.refuses_until(time.monotonic()) is not None:
            return False
        waiting = self._row.count(is_job=is_job)
        if is_job:
            return waiting < self._settings.waiting_jobs
        return waiting < self._settings.waiting + max(0, self._settings.concurrency - len(self._places))

    def _refusal(self) -> str:
        if self._is_draining:
            return STOPPING
        if self._lifecycle.error:
            return "The engine cannot run at present, as the server's log explains; try again later."
        return "The server has no room for more; try again later."

    def _retry_after(self) -> int:
        """A place in the row is free when one in the engine is."""
        now = time.monotonic()
        left = [_left(work) for work in self._places if work.view.duration is not None]
        if (until := self._lifecycle.refuses_until(now)) is not None:
            seconds: float | None = until - now
        else:
            seconds = self._pace.seconds_beside(min(left), left) if left else None
        if seconds is None or self._is_draining:
            return USUAL_WAIT
        return max(1, min(_LONGEST_WAIT, math.ceil(seconds + self._load_seconds())))

    def _load_seconds(self) -> float:
        return 0.0 if self._lifecycle.state is EngineState.READY else self._pace.seconds_to_load(time.monotonic())


def _own(media: Media) -> Media:
    """With a descriptor of the desk's: should its owner close theirs too early, its number may be another upload's."""
    if not isinstance(media, DescriptorMedia):
        return media
    try:
        return replace(media, descriptor=os.dup(media.descriptor))
    except OSError as error:
        raise Overloaded(f"The server cannot open more files ({error.strerror}); try again later.") from error


def _left(work: Work) -> float:
    """Seconds of audio; those of unknown length have none."""
    return max(0.0, (work.view.duration or 0.0) - work.view.seconds)
