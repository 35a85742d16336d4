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

from platformdirs import user_state_path

from parakeet_cli.settings import TranscriptionSettings
from parakeet_cli.transcription.media.inputs import FileMedia, Media, StdinMedia, UrlMedia

__all__ = ["Journal", "Key", "State", "key_of", "state_folder"]

_LOG = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outputs (
    path BLOB PRIMARY KEY,      -- absolute, as the file system has it
    key TEXT NOT NULL,          -- input, settings and checkpoint it was made from
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
    """Ours and untouched, made from something else."""
    FOREIGN = "foreign"
    """Not written by us, or changed since."""


@dataclass(frozen=True, slots=True)
class Key:
    """Equal keys: the output would come out the same."""

    value: str


def key_of(media: Media, track: int | str | None, settings: TranscriptionSettings, model: str) -> Key | None:
    """None for stdin, which cannot be recognised again. ``model`` identifies the checkpoint's content.

    Batch size, device and verbosity do not change a transcript and are left out.
    """
    match media:
        case FileMedia(path=path):
            status = path.stat()
            source = [os.fsencode(path).hex(), status.st_size, status.st_mtime_ns]
        case UrlMedia(url=url):
            source = [url]
        case StdinMedia():
            return None
    relevant = {
        "decoding": asdict(settings.decoding),
        "chunks": asdict(settings.chunks),
        "segments": asdict(settings.segments),
        "dtype": settings.recognizer.dtype,
        "track": track,
        "model": model,
        "source": source,
    }
    return Key(hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest())


def state_folder() -> Path:
    """``$PARAKEET_STATE_DIR`` or the user's state folder for parakeet; made if it can be."""
    folder = Path(os.environ.get("PARAKEET_STATE_DIR") or user_state_path("parakeet", appauthor=False))
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


class Journal:
    """Usable from any thread. Where its file cannot be opened it forgets at exit, and says so once."""

    def __init__(self, path: Path) -> None:
        self._database = _open(path)
        self._lock = threading.Lock()

    def state(self, output: Path, key: Key | None) -> State:
        """What a run that would write ``output`` from ``key`` finds there."""
        try:
            found = output.stat()
        except OSError:
            return State.FOREIGN if output.is_symlink() else State.ABSENT
        with self._lock:
            row = self._database.execute(
                "SELECT key, size, mtime_ns FROM outputs WHERE path = ?", (os.fsencode(output),)
            ).fetchone()
        if row is None or row[1:] != (found.st_size, found.st_mtime_ns):
            return State.FOREIGN
        return State.DONE if key is not None and row[0] == key.value else State.OUTDATED

    def is_done(self, outputs: Iterable[Path], key: Key | None) -> bool:
        """Whether all of ``outputs`` stand there, made from ``key``."""
        return all(self.state(output, key) is State.DONE for output in outputs)

    def record(self, outputs: list[Path], key: Key | None) -> None:
        """Remember outputs that have just been written; all or none."""
        rows = []
        for output in outputs:
            status = output.stat()
            rows.append((os.fsencode(output), key.value if key else "", status.st_size, status.st_mtime_ns))
        with self._lock, self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO outputs (path, key, size, mtime_ns) VALUES (?, ?, ?, ?)", rows
            )

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
