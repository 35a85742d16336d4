"""A batch is transcribed in this process."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from parakeet_cli.batch.journal import fingerprint
from parakeet_cli.batch.plan import Task
from parakeet_cli.batch.savepoints import SavepointStore
from parakeet_cli.cli.reporters import Reporter
from parakeet_cli.cli.reporting import DownloadWatcher
from parakeet_cli.settings import DecodingSettings, TranscriptionSettings
from parakeet_cli.transcription.checkpoints import Checkpoint, find, identity
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.media.ffmpeg import find_ffmpeg
from parakeet_cli.transcription.pipeline import Event, OnDownload, Recording, Transcriber

__all__ = ["LocalWorkplace"]


@dataclass(slots=True)
class LocalWorkplace:
    """``model`` is a name or a path."""

    model: str
    settings: TranscriptionSettings
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
    ) -> "_LocalWork":
        savepoints = stack.enter_context(closing(SavepointStore(folder / "savepoints.sqlite3", tasks)))
        reporter.loading(self.model)
        return _LocalWork(
            self._found,
            self.settings,
            savepoints,
            lambda number, done, total: reporter.fetching(number, names[number], done, total),
        )

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
