"""A batch by one engine after the other: what an engine dies under is tried once more, then it fails alone."""

import logging
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator

from parakeet_cli.errors import EngineFailed, ParakeetError, RecognitionFailed
from parakeet_cli.transcription.engine import Ended, Engine, Room, Saved, StartEngine, Told
from parakeet_cli.transcription.events import Event, Failed, Finished, Progress, Recording, Started
from parakeet_cli.transcription.savepoints import Savepoints

__all__ = ["Succession"]

_LOG = logging.getLogger(__name__)

_MOST_CULPRITS = 3
"""Recordings in a row under which engines died, none being finished meanwhile: then it is not the recordings."""
_CLOSE_SECONDS = 20.0
"""An engine that has to be killed is gone before."""


class Succession:
    """Stands in the Transcriber's place, with engines that may die (row C21 of the fault table)."""

    def __init__(self, start_engine: StartEngine, savepoints: Savepoints) -> None:
        """The engines have to take recordings one at a time, and to wait until a batch is full or they are flushed."""
        self._start_engine = start_engine
        self._savepoints = savepoints
        self._guard = threading.Lock()
        self._engine: Engine | None = None
        self._closing = threading.Event()
        self._gone = threading.Event()
        """No engine is left."""
        self._gone.set()

    def transcribe(self, recordings: Iterable[Recording]) -> Iterator[Event]:
        """As ``Transcriber.transcribe``; once only. ``recordings`` is drawn from in the caller's own thread.

        The recordings that an engine dies under go on with the next, alone, each from its last savepoint: that is told
        as ``Progress``, and their words are told from the start again. One whose second engine dies is ``Failed``.
        Raises the ``EngineError`` of an engine that cannot load, or that another would meet again, and ``EngineFailed``
        when engines have died under three recordings in a row.
        """
        course = _Course(recordings)
        try:
            while not (course.is_over or self._closing.is_set()):
                yield from self._reign(course)
        finally:
            self.close()

    def close(self) -> None:
        """End the engine at once, from any thread, and wait until it is gone."""
        with self._guard:
            self._closing.set()
            if self._engine:
                self._engine.close()
        self._gone.wait(_CLOSE_SECONDS)

    def _reign(self, course: "_Course") -> Iterator[Event]:
        """What one engine tells, to its end or the course's."""
        told = queue.SimpleQueue[Told]()

        def tell(what: Told) -> None:
            told.put(what)
            if isinstance(what, Ended):
                self._gone.set()

        with self._guard:
            if self._closing.is_set():
                return
            self._gone.clear()
            try:
                engine = self._engine = self._start_engine(tell)
            except BaseException:
                self._gone.set()  # nobody will tell of its end
                raise
        had_room = False
        while not course.is_over:
            match what := told.get():
                case Room():
                    had_room = True
                    self._feed(engine, course)
                case Saved(recording=number, savepoint=savepoint):
                    self._savepoints.save(number, savepoint)
                case Started() | Progress() | Finished() | Failed():
                    yield course.hear(what)
                case Ended() if self._closing.is_set():
                    return
                case Ended(error=error):
                    yield from course.bury(error or EngineFailed("The engine ended unasked; try again."), had_room)
                    return

    def _feed(self, engine: Engine, course: "_Course") -> None:
        """Answer the engine's room: with a recording, or with a flush if none is to come for now."""
        if recording := course.draw():
            engine.transcribe(recording, self._savepoints.load(recording.number))
        elif not course.is_over:
            engine.flush()


class _Course:
    """Which recordings are under way, which are tried again, and which engines died under."""

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self._recordings = iter(recordings)
        self._is_drawn = False
        self._under_way: dict[int, Recording] = {}
        self._again: deque[Recording] = deque()
        self._lost: set[int] = set()
        """Numbers of all that an engine has died under."""
        self._culprits: set[int] = set()
        """Numbers of those that were alone with an engine that died, since one was finished."""
        self._started: set[int] = set()

    @property
    def is_over(self) -> bool:
        return self._is_drawn and not self._under_way and not self._again

    def draw(self) -> Recording | None:
        """The next to begin; None if what is under way has to be finished first, or there is none."""
        if self._lost & self._under_way.keys():
            return None
        if self._again:
            # Nothing is under way: all that was is to be tried again.
            recording: Recording | None = self._again.popleft()
        else:
            recording = None if self._is_drawn else next(self._recordings, None)
            self._is_drawn = recording is None
        if recording:
            self._under_way[recording.number] = recording
        return recording

    def hear(self, event: Event) -> Event:
        """The event as it is told: a recording starts once."""
        number = event.recording
        match event:
            case Started(resumed_at=seconds):
                if number in self._started:
                    return Progress(number, seconds)
                self._started.add(number)
            case Finished():
                self._under_way.pop(number, None)
                self._culprits.clear()
            case Failed():
                self._under_way.pop(number, None)
        return event

    def bury(self, error: ParakeetError, had_room: bool) -> Iterator[Failed]:
        """The engine died of ``error``; yields what is not tried again. Raises what is no recording's fault.

        One that never had room was given nothing, and died of itself.
        """
        if not had_room or not isinstance(error, EngineFailed):
            raise error
        lost = list(self._under_way.values())
        self._under_way.clear()
        if len(lost) == 1:
            self._culprits.add(lost[0].number)
        if len(self._culprits) >= _MOST_CULPRITS:
            raise EngineFailed(
                f"The engine died under {_MOST_CULPRITS} recordings in a row; `parakeet doctor` tells what works here."
            ) from error
        for recording in lost:
            if recording.number in self._lost:
                reason = f"Two engines died under this recording, the second so: {error}"
                yield Failed(recording.number, RecognitionFailed(reason))
            else:
                self._lost.add(recording.number)
                self._again.append(recording)
        if not self.is_over:
            _LOG.warning("The engine is started again.")
