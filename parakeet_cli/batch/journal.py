"""What earlier runs wrote, from which input, settings and checkpoint, so that a re-run does only what is left.

A SQLite file in the user's state folder, keyed by the output's absolute path: nothing is littered beside sources,
a killed run leaves it whole, and two runs may write it at one time.
"""

import hashlib
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from parakeet_cli.settings import TranscriptionSettings
from parakeet_cli.transcription.media.inputs import FileMedia, Media, StdinMedia, UrlMedia

__all__ = ["Journal", "Key", "State", "key_of"]

_LOG = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outputs (
    path BLOB PRIMARY KEY,      -- absolute, as the file system has it
    source BLOB NOT NULL,       -- path or address it was made from
    key TEXT NOT NULL,          -- its state, the settings and the checkpoint
    size INTEGER NOT NULL,      -- of the output as we wrote it
    mtime_ns INTEGER NOT NULL,
    written_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID
"""


class State(Enum):
    """What stands where an output should go."""

    ABSENT = "absent"
    DONE = "done"
    """Ours, made from the same input, settings and checkpoint."""
    OUTDATED = "outdated"
    """Ours and untouched, made from the same source in another state, or with other settings."""
    FOREIGN = "foreign"
    """Not written by us, changed since, or made from another source."""


@dataclass(frozen=True, slots=True)
class Key:
    """Equal keys: the output would come out the same. ``source`` alone tells what it is a transcript of."""

    source: bytes
    value: str


def key_of(media: Media, track: int | str | None, settings: TranscriptionSettings, model: str) -> Key | None:
    """None for stdin, which cannot be recognised again. ``model`` identifies the checkpoint's content.

    Batch size and verbosity do not change a transcript; the device is left out too, although ``--dtype auto`` takes
    another format on another device: moving to another machine is no reason to do everything again.
    """
    state: list[int] = []
    match media:
        case FileMedia(path=path):
            status = path.stat()
            source = os.fsencode(path)
            state = [status.st_size, status.st_mtime_ns]
        case UrlMedia(url=url):
            source = url.encode()
        case StdinMedia():
            return None
    relevant = {
        "decoding": asdict(settings.decoding),
        "activity": asdict(settings.activity),
        "chunks": asdict(settings.chunks),
        "coverage": asdict(settings.coverage),
        "segments": asdict(settings.segments),
        "dtype": settings.recognizer.dtype,
        "track": track,
        "model": model,
        "source": source.hex(),
        "state": state,
    }
    return Key(source, hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest())


class Journal:
    """Usable from any thread. Where its file cannot be read or written it goes on in memory, and says so once."""

    def __init__(self, path: Path) -> None:
        self._database = _open(path)
        self._lock = threading.Lock()

    def state(self, output: Path, key: Key | None) -> State:
        """What a run that would write ``output`` from ``key`` finds there."""
        try:
            found = output.stat()
        except OSError:
            return State.FOREIGN if output.is_symlink() else State.ABSENT
        row = self._row(output)
        if row is None or row[2:] != (found.st_size, found.st_mtime_ns) or key is None or row[0] != key.source:
            return State.FOREIGN
        return State.DONE if row[1] == key.value else State.OUTDATED

    def is_done(self, outputs: Iterable[Path], key: Key | None) -> bool:
        """Whether all of ``outputs`` stand there, made from ``key``."""
        return all(self.state(output, key) is State.DONE for output in outputs)

    def record(self, outputs: list[Path], key: Key | None, *, complete: bool) -> None:
        """Remember outputs that have just been written, all or none; incomplete ones are outdated at once."""
        rows = []
        for output in outputs:
            status = output.stat()
            source, value = (key.source, key.value if complete else "") if key else (b"", "")
            rows.append((os.fsencode(output), source, value, status.st_size, status.st_mtime_ns))
        with self._lock:
            try:
                self._insert(rows)
            except sqlite3.Error as error:
                self._forget(error)
                self._insert(rows)

    def _insert(self, rows: list[tuple[bytes, bytes, str, int, int]]) -> None:
        with self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO outputs (path, source, key, size, mtime_ns) VALUES (?, ?, ?, ?, ?)", rows
            )

    def _row(self, output: Path) -> tuple[bytes, str, int, int] | None:
        """Source, key, size and mtime of what we wrote there."""
        with self._lock:
            try:
                found: tuple[bytes, str, int, int] | None = self._database.execute(
                    "SELECT source, key, size, mtime_ns FROM outputs WHERE path = ?", (os.fsencode(output),)
                ).fetchone()
            except sqlite3.Error as error:
                self._forget(error)
                return None
        return found

    def _forget(self, error: sqlite3.Error) -> None:
        _LOG.warning("The journal cannot be used any more (%s): the rest of this run is not remembered.", error)
        with suppress(sqlite3.Error):
            self._database.close()
        self._database = _connect(":memory:")

    def close(self) -> None:
        self._database.close()


def _open(path: Path) -> sqlite3.Connection:
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        damaged = not isinstance(error, sqlite3.OperationalError)
        if damaged:
            with suppress(OSError, sqlite3.Error):
                path.replace(path.with_suffix(".damaged"))
                _LOG.warning("The journal %s was damaged and has been set aside.", path)
                return _connect(path)
        _LOG.warning("The journal %s cannot be used (%s): this run will not be remembered.", path, error)
        return _connect(":memory:")


def _connect(path: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=30, check_same_thread=False)
    try:
        database.execute(_SCHEMA)
        database.commit()
    except sqlite3.Error:
        database.close()
        raise
    return database
