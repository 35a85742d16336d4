"""What earlier runs wrote, from which input, settings and checkpoint, so that a re-run does only what is left.

A SQLite file in the user's state folder, keyed by the output's absolute path: nothing is littered beside sources,
a killed run leaves it whole, and two runs may write it at one time.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from parakeet_cli.batch.database import Database
from parakeet_cli.settings import DecodingSettings, TranscriptionSettings
from parakeet_cli.transcription.media.inputs import DescriptorMedia, FileMedia, Media, StdinMedia, UrlMedia

__all__ = ["Findings", "Journal", "Key", "State", "fingerprint", "key_of"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outputs (
    path BLOB PRIMARY KEY,      -- absolute, as the file system has it
    source BLOB NOT NULL,       -- path or address it was made from
    key TEXT NOT NULL,          -- its state, the settings and the checkpoint
    size INTEGER NOT NULL,      -- of the output as we wrote it
    mtime_ns INTEGER NOT NULL,
    written_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS announced (  -- outputs about to be written, of which a killed run may not have said more
    path BLOB PRIMARY KEY,
    source BLOB NOT NULL,
    key TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS findings_by_key (   -- what a strict run asks of outputs that are there
    path BLOB NOT NULL,
    key TEXT NOT NULL,
    gaps INTEGER NOT NULL,
    gap_seconds REAL NOT NULL,
    PRIMARY KEY (path, key)
) WITHOUT ROWID;
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


def fingerprint(settings: TranscriptionSettings, checkpoint: str) -> str:
    """Equal ones: equal recordings get equal transcripts. ``checkpoint`` identifies the content of its file.

    Batch size and verbosity do not change a transcript; device and engine are left out too, although ``--dtype auto``
    takes another format on another device: moving to another machine is no reason to do everything again.
    """
    relevant = {
        "activity": asdict(settings.activity),
        "chunks": asdict(settings.chunks),
        "coverage": asdict(settings.coverage),
        "segments": asdict(settings.segments),
        "dtype": settings.recognizer.dtype,
        "skip_confidence": settings.recognizer.skip_confidence,
        "checkpoint": checkpoint,
    }
    return _digest(relevant)


def key_of(media: Media, track: int | str | None, decoding: DecodingSettings, maker: str) -> Key | None:
    """None for stdin, which cannot be recognised again. ``maker`` is the fingerprint of who transcribes it, and how."""
    state: list[int] = []
    match media:
        case FileMedia(path=path):
            status = path.stat()
            source = os.fsencode(path)
            state = [status.st_size, status.st_mtime_ns]
        case UrlMedia(url=url):
            source = url.encode()
        case StdinMedia() | DescriptorMedia():
            return None
    relevant = {
        "decoding": asdict(decoding),
        "track": track,
        "maker": maker,
        "source": source.hex(),
        "state": state,
    }
    return Key(source, _digest(relevant))


@dataclass(frozen=True, slots=True)
class Findings:
    """Speech without words in a transcript: how many gaps, and how long they are together."""

    gaps: int = 0
    gap_seconds: float = 0.0


class Journal:
    """Usable from any thread."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def state(self, output: Path, key: Key | None) -> State:
        """What a run that would write ``output`` from ``key`` finds there."""
        try:
            found = output.stat()
        except OSError:
            return State.FOREIGN if output.is_symlink() else State.ABSENT
        made_from = self._written(output, found) or self._announced(output, found)
        if made_from is None or key is None or made_from[0] != key.source:
            return State.FOREIGN
        return State.DONE if made_from[1] == key.value else State.OUTDATED

    def is_done(self, outputs: Iterable[Path], key: Key | None) -> bool:
        """Whether all of ``outputs`` stand there, made from ``key``."""
        return all(self.state(output, key) is State.DONE for output in outputs)

    def wrote(self, output: Path) -> bool:
        """Whether ``output`` stands there as we wrote it, from whatever input."""
        try:
            found = output.stat()
        except OSError:
            return False
        return (self._written(output, found) or self._announced(output, found)) is not None

    def announce(self, contents: Mapping[Path, bytes], key: Key | None, findings: Findings, *, complete: bool) -> None:
        """Tell what is about to be written, so that it counts as ours even if nothing more can be told."""
        source, value = _columns(key, complete)
        rows = [
            (os.fsencode(output), source, value, len(content), hashlib.sha256(content).digest())
            for output, content in contents.items()
        ]
        found = [(row[0], value, findings.gaps, findings.gap_seconds) for row in rows]

        def insert(database: sqlite3.Connection) -> None:
            database.executemany("INSERT OR REPLACE INTO announced VALUES (?, ?, ?, ?, ?)", rows)
            database.executemany("INSERT OR REPLACE INTO findings_by_key VALUES (?, ?, ?, ?)", found)

        self._database.run(insert)

    def record(self, outputs: list[Path], key: Key | None, *, complete: bool) -> None:
        """Remember outputs that have just been written, all or none; incomplete ones are outdated at once."""
        source, value = _columns(key, complete)
        rows = []
        for output in outputs:
            status = output.stat()
            rows.append((os.fsencode(output), source, value, status.st_size, status.st_mtime_ns))

        def insert(database: sqlite3.Connection) -> None:
            database.executemany(
                "INSERT OR REPLACE INTO outputs (path, source, key, size, mtime_ns) VALUES (?, ?, ?, ?, ?)", rows
            )
            database.executemany(
                "DELETE FROM findings_by_key WHERE path = ? AND key != ?", [(row[0], value) for row in rows]
            )
            database.executemany("DELETE FROM announced WHERE path = ?", [row[:1] for row in rows])

        self._database.run(insert)

    def findings(self, outputs: Iterable[Path], key: Key | None) -> Findings:
        """Of the transcript that ``outputs``, all done, were written from."""
        query = "SELECT gaps, gap_seconds FROM findings_by_key WHERE path = ? AND key = ?"
        rows = [self._row(query, output, key.value if key else "") for output in outputs]
        return Findings(*max((row for row in rows if row), default=()))

    def close(self) -> None:
        self._database.close()

    def _written(self, output: Path, found: os.stat_result) -> tuple[bytes, str] | None:
        """Source and key of what stands there, if it is as we recorded it."""
        row = self._row("SELECT source, key, size, mtime_ns FROM outputs WHERE path = ?", output)
        return row[:2] if row and row[2:] == (found.st_size, found.st_mtime_ns) else None

    def _announced(self, output: Path, found: os.stat_result) -> tuple[bytes, str] | None:
        """The same, if it is what we were about to write."""
        row = self._row("SELECT source, key, size, sha256 FROM announced WHERE path = ?", output)
        if not row or row[2] != found.st_size:
            return None
        try:
            content = output.read_bytes()
        except OSError:
            return None
        return row[:2] if hashlib.sha256(content).digest() == row[3] else None

    def _row(self, query: str, output: Path, *more: str) -> Any:
        return self._database.run(lambda database: database.execute(query, (os.fsencode(output), *more)).fetchone())


def _columns(key: Key | None, complete: bool) -> tuple[bytes, str]:
    return (key.source, key.value if complete else "") if key else (b"", "")


def _digest(fields: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
