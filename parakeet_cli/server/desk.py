"""Where recordings wait for the engine, and where whoever asked for one follows it."""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from parakeet_cli.errors import EngineFailed, Overloaded, ParakeetError
from parakeet_cli.settings import LifecycleSettings
from parakeet_cli.transcript import Transcript, Word
from parakeet_cli.transcription.engine import Ended, Engine, Ready, StartEngine, Told
from parakeet_cli.transcription.events import Failed, Finished, Progress, Started
from parakeet_cli.transcription.media.inputs import Media

__all__ = ["Desk", "EngineState", "Pulse", "State", "View", "Work"]

_LONGEST_WAIT = 60
"""Seconds that a client may be told to wait before it tries again; some clients ignore more."""


class EngineState(StrEnum):
    UNLOADED = "unloaded"
    LOADING = "loading"
    READY = "ready"
    BACKING_OFF = "backing_off"
    """It crashed, and starts again after a while."""
    FAILED = "failed"
    """It crashed too often, or cannot start."""
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the desk is; what health checks and metrics tell."""

    engine: EngineState
    running: int
    waiting: int
    ready: Ready | None
    """What the engine said of itself when it was loaded last."""


class State(StrEnum):
    """Of a recording; the names are those of OpenAI's objects that take time."""

    QUEUED = "queued"
    RUNNING = "in_progress"
    FINISHED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (State.FINISHED, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class View:
    """A recording at one moment. ``version`` grows with each change."""

    version: int
    state: State
    duration: float | None
    """Seconds of audio, as far as the container tells; exact once finished."""
    seconds: float
    """Of audio that are recognized."""
    words: int
    """So many of ``Work.words`` are settled."""
    transcript: Transcript | None = None
    """Once finished."""
    recognition_seconds: float | None = None
    """Once finished: the recording's share of the time spent in the recognizer."""
    error: ParakeetError | None = None
    """Once failed."""


class Work:
    """One recording on its way. Any thread may read it; the desk alone changes it."""

    def __init__(
        self, number: int, media: Media, duration: float | None, is_job: bool, cancel: "Callable[[Work], None]"
    ) -> None:
        self.number = number
        self.media = media
        self.is_job = is_job
        self.submitted = time.monotonic()
        self._cancel = cancel
        self._words: list[Word] = []
        self._view = View(0, State.QUEUED, duration, 0.0, 0)
        self._changed = threading.Condition()

    @property
    def view(self) -> View:
        return self._view

    def words(self, start: int = 0) -> list[Word]:
        """Those that are settled, from index ``start``; joined by spaces they begin the final text."""
        return self._words[start : self._view.words]

    def wait(self, after: int = -1, timeout: float | None = None) -> View:
        """The view as soon as its version is above ``after``, or what it is after ``timeout`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._view.version > after, timeout)
            return self._view

    def cancel(self) -> None:
        """Give it up within one batch, if it is not over; returns at once."""
        self._cancel(self)

    def change(self, **fields: object) -> None:
        """For the desk."""
        with self._changed:
            self._view = replace(self._view, version=self._view.version + 1, words=len(self._words), **fields)  # type: ignore[arg-type]
            self._changed.notify_all()

    def hear(self, progress: Progress) -> None:
        """For the desk."""
        self._words.extend(progress.words)
        self.change(seconds=progress.seconds)


class Desk:
    """Takes recordings, gives them to an engine, and looks after the engine.

    Requests come before jobs, and neither jobs nor recordings of over ten minutes take the last place in the engine.
    """

    def __init__(self, start_engine: StartEngine, settings: LifecycleSettings) -> None:
        self._start_engine = start_engine
        self._settings = settings
        self._lock = threading.RLock()
        self._numbers = itertools.count()
        self._row: list[Work] = []
        self._running: dict[int, Work] = {}
        self._engine: Engine | None = None
        self._ready: Ready | None = None
        self._watchers: list[Callable[[Work], None]] = []
        self._draining = False

    def submit(self, media: Media, *, duration: float | None = None, is_job: bool = False) -> Work:
        """Queue a recording; whoever owns its media keeps it open until the work is over.

        Raises ``Overloaded`` if the row is full, the server is draining, or the engine failed for good.
        """
        with self._lock:
            if self._draining or not self.has_room(is_job=is_job):
                raise Overloaded("The server has no room for more; try again later.", self.retry_after())
            work = Work(next(self._numbers), media, duration, is_job, self._cancel)
            self._row.append(work)
            self._advance()
            return work

    def position(self, work: Work) -> int:
        """1 for who is next; 0 for what is running or over."""
        with self._lock:
            return self._row.index(work) + 1 if work in self._row else 0

    def eta(self, work: Work) -> float | None:
        """Seconds until it will be finished, from the pace that was measured; None where nothing was measured."""
        return None

    def has_room(self, *, is_job: bool = False) -> bool:
        """Whether a request, or a job, would be taken now."""
        with self._lock:
            waiting = sum(work.is_job == is_job for work in self._row)
            return not self._draining and waiting < (self._settings.waiting_jobs if is_job else self._settings.waiting)

    def retry_after(self) -> int:
        """Seconds (1…60) after which there may be room."""
        return 1

    def pulse(self) -> Pulse:
        with self._lock:
            state = EngineState.READY if self._ready else EngineState.UNLOADED
            return Pulse(state, len(self._running), len(self._row), self._ready)

    def watch(self, on_end: Callable[[Work], None]) -> None:
        """Have ``on_end`` called, from a thread of the desk's, with each work that is over."""
        self._watchers.append(on_end)

    def drain(self, seconds: float) -> bool:
        """Take nothing more; wait until requests (jobs do not count) are over; whether they are."""
        self._draining = True
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self._lock:
                if all(work.is_job for work in [*self._row, *self._running.values()]):
                    return True
            time.sleep(0.05)
        return False

    def close(self) -> None:
        """Cancel what is left, and end the engine."""
        with self._lock:
            self._draining = True
            for work in [*self._row, *self._running.values()]:
                self._cancel(work)
            engine = self._engine
        if engine:
            engine.close()

    def _advance(self) -> None:
        while self._row and len(self._running) < self._settings.concurrency:
            work = self._row.pop(0)
            self._running[work.number] = work
            if self._engine is None:
                self._engine = self._start_engine(self._hear)
            work.change(state=State.RUNNING)
            self._engine.transcribe(work.number, work.media)

    def _cancel(self, work: Work) -> None:
        with self._lock:
            if work.view.state.is_final:
                return
            if work in self._row:
                self._row.remove(work)
            elif self._engine:
                self._engine.cancel(work.number)
            self._end(work, state=State.CANCELLED)

    def _end(self, work: Work, **fields: object) -> None:
        self._running.pop(work.number, None)
        work.change(**fields)
        for watcher in self._watchers:
            watcher(work)
        self._advance()

    def _hear(self, told: Told) -> None:
        with self._lock:
            match told:
                case Ready():
                    self._ready = told
                case Started(recording=number, duration=duration) if number in self._running:
                    self._running[number].change(duration=duration)
                case Progress(recording=number) if number in self._running:
                    self._running[number].hear(told)
                case Failed(recording=number, error=error) if number in self._running:
                    self._end(self._running[number], state=State.FAILED, error=error)
                case Finished(recording=number, transcript=transcript) if number in self._running:
                    self._end(
                        self._running[number],
                        state=State.FINISHED,
                        transcript=transcript,
                        duration=transcript.duration,
                        seconds=transcript.duration,
                        recognition_seconds=told.recognition_seconds,
                    )
                case Ended(error=error):
                    self._engine = self._ready = None
                    for work in list(self._running.values()):
                        self._end(work, state=State.FAILED, error=error or EngineFailed("The engine ended."))
