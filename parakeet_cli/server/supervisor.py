"""The thread that alone starts, feeds and ends engines: one queue of what happened, and no lock over a load."""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

from parakeet_cli.errors import EngineFailed, Overloaded, ParakeetError, UnreadableMedia
from parakeet_cli.server.lifecycle import Action, EngineState, Lifecycle
from parakeet_cli.server.pace import Pace
from parakeet_cli.server.places import Places
from parakeet_cli.server.row import Row
from parakeet_cli.server.work import State, Work
from parakeet_cli.settings import LifecycleSettings
from parakeet_cli.transcription.engine import Ended, Engine, Ready, Saved, StartEngine, Told, Wear
from parakeet_cli.transcription.events import Event, Failed, Finished, Progress, Recording, Started
from parakeet_cli.transcription.media.inputs import DescriptorMedia

__all__ = ["STOPPING", "USUAL_WAIT", "Supervisor"]

_LOG = logging.getLogger(__name__)

STOPPING = "The server is stopping; try again later."
USUAL_WAIT = 5
"""Seconds that a client is told to wait where nothing was measured."""
_CLOSE_SECONDS = 20.0
"""An engine that has to be killed is gone before."""


class Supervisor:
    """Works through the row with one engine after the other.

    ``changed`` guards the row, the places, the pace and the lifecycle; its holder may read all of them and add to the
    row, then calls ``wake``. It is notified when a work is over.
    """

    def __init__(self, start_engine: StartEngine, settings: LifecycleSettings) -> None:
        self.changed = threading.Condition()
        self.row = Row(settings.concurrency)
        self.places = Places(self.row)
        self.pace = Pace()
        self.lifecycle = Lifecycle(settings)
        self.ready: Ready | None = None
        """What the engine that was loaded last said."""
        self.watchers: list[Callable[[Work], None]] = []
        self._start_engine = start_engine
        self._engine: Engine | None = None
        self._happened: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._is_shut = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="desk")
        self._thread.start()
        self.wake()  # an eager engine is due

    def unfinished(self) -> Iterator[Work]:
        yield from self.places
        yield from self.row

    def wake(self) -> None:
        """Look again at what there is to do."""
        self._happened.put(_nothing)

    def cancel(self, work: Work) -> None:
        """Soon; returns at once."""
        self._happened.put(partial(self._cancel, work))

    def shut(self) -> None:
        """End all works and the engine; waits for that."""
        self._happened.put(self._shut)
        self._thread.join(_CLOSE_SECONDS)

    # All that follows is the thread.

    def _run(self) -> None:
        while not (self._is_shut and not self.lifecycle.is_alive):
            due = self.lifecycle.due()
            try:
                happened = self._happened.get(timeout=None if due is None else max(0.0, due - time.monotonic()))
            except queue.Empty:
                happened = _nothing
            for step in (happened, self._advance):
                try:
                    step()
                except Exception:
                    _LOG.exception("The desk met what it does not understand, and goes on.")

    def _advance(self) -> None:
        """Do what is due: with the engine, then for those that wait for it."""
        with self.changed:
            has_work = bool(self.places or self.row)
            action = self.lifecycle.advance(time.monotonic(), has_work=has_work)
        if action:
            self._do(action)
        while self.lifecycle.state is EngineState.READY and (work := self._take()):
            self._begin(work)
        with self.changed:
            self.pace.work(self.places.is_busy, time.monotonic())

    def _do(self, action: Action) -> None:
        if action is Action.CLOSE:
            assert self._engine is not None, "only an engine that lives is closed"
            self._engine.close()
            return
        generation = self.lifecycle.generation
        with self.changed:
            self.pace.load(time.monotonic())
        try:
            self._engine = self._start_engine(partial(self._tell, generation))
        except Exception:
            _LOG.exception("The engine cannot be started.")
            self._tell(generation, Ended(EngineFailed("The engine cannot be started; the server's log says why.")))

    def _tell(self, generation: int, told: Told) -> None:
        """Called by an engine's thread."""
        self._happened.put(partial(self._hear, generation, told))

    def _take(self) -> Work | None:
        with self.changed:
            return self.places.take()

    def _begin(self, work: Work) -> None:
        assert self._engine is not None, "the engine is ready"
        work.change(state=State.RUNNING)
        try:
            self._engine.transcribe(Recording(work.number, work.media, probed=work.probed), work.savepoint)
        except OSError as error:
            self._fail(work, UnreadableMedia(f"The recording cannot be read any more ({error.strerror})."))

    def _hear(self, generation: int, told: Told) -> None:
        if generation != self.lifecycle.generation:
            return
        match told:
            case Ready():
                with self.changed:
                    self.ready = told
                    self.lifecycle.loaded(generation)
                    self.pace.loaded(time.monotonic())
            case Wear():
                self.lifecycle.wore(generation, told)
            case Ended(error=error):
                self._engine = None
                self._bury(generation, error)
            case Started() | Progress() | Saved() | Finished() | Failed():
                if work := self.places.running(told.recording):
                    self._follow(work, told)

    def _follow(self, work: Work, event: Event | Saved) -> None:
        match event:
            case Started():
                work.start(event)
            case Saved(savepoint=savepoint):
                work.save(savepoint)
            case Progress(seconds=seconds):
                self._measure(work, seconds)
                if not work.hear(event):
                    self._contradict(work)
            case Failed(error=error):
                self._fail(work, error)
            case Finished(transcript=transcript, recognition_seconds=seconds):
                self._measure(work, transcript.duration)
                self.pace.finish(transcript.duration)
                self.lifecycle.worked()
                if work.agrees(transcript):
                    self._end(work, partial(work.finish, transcript, seconds))
                else:
                    self._contradict(work)

    def _measure(self, work: Work, seconds: float) -> None:
        with self.changed:
            self.pace.hear(max(0.0, seconds - work.view.seconds), time.monotonic())

    def _bury(self, generation: int, error: ParakeetError | None) -> None:
        """The engine is gone; whoever it worked on gets another one, or is told."""
        with self.changed:
            self.lifecycle.ended(generation, error, time.monotonic())
            given_up = self.places.crash(error or EngineFailed("The engine ended unasked; try again."))
            if failure := self.lifecycle.error:
                _LOG.error("The engine failed, and is not tried again for a while: %s", failure)
                # Nobody holds a line open for a job: it stays in its row until an engine starts again.
                given_up = [(work, failure) for work in self.unfinished() if not work.is_job] + given_up
        for work, reason in given_up:
            self._fail(work, reason)

    def _cancel(self, work: Work) -> None:
        if work.view.state.is_final:
            return
        if self._engine and self.places.running(work.number):
            self._engine.cancel(work.number)
        self._end(work, partial(work.change, state=State.CANCELLED))

    def _contradict(self, work: Work) -> None:
        if self._engine:
            self._engine.cancel(work.number)
        self._fail(work, EngineFailed("The engine died, and the next one heard other words than were sent already."))

    def _shut(self) -> None:
        self._is_shut = True
        with self.changed:
            unfinished = list(self.unfinished())
            action = self.lifecycle.shut()
        for work in unfinished:
            if work.is_job:
                self._end(work, partial(work.change, state=State.CANCELLED))
            else:
                self._fail(work, Overloaded(STOPPING, USUAL_WAIT))
        if action:
            self._do(action)

    def _fail(self, work: Work, error: ParakeetError) -> None:
        self._end(work, partial(work.change, state=State.FAILED, error=error))

    def _end(self, work: Work, change: Callable[[], object]) -> None:
        with self.changed:
            self.row.remove(work)
            self.places.remove(work)
            change()
            self.changed.notify_all()
        for watcher in self.watchers:
            try:
                watcher(work)
            except Exception:
                _LOG.exception("Somebody who watches the desk failed.")
        if isinstance(work.media, DescriptorMedia):
            os.close(work.media.descriptor)


def _nothing() -> None:
    """Happens when there may be something to do."""
