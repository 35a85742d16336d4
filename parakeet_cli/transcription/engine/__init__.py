"""The process that hosts a recognizer: what is said to it, what it tells, and how it is started, watched and ended."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from parakeet_cli.errors import ParakeetError
from parakeet_cli.transcription.events import Event, Recording
from parakeet_cli.transcription.savepoints import Savepoint

__all__ = ["Ended", "Engine", "Ready", "Room", "Saved", "StartEngine", "Tell", "Told", "Wear"]


@dataclass(frozen=True, slots=True)
class Ready:
    """The checkpoint is loaded. ``language`` is an ISO 639-1 code if it knows only one."""

    model: str
    language: str | None
    device: str


@dataclass(frozen=True, slots=True)
class Room:
    """Nothing waits, and another recording would be decoded at once; told again after one was given, or a flush."""


@dataclass(frozen=True, slots=True)
class Wear:
    """How much the engine has done: batches that were encoded, and resident bytes that it has come to."""

    batches: int
    memory: int


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a long recording stands; with the savepoints told before, another engine can go on from there."""

    recording: int
    savepoint: Savepoint


@dataclass(frozen=True, slots=True)
class Ended:
    """The engine is gone and tells nothing more. ``error`` says why, or is None if it was asked to end."""

    error: ParakeetError | None = None


Told = Ready | Event | Room | Wear | Saved | Ended

Tell = Callable[[Told], None]
"""Called from a thread of the engine's, in order; must return quickly."""


class Engine(Protocol):
    """A recognizer at work. All methods return at once, may be called from any thread, and do nothing once it ended."""

    def transcribe(self, recording: Recording, savepoint: Savepoint | None = None) -> None:
        """Begin a recording; events with its number follow, the last of them ``Finished`` or ``Failed``.

        It goes on from a whole ``savepoint``, but for one of another checkpoint, other settings or another version.
        """

    def flush(self) -> None:
        """Finish what was given, in batches that are not full if need be, before anything else is begun."""

    def cancel(self, number: int) -> None:
        """Give a recording up within one batch; at most events under way still come."""

    def close(self) -> None:
        """End, by force if need be; ``Ended`` follows."""


StartEngine = Callable[[Tell], Engine]
