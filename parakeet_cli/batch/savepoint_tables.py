"""The tables in which savepoints lie, in whatever SQLite file they are kept."""

import json
import math
import sqlite3
from dataclasses import asdict

from parakeet_cli.transcript import Gap, Token
from parakeet_cli.transcription.savepoints import Savepoint

__all__ = ["SAVEPOINT_TABLES", "load_savepoint", "save_savepoint"]

SAVEPOINT_TABLES = """
PRAGMA foreign_keys = ON;
CREATE TABLE IF NOT EXISTS savepoints (
    job TEXT PRIMARY KEY,       -- what is done, from what
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
"""
"""Tokens go with the savepoint that is deleted."""


def load_savepoint(database: sqlite3.Connection, job: str) -> Savepoint | None:
    """The last one, whole; None where tokens of it are missing, as they were in a database that is gone."""
    row = database.execute(
        "SELECT position, settled_until, gaps, heard_seconds, spent_seconds, recognition_seconds, state"
        " FROM savepoints WHERE job = ?",
        (job,),
    ).fetchone()
    if row is None:
        return None
    position, settled_until, gaps, heard, spent, recognition, state = row
    tokens = database.execute(
        'SELECT place, text, start, "end", logprob FROM tokens WHERE job = ? ORDER BY place', (job,)
    ).fetchall()
    if any(place != number for number, (place, *_) in enumerate(tokens)):
        return None
    return Savepoint(
        position,
        settled_until,
        0,
        tuple(_token(*token) for _, *token in tokens),
        tuple(Gap(**gap) for gap in json.loads(gaps)),
        heard,
        spent,
        recognition,
        state,
    )


def _token(text: str, start: float, end: float, logprob: float | None) -> Token:
    return Token(text, start, end, math.nan if logprob is None else logprob)


def save_savepoint(database: sqlite3.Connection, job: str, savepoint: Savepoint) -> None:
    """In place of the one before, of whose tokens ``kept`` stay."""
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
