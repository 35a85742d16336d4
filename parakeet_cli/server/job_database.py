"""The SQLite file that jobs lie in: opened, checked, set aside where it is damaged."""

import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from parakeet_cli.batch.database import is_damage
from parakeet_cli.batch.savepoint_tables import SAVEPOINT_TABLES
from parakeet_cli.display import display
from parakeet_cli.errors import DiskFull, OutputUnwritable

__all__ = ["JobDatabase"]

_LOG = logging.getLogger(__name__)

_APPLICATION = 0x506B4A62
"""Tells our files from those of others; SQLite keeps it in the file's header."""
_SCHEMA_VERSION = 2
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

Result = TypeVar("Result")


class JobDatabase:
    """Usable from any thread.

    A torn file, or one of another program, is set aside when it is found, and all jobs with it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection = self._open()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def run(self, work: Callable[[sqlite3.Connection], Result], in_transaction: bool = True) -> Result:
        """What ``work`` returns; a transaction is on the disk by then.

        Raises ``DiskFull`` or ``OutputUnwritable`` where the file cannot be used.
        """
        with self._lock:
            try:
                return self._work(work, in_transaction)
            except sqlite3.Error as error:
                if not (isinstance(error, _NotOursError) or is_damage(error)):
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
                if not (isinstance(error, _NotOursError) or is_damage(error)):
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
