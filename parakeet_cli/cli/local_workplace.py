"""A batch is transcribed on this machine: in this process, or in one that may die without an end to the batch."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from parakeet_cli.batch.journal import fingerprint
from parakeet_cli.batch.plan import Task
from parakeet_cli.batch.savepoints import SavepointStore
from parakeet_cli.cli.reporters import Reporter
from parakeet_cli.cli.reporting import DownloadWatcher
from parakeet_cli.settings import DecodingSettings, LifecycleSettings, TranscriptionSettings
from parakeet_cli.transcription.checkpoints import Checkpoint, find, identity
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.media.ffmpeg import find_ffmpeg
from parakeet_cli.transcription.media.inputs import FileMedia, Media
from parakeet_cli.transcription.pipeline import Event, OnDownload, Recording, Transcriber

if TYPE_CHECKING:
    from parakeet_cli.transcription.engine import StartEngine
    from parakeet_cli.transcription.engine.succession import Succession

__all__ = ["LocalWorkplace"]

_CARDS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""Devices of drivers, one of which is there where torch can find a card."""
_HANG_SECONDS = 600.0
"""A batch as large as somebody has asked for takes minutes on a slow machine, and nobody waits for an answer."""


@dataclass(slots=True)
class LocalWorkplace:
    """``model`` is a name or a path. ``isolate``: recognize in a process of its own; None: where there is a card."""

    model: str
    settings: TranscriptionSettings
    isolate: bool | None = None
    _checkpoint: Checkpoint | None = None

    @property
    def decoding(self) -> DecodingSettings:
        return self.settings.decoding

    @property
    def is_talkative(self) -> bool:
        return self.settings.recognizer.verbose

    def check(self) -> None:
        find_ffmpeg()

    def find(self, reporter: Reporter) -> None:
        self._checkpoint = find(self.model, watcher=DownloadWatcher(reporter, self.model))

    def fingerprint(self) -> str:
        return fingerprint(self.settings, identity(self._found.path))

    def begin(
        self, tasks: Mapping[int, Task], folder: Path, reporter: Reporter, names: Mapping[int, str], stack: ExitStack
    ) -> "_LocalWork | _IsolatedWork":
        is_isolated = self._is_isolated(tasks.values())
        savepoints = stack.enter_context(closing(SavepointStore(folder / "savepoints.sqlite3", tasks)))
        reporter.loading(self.model)
        if is_isolated:
            from parakeet_cli.transcription.engine.succession import Succession

            succession = Succession(engine_starter(self._found, self.settings), savepoints)
            return _IsolatedWork(stack.enter_context(closing(succession)), savepoints)
        return _LocalWork(
            self._found,
            self.settings,
            savepoints,
            lambda number, done, total: reporter.fetching(number, names[number], done, total),
        )

    def _is_isolated(self, tasks: Collection[Task]) -> bool:
        """An engine's process is given files alone. Raises ``typer.BadParameter`` if that was asked for with others."""
        are_files = all(_is_seen_by_all(task.recording.media) for task in tasks)
        if self.isolate and not are_files:
            raise typer.BadParameter("it takes files, no URLs and no stdin; leave it out.", param_hint="--isolate")
        if self.isolate is None:
            return are_files and self.settings.recognizer.device != "cpu" and has_card()
        return self.isolate

    @property
    def _found(self) -> Checkpoint:
        assert self._checkpoint is not None, "it is looked for before anything is asked about it"
        return self._checkpoint


@dataclass(slots=True)
class _LocalWork:
    checkpoint: Checkpoint
    settings: TranscriptionSettings
    savepoints: SavepointStore
    on_download: OnDownload = field(repr=False)

    def transcribe(self, recordings: Iterable[Recording]) -> Iterator[Event]:
        """Loads the model first, in the thread that will use it."""
        recognizer = load_recognizer(self.checkpoint, self.settings.recognizer)
        yield from Transcriber(recognizer, self.settings, self.on_download, self.savepoints).transcribe(recordings)

    def forget(self, number: int) -> None:
        self.savepoints.drop(number)


@dataclass(slots=True)
class _IsolatedWork:
    succession: "Succession"
    savepoints: SavepointStore

    def transcribe(self, recordings: Iterable[Recording]) -> Iterator[Event]:
        """The model is loaded in the engine's process; neither torch nor the model come into this one."""
        return self.succession.transcribe(recordings)

    def forget(self, number: int) -> None:
        self.savepoints.drop(number)


def engine_starter(checkpoint: Checkpoint, settings: TranscriptionSettings) -> "StartEngine":
    from parakeet_cli.transcription.engine.process import EngineProcess

    lifecycle = LifecycleSettings(hang_seconds=_HANG_SECONDS)
    return partial(EngineProcess, checkpoint=checkpoint, settings=settings, lifecycle=lifecycle)


def _is_seen_by_all(media: Media) -> bool:
    """A file that each process finds by its path; ``/dev/stdin``, though it may lead to a file, is another in each."""
    return isinstance(media, FileMedia) and not any(map(media.path.is_relative_to, ("/dev", "/proc")))


def has_card() -> bool:
    """Whether a driver is here, without the import of torch."""
    return any(Path(device).exists() for device in _CARDS)
