"""Engines that do what a test tells them to, for what is about the desk and not about engines."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from parakeet_cli.errors import InputError, ParakeetError
from parakeet_cli.transcript import Segment, Transcript, Word
from parakeet_cli.transcription.engine import Ended, Engine, Ready, Saved, Tell, Wear
from parakeet_cli.transcription.events import Failed, Finished, Progress, Recording, Started
from parakeet_cli.transcription.media.inputs import Media
from parakeet_cli.transcription.savepoints import Savepoint
from tests.engines import eventually

__all__ = ["READY", "Puppet", "Puppeteer", "Race", "transcript_of"]

READY = Ready("puppet", "en", "cpu")


def transcript_of(text: str, duration: float = 60.0) -> Transcript:
    words = tuple(Word(word, i, i + 1) for i, word in enumerate(text.split()))
    return Transcript((Segment(words),) if words else (), duration, "en", "puppet")


@dataclass
class Puppet:
    """One engine; keeps what it is asked for."""

    tell: Tell
    media: dict[int, Media] = field(default_factory=dict)
    savepoints: dict[int, Savepoint] = field(default_factory=dict)
    cancelled: list[int] = field(default_factory=list)
    flushes: int = 0
    is_closed: bool = False

    def transcribe(self, recording: Recording, savepoint: Savepoint | None = None) -> None:
        if savepoint:
            self.savepoints[recording.number] = savepoint
        self.media[recording.number] = recording.media

    def flush(self) -> None:
        self.flushes += 1

    def cancel(self, number: int) -> None:
        self.cancelled.append(number)

    def close(self) -> None:
        self.is_closed = True

    # What a test makes it say.

    def ready(self) -> None:
        self.tell(READY)

    def hears(self, number: int, text: str, seconds: float) -> None:
        self.tell(Progress(number, seconds, tuple(Word(word, 0.0, 1.0) for word in text.split())))

    def saves(self, number: int, savepoint: Savepoint) -> None:
        self.tell(Saved(number, savepoint))

    def starts(self, number: int, duration: float | None, resumed_at: float = 0.0) -> None:
        self.tell(Started(number, duration, 1, 1, resumed_at))

    def finishes(self, number: int, text: str = "", duration: float = 60.0) -> None:
        self.tell(Finished(number, transcript_of(text, duration), 0.5))

    def fails(self, number: int, error: InputError) -> None:
        self.tell(Failed(number, error))

    def wears(self, batches: int) -> None:
        self.tell(Wear(batches, 1))

    def dies(self, error: ParakeetError | None = None) -> None:
        self.tell(Ended(error))


class Puppeteer:
    """Starts puppets; loads them at once if ``ready``, and ends those that are closed if ``obedient``."""

    def __init__(self, *, ready: bool = True, obedient: bool = True) -> None:
        self.engines: list[Puppet] = []
        self._is_ready = ready
        self._is_obedient = obedient

    def __call__(self, tell: Tell) -> Engine:
        engine = Obedient(tell) if self._is_obedient else Puppet(tell)
        self.engines.append(engine)
        if self._is_ready:
            engine.ready()
        return engine

    def engine(self, index: int = 0) -> Puppet:
        """Once it is started."""
        eventually(lambda: len(self.engines) > index)
        return self.engines[index]

    def given(self, *numbers: int, index: int = 0) -> Puppet:
        """The engine, once these recordings, of which the last may come last, are in it."""
        engine = self.engine(index)
        eventually(lambda: set(numbers) <= set(engine.media))
        return engine


class Obedient(Puppet):
    def close(self) -> None:
        super().close()
        self.dies(None)


class Race:
    """Starts engines that answer at once, from a thread of their own each, and counts how many live at one time."""

    def __init__(self, pauses: Sequence[float]) -> None:
        self.alive = 0
        self.most_alive = 0
        self.started = 0
        self.pauses = pauses
        """Seconds that loads and ends take, in turn."""
        self._lock = threading.Lock()

    def __call__(self, tell: Tell) -> Engine:
        with self._lock:
            self.started += 1
            self.alive += 1
            self.most_alive = max(self.alive, self.most_alive)
        return _Racer(tell, self, self.pauses[self.started % len(self.pauses)])

    def gone(self) -> None:
        with self._lock:
            self.alive -= 1


class _Racer:
    def __init__(self, tell: Tell, race: Race, pause: float) -> None:
        self._tell = tell
        self._race = race
        self._pause = pause
        self._asked: list[int | None] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def transcribe(self, recording: Recording, savepoint: Savepoint | None = None) -> None:
        self._ask(recording.number)

    def flush(self) -> None:
        pass

    def cancel(self, number: int) -> None:
        pass

    def close(self) -> None:
        self._ask(None)

    def _ask(self, number: int | None) -> None:
        with self._changed:
            self._asked.append(number)
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: False, self._pause)
        self._tell(READY)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked)
                number = self._asked.pop(0)
            if number is None:
                break
            self._tell(Finished(number, transcript_of(f"answer {number}"), 0.0))
        with self._changed:
            self._changed.wait_for(lambda: False, self._pause)
        self._race.gone()
        self._tell(Ended())
