"""Where a batch is transcribed: in this process, or by a server. The rest of ``parakeet transcribe`` is the same."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from parakeet_cli.batch.plan import Task
from parakeet_cli.cli.reporters import Reporter
from parakeet_cli.settings import DecodingSettings
from parakeet_cli.transcription.events import Event, Recording

__all__ = ["Work", "Workplace"]


class Work(Protocol):
    """The tasks of one batch."""

    def transcribe(self, recordings: Iterable[Recording]) -> Iterator[Event]:
        """As ``Transcriber.transcribe``; ``recordings`` are of the tasks, and drawn when there is room for another."""

    def forget(self, number: int) -> None:
        """The outputs of this recording are written: what was kept of it on the way can go."""


class Workplace(Protocol):
    @property
    def decoding(self) -> DecodingSettings:
        """What of the recordings is transcribed."""

    @property
    def is_talkative(self) -> bool:
        """Whether others than the reporter write to stderr."""

    def check(self) -> None:
        """Raise ``EngineError`` for what would fail before any model is looked for."""

    def find(self, reporter: Reporter) -> None:
        """The model. Raises ``EngineError``; so does whatever follows."""

    def fingerprint(self) -> str:
        """As in ``batch.journal``, of what was found."""

    def begin(
        self, tasks: Mapping[int, Task], folder: Path, reporter: Reporter, names: Mapping[int, str], stack: ExitStack
    ) -> Work:
        """Get ready for ``tasks``, by number, with files of ours in ``folder``; ``stack`` ends what was begun."""
