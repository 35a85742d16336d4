"""When the engine is started, ended and started again: policy only, without threads, clocks or an engine of its own.

::

    UNLOADED ──work──► LOADING ──► READY ──idle, or worn──► UNLOADING ──► UNLOADED
                          │          │
                          └──crash───┴──► BACKING_OFF ──► LOADING        five crashes in five minutes, or an
                          └─────────────► FAILED ──later─► LOADING       error that a second try would meet again
"""

from collections import deque
from enum import StrEnum

from parakeet_cli.errors import EngineFailed, ParakeetError
from parakeet_cli.settings import LifecycleSettings
from parakeet_cli.transcription.engine import Wear

__all__ = ["Action", "EngineState", "Lifecycle"]

_LONGEST_BACK_OFF = 60.0
_MOST_CRASHES = 5
_CRASH_SECONDS = 300.0
"""In which so many crashes are too many, and for which nothing is tried then."""
_MOST_BATCHES = 5_000
"""After which an engine is replaced when it has nothing to do."""
_WARM_BATCHES = 100
"""After which its memory should grow no more."""
_GROWTH = 1.3


class EngineState(StrEnum):
    UNLOADED = "unloaded"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    """It was asked to end, and has not yet."""
    BACKING_OFF = "backing_off"
    """It crashed, and starts again after a while."""
    FAILED = "failed"
    """It crashed too often, or cannot start."""
    DRAINING = "draining"
    """The server takes nothing more."""


class Action(StrEnum):
    START = "start"
    """An engine, of the lifecycle's ``generation``."""
    CLOSE = "close"


class Lifecycle:
    """One engine after the other, never two.

    Whoever drives it tells what happens, then calls ``advance`` and does what that returns; ``due`` is when to call it
    although nothing happened. Times are those of one monotonic clock, in seconds. What an engine tells comes with its
    ``generation``: nothing that an earlier one said counts.
    """

    def __init__(self, settings: LifecycleSettings) -> None:
        self.state = EngineState.UNLOADED
        self.generation = 0
        self.error: ParakeetError | None = None
        """Why it failed, while it is failed."""
        self._settings = settings
        self._is_wanted = not settings.lazy
        """Also without work."""
        self._is_shut = False
        self._has_work = False
        """When it was looked at last."""
        self._until = 0.0
        """While backing off or failed: when it may be tried again."""
        self._unready_since: float | None = None
        self._idle_since: float | None = None
        self._crashes: deque[float] = deque(maxlen=_MOST_CRASHES)
        self._crashes_in_a_row = 0
        self._warm_memory: int | None = None
        self._is_worn = False

    def refuses_until(self, now: float) -> float | None:
        """While it failed, the time from which work may try it again; None if it takes work now."""
        return self._until if self.state is EngineState.FAILED and now < self._until else None

    def due(self) -> float | None:
        """When ``advance`` is to be called, whatever happens."""
        is_tried_again = self._recovers or self._has_work
        if self.state is EngineState.BACKING_OFF or (self.state is EngineState.FAILED and is_tried_again):
            return self._until
        if self.state is EngineState.READY and self._idle_since is not None:
            end = self._idle_since + self._settings.idle_seconds
            return None if end == float("inf") else end
        return None

    def advance(self, now: float, *, has_work: bool) -> Action | None:
        """Go on to the next state; what is to be done for it."""
        self._has_work = has_work
        self._mark_idle(now, has_work)
        match self.state:
            case EngineState.BACKING_OFF if now >= self._until:
                self.state = EngineState.UNLOADED
            case EngineState.FAILED if now >= self._until and (has_work or self._recovers):
                self.state, self.error = EngineState.UNLOADED, None
            case EngineState.READY if not has_work and (self._is_worn or self._is_idle(now)):
                self._is_wanted = not self._is_idle(now)  # a worn one is replaced at once
                self.state = EngineState.UNLOADING
                return Action.CLOSE
        if self.state is not EngineState.UNLOADED or self._is_shut:
            return None
        if has_work or self._is_wanted:
            return self._start(now)
        self._unready_since = None
        return None

    def loaded(self, generation: int) -> None:
        if generation == self.generation and self.state is EngineState.LOADING:
            self.state = EngineState.READY
            self._unready_since = None

    def worked(self) -> None:
        """A recording was finished: whatever made the engine crash before, it is over."""
        self._crashes_in_a_row = 0

    def wore(self, generation: int, wear: Wear) -> None:
        if generation != self.generation:
            return
        if self._warm_memory is None and wear.batches >= _WARM_BATCHES:
            self._warm_memory = wear.memory
        has_grown = self._warm_memory is not None and wear.memory > self._warm_memory * _GROWTH
        self._is_worn = has_grown or wear.batches >= _MOST_BATCHES

    def ended(self, generation: int, error: ParakeetError | None, now: float) -> None:
        """The engine is gone; unless it was asked to end, that is a crash."""
        if generation != self.generation or not self.is_alive:
            return
        was = self.state
        self.state = EngineState.UNLOADED
        if was is EngineState.UNLOADING or self._is_shut:
            return
        self._crash(error or EngineFailed("The engine ended unasked; try again."), was is EngineState.LOADING, now)

    def shut(self) -> Action | None:
        """End the engine for good."""
        self._is_shut = True
        self._is_wanted = False
        if self.state in (EngineState.LOADING, EngineState.READY):
            self.state = EngineState.UNLOADING
            return Action.CLOSE
        return None

    @property
    def is_alive(self) -> bool:
        """There is an engine, in whatever state."""
        return self.state in (EngineState.LOADING, EngineState.READY, EngineState.UNLOADING)

    @property
    def _recovers(self) -> bool:
        """By itself, with time. What a second try would meet again stays until somebody mends it and asks anew."""
        return self._is_wanted or isinstance(self.error, EngineFailed)

    def _mark_idle(self, now: float, has_work: bool) -> None:
        if has_work:
            self._idle_since = None
        elif self._idle_since is None and self.state is EngineState.READY:
            self._idle_since = now

    def _is_idle(self, now: float) -> bool:
        """For so long that it is unloaded. The time goes on while a worn engine is replaced."""
        return self._idle_since is not None and now - self._idle_since >= self._settings.idle_seconds

    def _start(self, now: float) -> Action:
        self.state = EngineState.LOADING
        self.generation += 1
        self._is_wanted = not self._settings.lazy
        self._unready_since = now if self._unready_since is None else self._unready_since
        self._warm_memory, self._is_worn = None, False
        return Action.START

    def _crash(self, error: ParakeetError, was_loading: bool, now: float) -> None:
        self._crashes.append(now)
        self._crashes_in_a_row += 1
        delay = min(_LONGEST_BACK_OFF, 2.0 ** min(self._crashes_in_a_row - 1, 10))
        too_often = len(self._crashes) == _MOST_CRASHES and now - self._crashes[0] <= _CRASH_SECONDS
        too_long = self._unready_since is not None and now - self._unready_since >= self._settings.load_seconds
        if too_often:
            self._fail(error, now + _CRASH_SECONDS)
        elif was_loading and (too_long or not isinstance(error, EngineFailed)):
            self._fail(error, now + delay)
        else:
            self.state, self._until = EngineState.BACKING_OFF, now + delay

    def _fail(self, error: ParakeetError, until: float) -> None:
        self.state, self.error, self._until = EngineState.FAILED, error, until
        self._unready_since = None
