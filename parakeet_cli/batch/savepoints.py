"""Savepoints of long recordings in the user's state folder, so that a killed run goes on where it was."""

import hashlib
import json
import math
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from parakeet_cli import __version__
from parakeet_cli.batch.database import Database
from parakeet_cli.batch.plan import Task
from parakeet_cli.transcript import Gap, Token
from parakeet_cli.transcription.media.inputs import UrlMedia
from parakeet_cli.transcription.savepoints import Savepoint

__all__ = ["SavepointStore"]

_SCHEMA = """
PRAGMA foreign_keys = ON;
CREATE TABLE IF NOT EXISTS savepoints (
    job TEXT PRIMARY KEY,       -- the input's state, the settings, the checkpoint and the outputs
    position INTEGER NOT NULL,  -- samples
    settled_until INTEGER NOT NULL,
    gaps TEXT NOT NULL,         -- JSON
    heard_seconds REAL NOT NULL,
    spent_seconds REAL NOT NULL,
    recognition_seconds REAL NOT NULL,
    state BLOB NOT NULL,
    saved_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    job TEXT NOT NULL REFERENCES savepoints (job) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    place INTEGER NOT NULL,
    text TEXT NOT NULL,
    start REAL NOT NULL,
    "end" REAL NOT NULL,
    logprob REAL,               -- NULL where it is not a number
    PRIMARY KEY (job, place)
) WITHOUT ROWID;
DELETE FROM savepoints WHERE saved_at < datetime('now', '-30 days');
"""


class SavepointStore:
    """The ``Savepoints`` of a batch; a recording from stdin or a URL, or one that goes to stdout, has none."""

    def __init__(self, path: Path, tasks: Mapping[int, Task]) -> None:
        """``tasks`` by the number of their recording."""
        self._database = Database(path, _SCHEMA)
        self._jobs = {number: job for number, task in tasks.items() if (job := _job(task))}

    def load(self, recording: int) -> Savepoint | None:
        job = self._jobs.get(recording)
        return self._database.run(lambda database: _load(database, job)) if job else None

    def save(self, recording: int, savepoint: Savepoint) -> None:
        if job := self._jobs.get(recording):
            self._database.run(lambda database: _save(database, job, savepoint))

    def drop(self, recording: int) -> None:
        """Its outputs are written."""
        if job := self._jobs.get(recording):
            self._database.run(lambda database: database.execute("DELETE FROM savepoints WHERE job = ?", (job,)))

    def close(self) -> None:
        self._database.close()


def _job(task: Task) -> str | None:
    """Includes the outputs, which only one run at a time may claim, and the version, whose words may differ.

    What lies behind a URL may be another recording by now.
    """
    if task.key is None or not task.outputs or isinstance(task.recording.media, UrlMedia):
        return None
    outputs = sorted(os.fsencode(path).hex() for path in task.outputs.values())
    return hashlib.sha256(json.dumps([task.key.value, __version__, outputs]).encode()).hexdigest()


def _load(database: sqlite3.Connection, job: str) -> Savepoint | None:
    row = database.execute(
        "SELECT position, settled_until, gaps, heard_seconds, spent_seconds, recognition_seconds, state"
        " FROM savepoints WHERE job = ?",
        (job,),
    ).fetchone()
    if row is None:
        return None
    position, settled_until, gaps, heard, spent, recognition, state = row
    tokens = database.execute(
        'SELECT text, start, "end", logprob FROM tokens WHERE job = ? ORDER BY place', (job,)
    ).fetchall()
    return Savepoint(
        position,
        settled_until,
        0,
        tuple(map(_token, tokens)),
        tuple(Gap(**gap) for gap in json.loads(gaps)),
        heard,
        spent,
        recognition,
        state,
    )


def _token(row: tuple[str, float, float, float | None]) -> Token:
    text, start, end, logprob = row
    return Token(text, start, end, math.nan if logprob is None else logprob)


def _save(database: sqlite3.Connection, job: str, savepoint: Savepoint) -> None:
    database.execute(
        "INSERT INTO savepoints"
        " (job, position, settled_until, gaps, heard_seconds, spent_seconds, recognition_seconds, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job) DO UPDATE SET position = excluded.position,"
        " settled_until = excluded.settled_until, gaps = excluded.gaps, heard_seconds = excluded.heard_seconds,"
        " spent_seconds = excluded.spent_seconds, recognition_seconds = excluded.recognition_seconds,"
        " state = excluded.state, saved_at = CURRENT_TIMESTAMP",
        (
            job,
            savepoint.position,
            savepoint.settled_until,
            json.dumps([asdict(gap) for gap in savepoint.gaps]),
            savepoint.heard_seconds,
            savepoint.spent_seconds,
            savepoint.recognition_seconds,
            savepoint.state,
        ),
    )
    database.execute("DELETE FROM tokens WHERE job = ? AND place >= ?", (job, savepoint.kept))
    database.executemany(
        "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?)",
        (
            (job, place, token.text, token.start, token.end, token.logprob)
            for place, token in enumerate(savepoint.tokens, savepoint.kept)
        ),
    )
