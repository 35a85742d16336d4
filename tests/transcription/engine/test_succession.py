"""One engine after the other, with engines that die as a test wants it (row C21 of the fault table)."""

import errno
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from parakeet_cli.errors import DiskFull, EngineFailed, ModelCorrupt, ParakeetError
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcript import Transcript
from parakeet_cli.transcription.engine import Ended, Engine, Ready, Room, Saved, Tell
from parakeet_cli.transcription.engine.succession import Succession
from parakeet_cli.transcription.events import Event, Failed, Finished, Progress, Recording, Started
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.savepoints import Savepoint
from tests.engines import PATIENCE

HALFWAY = Savepoint(30 * SAMPLE_RATE, 30 * SAMPLE_RATE, 0, (), (), 30.0, 0.0, 1.0, b"")
DIED = EngineFailed("It died.")


@dataclass
class Engines:
    """Starts engines, finishes what they are given in batches, and keeps account of it; also the savepoints' store.

    ``deadly``: how many engines die in a batch that has this recording; they save it before.
    """

    deadly: dict[int, int] = field(default_factory=dict)
    batch_size: int = 3
    end: ParakeetError | None = DIED
    """Of those that die."""
    load: ParakeetError | None = None
    """Why they die at the start."""
    given: list[list[int]] = field(default_factory=list)
    """Recordings, by engine."""
    resumed: list[int] = field(default_factory=list)
    """Recordings that were given with a savepoint."""
    closed: int = 0
    saved: dict[int, Savepoint] = field(default_factory=dict)

    def __call__(self, tell: Tell) -> Engine:
        self.given.append([])
        return _Scripted(tell, self)

    def succession(self) -> Succession:
        return Succession(self, _Store(self.saved))


@dataclass
class _Store:
    saved: dict[int, Savepoint]

    def load(self, recording: int) -> Savepoint | None:
        return self.saved.get(recording)

    def save(self, recording: int, savepoint: Savepoint) -> None:
        self.saved[recording] = savepoint


class _Scripted:
    """Answers in the call itself."""

    def __init__(self, tell: Tell, engines: Engines) -> None:
        self._tell = tell
        self._engines = engines
        self._waiting: list[int] = []
        self._is_dead = False
        self._say(Ready("scripted", "en", "cpu"))
        if engines.load:
            self._die(engines.load)
        self._say(Room())

    def transcribe(self, recording: Recording, savepoint: Savepoint | None = None) -> None:
        self._engines.given[-1].append(recording.number)
        if savepoint:
            self._engines.resumed.append(recording.number)
        self._waiting.append(recording.number)
        self._say(Started(recording.number, 60.0, 1, 1, savepoint.position / SAMPLE_RATE if savepoint else 0.0))
        if len(self._waiting) == self._engines.batch_size:
            self._work()
        self._say(Room())

    def flush(self) -> None:
        self._work()
        self._say(Room())

    def cancel(self, number: int) -> None:
        raise AssertionError("nobody cancels")

    def close(self) -> None:
        self._engines.closed += not self._is_dead
        self._die(None)

    def _work(self) -> None:
        for number in self._waiting:
            if self._engines.deadly.get(number):
                self._engines.deadly[number] -= 1
                self._say(Saved(number, HALFWAY))
                self._die(self._engines.end)
        for number in self._waiting:
            self._say(Finished(number, Transcript((), 60.0, "en", "scripted"), 1.0))
        self._waiting.clear()

    def _die(self, error: ParakeetError | None) -> None:
        self._say(Ended(error))
        self._is_dead = True

    def _say(self, told: Event | Ready | Room | Saved | Ended) -> None:
        if not self._is_dead:
            self._tell(told)


def recordings(count: int, drawn: list[int] | None = None) -> Iterator[Recording]:
    for number in range(count):
        if drawn is not None:
            drawn.append(number)
        yield Recording(number, FileMedia(Path("/nowhere/talk.mp3")))


def outcome(events: list[Event]) -> Mapping[int, str]:
    """What came of each recording; each once."""
    ends = [event for event in events if isinstance(event, Finished | Failed)]
    assert len({event.recording for event in ends}) == len(ends)
    return {event.recording: event.error.code if isinstance(event, Failed) else "finished" for event in ends}


def test_what_kills_its_engine_twice_fails_alone_and_its_neighbours_are_finished() -> None:
    """Row C21."""
    engines = Engines(deadly={1: 99})
    events = list(engines.succession().transcribe(recordings(6)))
    assert outcome(events) == dict.fromkeys(range(6), "finished") | {1: "recognition_failed"}
    assert engines.given == [[0, 1, 2], [0, 1], [2, 3, 4, 5]]  # all that the first died under run alone
    assert sum(isinstance(event, Started) for event in events) == 6


def test_what_kills_its_engine_once_is_finished_by_the_next_from_its_savepoint(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engines = Engines(deadly={1: 1}, batch_size=2)
    events = list(engines.succession().transcribe(recordings(3)))
    assert outcome(events) == dict.fromkeys(range(3), "finished")
    assert engines.resumed == [1]
    assert [event for event in events if event.recording == 1][:2] == [Started(1, 60.0, 1, 1), Progress(1, 30.0)]
    assert caplog.messages == ["The engine is started again."]


def test_what_an_earlier_run_saved_is_gone_on_with() -> None:
    engines = Engines(saved={0: HALFWAY})
    events = list(engines.succession().transcribe(recordings(1)))
    assert events[0] == Started(0, 60.0, 1, 1, 30.0)


def test_a_recording_is_drawn_when_there_is_room_for_it() -> None:
    drawn: list[int] = []
    events = Engines(batch_size=2).succession().transcribe(recordings(9, drawn))
    seen = {event.recording for _, event in zip(range(4), events, strict=False)}
    assert seen == {0, 1}
    assert drawn == [0, 1]


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_engines_that_die_under_three_recordings_in_a_row_end_the_batch(batch_size: int) -> None:
    """Row C21: it is not the recordings, then."""
    engines = Engines(deadly=dict.fromkeys(range(9), 99), batch_size=batch_size)
    events = []
    with pytest.raises(EngineFailed, match="under 3 recordings in a row"):
        for event in engines.succession().transcribe(recordings(9)):
            events.append(event)
    assert outcome(events) == dict.fromkeys(range(2), "recognition_failed")


def test_deadly_recordings_between_which_others_are_finished_do_not_end_the_batch() -> None:
    engines = Engines(deadly=dict.fromkeys((0, 1, 3, 4, 6), 99), batch_size=1)
    events = list(engines.succession().transcribe(recordings(7)))
    deadly = dict.fromkeys((0, 1, 3, 4, 6), "recognition_failed")
    assert outcome(events) == dict.fromkeys(range(7), "finished") | deadly


@pytest.mark.parametrize("error", [ModelCorrupt("It is damaged."), EngineFailed("Out of memory.")])
def test_an_engine_that_dies_before_it_is_given_anything_ends_the_batch_at_once(error: ParakeetError) -> None:
    engines = Engines(load=error)
    with pytest.raises(type(error)):
        list(engines.succession().transcribe(recordings(3)))
    assert engines.given == [[]]


def test_what_another_engine_would_meet_again_ends_the_batch() -> None:
    engines = Engines(deadly={0: 1}, end=DiskFull("The disk is full."))
    with pytest.raises(DiskFull):
        list(engines.succession().transcribe(recordings(3)))


def test_an_engine_is_closed_when_all_is_done_and_when_nobody_reads_on() -> None:
    for events_read in (1, 99):
        engines = Engines()
        events = engines.succession().transcribe(recordings(5))
        for _, _ in zip(range(events_read), events, strict=False):
            pass
        events.close()  # type: ignore[attr-defined] # a generator
        assert engines.closed == 1


def test_an_engine_that_cannot_be_made_is_not_waited_for() -> None:
    def refuse(_: Tell) -> Engine:
        raise OSError(errno.EMFILE, "Too many open files")

    began = time.monotonic()
    with closing(Succession(refuse, _Store({}))) as succession, pytest.raises(OSError, match="Too many"):
        list(succession.transcribe(recordings(3)))
    assert time.monotonic() - began < 5


def test_closing_ends_whoever_waits_for_an_engine() -> None:
    class Silent(Engines):
        def __call__(self, tell: Tell) -> Engine:
            self.tell = tell
            started.set()
            return self  # type: ignore[return-value]

        def close(self) -> None:
            self.tell(Ended())

    started = threading.Event()
    succession = Silent().succession()
    reader = threading.Thread(target=lambda: list(succession.transcribe(recordings(1))))
    reader.start()
    assert started.wait(PATIENCE)
    succession.close()
    reader.join(PATIENCE)
    assert not reader.is_alive()


def test_an_iterator_that_fails_ends_the_engine() -> None:
    def broken() -> Iterator[Recording]:
        yield from recordings(1)
        raise OSError("no claims")

    engines = Engines()
    with pytest.raises(OSError, match="no claims"):
        list(engines.succession().transcribe(broken()))
    assert engines.closed == 1
