"""What is known of jobs, in a SQLite file that outlives the server."""

import json
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from parakeet_cli.batch.savepoint_tables import SAVEPOINT_TABLES, load_savepoint, save_savepoint
from parakeet_cli.display import display
from parakeet_cli.errors import DiskFull, OutputUnwritable
from parakeet_cli.output.writers.cleaning import encodable
from parakeet_cli.server.desk import State
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.job_transcripts import pack, unpack
from parakeet_cli.transcript import Transcript
from parakeet_cli.transcription.savepoints import Savepoint

__all__ = ["Job", "JobError", "JobStore"]

_LOG = logging.getLogger(__name__)

_APPLICATION = 0x506B4A62
"""Tells our files from those of others; SQLite keeps it in the file's header."""
_SCHEMA_VERSION = 1
_SCHEMA = f"""
PRAGMA auto_vacuum = FULL;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_SCHEMA_VERSION};
CREATE TABLE IF NOT EXISTS jobs (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    created REAL NOT NULL,
    filename TEXT NOT NULL,
    "order" TEXT NOT NULL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL,
    starts INTEGER NOT NULL,
    duration REAL,
    finished REAL,
    expires REAL,
    error TEXT,                 -- JSON of a JobError
    text TEXT
);
CREATE TABLE IF NOT EXISTS transcripts (
    name TEXT PRIMARY KEY REFERENCES jobs (name) ON DELETE CASCADE,
    transcript BLOB NOT NULL    -- as job_transcripts packs it
);
CREATE TABLE IF NOT EXISTS requests (
    name TEXT PRIMARY KEY REFERENCES jobs (name) ON DELETE CASCADE,
    request BLOB NOT NULL       -- the digest of what came with an Idempotency-Key
);
CREATE TABLE IF NOT EXISTS secrets (number INTEGER PRIMARY KEY, secret BLOB NOT NULL);
{SAVEPOINT_TABLES}
CREATE TRIGGER IF NOT EXISTS ends AFTER UPDATE OF finished ON jobs WHEN new.finished IS NOT NULL
    BEGIN DELETE FROM savepoints WHERE job = new.name; END;
CREATE TRIGGER IF NOT EXISTS goes AFTER DELETE ON jobs
    BEGIN DELETE FROM savepoints WHERE job = old.name; END;
"""
_COLUMNS = 'name, holder, created, filename, "order", size, state, starts, duration, finished, expires, error, text'

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class JobError:
    """What an ``ApiError`` says, kept."""

    status: int
    message: str
    kind: str
    param: str | None = None
    code: str | None = None

    @property
    def fields(self) -> dict[str, str | None]:
        """As clients know them."""
        return self.as_api_error().body()["error"]

    def as_api_error(self) -> ApiError:
        return ApiError(self.status, self.message, param=self.param, code=self.code, kind=self.kind)


@dataclass(frozen=True, slots=True)
class Job:
    """A recording that somebody will ask for later. Moments are Unix seconds, lengths seconds."""

    name: str
    """SHA-256 of its id, as hex: what is on the disk lets nobody ask for the job."""
    holder: str
    """Whose it is: the hash of a key, or nothing where there are no keys."""
    created: float
    filename: str
    """The client's, for people; never a path of ours."""
    order: str
    """What was asked for, as JSON."""
    size: int
    """Bytes of the recording."""
    state: State = State.QUEUED
    starts: int = 0
    """How often it was begun without an end to it: each but the last ended with the server's process."""
    duration: float | None = None
    finished: float | None = None
    expires: float | None = None
    error: JobError | None = None
    text: str | None = None


class JobStore:
    """Usable from any thread; each method is one transaction, on the disk when it returns.

    A torn file, or one of another program, is set aside when it is found, and all jobs with it.

    All methods raise ``DiskFull`` or ``OutputUnwritable`` where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection = self._open()

    def add(self, job: Job, request: bytes | None = None) -> None:
        """``request`` is what ``request`` gives back as long as the job is there."""
        values = (job.name, job.holder, job.created, job.filename, job.order, job.size, job.state, job.duration)

        def write(database: sqlite3.Connection) -> None:
            database.execute(
                'INSERT INTO jobs (name, holder, created, filename, "order", size, state, starts, duration)'
                " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
                values,
            )
            if request is not None:
                database.execute("INSERT INTO requests VALUES (?, ?)", (job.name, request))

        self._run(write)

    def request(self, name: str) -> bytes | None:
        query = "SELECT request FROM requests WHERE name = ?"
        row = self._run(lambda database: database.execute(query, (name,)).fetchone())
        return None if row is None else bytes(row["request"])

    def secret(self) -> bytes:
        """32 random bytes, the same as long as the file is there."""

        def read(database: sqlite3.Connection) -> bytes:
            database.execute("INSERT OR IGNORE INTO secrets VALUES (1, ?)", (secrets.token_bytes(32),))
            return bytes(database.execute("SELECT secret FROM secrets").fetchone()["secret"])

        return self._run(read)

    def get(self, name: str) -> Job | None:
        query = f"SELECT {_COLUMNS} FROM jobs WHERE name = ?"
        row = self._run(lambda database: database.execute(query, (name,)).fetchone())
        return None if row is None else _job(row)

    def unfinished(self) -> list[Job]:
        """In the order in which they came."""
        query = f"SELECT {_COLUMNS} FROM jobs WHERE finished IS NULL ORDER BY created, rowid"
        return [_job(row) for row in self._run(lambda database: database.execute(query).fetchall())]

    def begin(self, name: str) -> None:
        self._update("state = ?, starts = starts + 1", (State.RUNNING,), name)

    def put_back(self, name: str) -> None:
        """It was begun, and will begin again, for no fault of its own."""
        self._update("state = ?, starts = 0", (State.QUEUED,), name)

    def save(self, name: str, savepoint: Savepoint, *, is_further: bool) -> None:
        """Keep where a job stands until it is over; one that came further was not killed in vain."""

        def write(database: sqlite3.Connection) -> None:
            starts = "min(starts, 1)" if is_further else "starts"
            if database.execute(f"UPDATE jobs SET starts = {starts} WHERE name = ?", (name,)).rowcount:
                save_savepoint(database, name, savepoint)

        self._run(write)

    def savepoint(self, name: str) -> Savepoint | None:
        return self._run(lambda database: load_savepoint(database, name))

    def finish(self, name: str, transcript: Transcript, *, finished: float, expires: float | None) -> None:
        packed = pack(transcript)
        fields = (State.FINISHED, transcript.duration, finished, expires, encodable(transcript.text), name)

        def write(database: sqlite3.Connection) -> None:
            changed = database.execute(
                "UPDATE jobs SET state = ?, duration = ?, finished = ?, expires = ?, text = ? WHERE name = ?", fields
            )
            if changed.rowcount:
                database.execute("INSERT OR REPLACE INTO transcripts VALUES (?, ?)", (name, packed))

        self._run(write)

    def fail(self, name: str, error: JobError, *, finished: float, expires: float | None) -> None:
        values = (State.FAILED, json.dumps(asdict(error)), finished, expires)
        self._update("state = ?, error = ?, finished = ?, expires = ?", values, name)

    def transcript(self, name: str) -> Transcript | None:
        query = "SELECT transcript FROM transcripts WHERE name = ?"
        row = self._run(lambda database: database.execute(query, (name,)).fetchone())
        return None if row is None else unpack(row["transcript"])

    def remove(self, name: str) -> bool:
        """Whether it was there. Nothing of it can be read from the file afterwards."""
        return bool(self._remove("name = ?", name))

    def remove_expired(self, now: float) -> int:
        """How many were removed."""
        return self._remove("expires <= ?", now)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _update(self, fields: str, values: tuple[object, ...], name: str) -> None:
        self._run(lambda database: database.execute(f"UPDATE jobs SET {fields} WHERE name = ?", (*values, name)))

    def _remove(self, which: str, value: object) -> int:
        removed = self._run(lambda database: database.execute(f"DELETE FROM jobs WHERE {which}", (value,)).rowcount)
        if removed:  # the log of changes still has what was written before
            with suppress(OutputUnwritable):
                self._run(lambda database: database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall(), False)
        return removed

    def _run(self, work: Callable[[sqlite3.Connection], Result], in_transaction: bool = True) -> Result:
        with self._lock:
            try:
                return self._work(work, in_transaction)
            except sqlite3.Error as error:
                if not _is_damage(error):
                    raise self._translate(error) from error
                self._connection.close()
                self._set_aside(error)
                self._connection = self._open()
                return self._work(work, in_transaction)

    def _work(self, work: Callable[[sqlite3.Connection], Result], in_transaction: bool) -> Result:
        if not in_transaction:
            return work(self._connection)
        with self._connection:
            return work(self._connection)

    def _open(self) -> sqlite3.Connection:
        try:
            try:
                return self._connect()
            except sqlite3.Error as error:
                if not _is_damage(error):
                    raise
                self._set_aside(error)
                return self._connect()
        except (sqlite3.Error, OSError) as error:
            raise self._translate(error) from error

    def _connect(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # its log gets the same mode
        connection = sqlite3.connect(self._path, timeout=30, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        try:
            _check(connection)
            connection.executescript(_SCHEMA)
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self, error: Exception) -> None:
        aside = self._path.with_suffix(".damaged")
        self._path.replace(aside)
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        _LOG.warning(
            "%s is damaged or not ours (%s): it is now %s, and its jobs are lost.",
            display(str(self._path)),
            error,
            display(aside.name),
        )

    def _translate(self, error: Exception) -> OutputUnwritable:
        where = "of the folder for jobs"
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return DiskFull(f"The disk {where} is full; free some, or try again later.")
        _LOG.error("%s cannot be used: %s", display(str(self._path)), error)
        return OutputUnwritable(f"The database {where} cannot be used; see the server's log.")


class _NotOursError(sqlite3.DatabaseError):
    """SQLite can read it, and we should not."""


def _check(connection: sqlite3.Connection) -> None:
    """Raise an error of damage unless the file is empty, or whole and ours."""
    faults = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if faults != "ok":
        raise _NotOursError(faults)
    version = [connection.execute(f"PRAGMA {field}").fetchone()[0] for field in ("application_id", "user_version")]
    is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if version != [_APPLICATION, _SCHEMA_VERSION] and not is_empty:
        raise _NotOursError("another program or version wrote it")


def _is_damage(error: sqlite3.Error) -> bool:
    """Python's own faults, such as the use of a closed connection, have no code."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return isinstance(error, _NotOursError) or code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _job(row: sqlite3.Row) -> Job:
    fields = dict(row)
    error = fields["error"] and JobError(**json.loads(fields["error"]))
    return Job(**{**fields, "state": State(fields["state"]), "error": error})
