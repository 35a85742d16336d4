"""What is known of jobs, in a SQLite file that outlives the server."""

import json
import secrets
import sqlite3
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from parakeet_cli.batch.savepoint_tables import load_savepoint, save_savepoint
from parakeet_cli.errors import OutputUnwritable
from parakeet_cli.output.writers.cleaning import encodable
from parakeet_cli.server.desk import State
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.job_database import JobDatabase
from parakeet_cli.server.job_transcripts import pack, unpack
from parakeet_cli.transcript import Transcript
from parakeet_cli.transcription.savepoints import Savepoint

__all__ = ["Job", "JobError", "JobStore"]

_COLUMNS = 'name, holder, created, filename, "order", size, state, starts, duration, finished, expires, error, text'


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

    All methods raise ``DiskFull`` or ``OutputUnwritable`` where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._database = JobDatabase(path)
        self._run = self._database.run

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
        self._database.close()

    def _update(self, fields: str, values: tuple[object, ...], name: str) -> None:
        self._run(lambda database: database.execute(f"UPDATE jobs SET {fields} WHERE name = ?", (*values, name)))

    def _remove(self, which: str, value: object) -> int:
        removed = self._run(lambda database: database.execute(f"DELETE FROM jobs WHERE {which}", (value,)).rowcount)
        if removed:  # the log of changes still has what was written before
            with suppress(OutputUnwritable):
                self._run(lambda database: database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall(), False)
        return removed


def _job(row: sqlite3.Row) -> Job:
    fields = dict(row)
    error = fields["error"] and JobError(**json.loads(fields["error"]))
    return Job(**{**fields, "state": State(fields["state"]), "error": error})
