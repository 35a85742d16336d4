"""A SQLite file of ours that never stops a run: where it cannot be used, the run goes on in memory and says so once."""

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

__all__ = ["Database", "is_damage"]

_LOG = logging.getLogger(__name__)

Result = TypeVar("Result")


class Database:
    """Usable from any thread. A damaged file is set aside, a killed process leaves it whole, several may write it."""

    def __init__(self, path: Path, schema: str) -> None:
        self._schema = schema
        self._path = path
        self._connection = self._open(path)
        self._lock = threading.Lock()

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do ``work`` as one transaction; if the file fails, do it in memory, where all that was known is gone."""
        with self._lock:
            try:
                with self._connection:
                    return work(self._connection)
            except sqlite3.Error as error:
                _LOG.warning("%s cannot be used any more (%s): the rest is not remembered.", self._path, error)
                with suppress(sqlite3.Error):
                    self._connection.close()
                if is_damage(error):
                    with suppress(OSError):
                        self._path.replace(self._path.with_suffix(".damaged"))  # else the next run meets it again
                self._connection = self._connect(":memory:")
                with self._connection:
                    return work(self._connection)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _open(self, path: Path) -> sqlite3.Connection:
        try:
            return self._connect(path)
        except sqlite3.DatabaseError as error:
            damaged = not isinstance(error, sqlite3.OperationalError)
            if damaged:
                with suppress(OSError, sqlite3.Error):
                    path.replace(path.with_suffix(".damaged"))
                    _LOG.warning("%s was damaged and has been set aside.", path)
                    return self._connect(path)
            _LOG.warning("%s cannot be used (%s): this run will not be remembered.", path, error)
            return self._connect(":memory:")

    def _connect(self, path: Path | str) -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
        try:
            connection.executescript(self._schema)
            connection.commit()
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def is_damage(error: sqlite3.Error) -> bool:
    """Of the file. Python's own faults, such as the use of a closed connection, have no code."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
