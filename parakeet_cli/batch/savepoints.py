"""Savepoints of long recordings in the user's state folder, so that a killed run goes on where it was."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from parakeet_cli import __version__
from parakeet_cli.batch.database import Database
from parakeet_cli.batch.plan import Task
from parakeet_cli.batch.savepoint_tables import SAVEPOINT_TABLES, load_savepoint, save_savepoint
from parakeet_cli.transcription.media.inputs import UrlMedia
from parakeet_cli.transcription.savepoints import Savepoint

__all__ = ["SavepointStore"]

_SCHEMA = f"""
{SAVEPOINT_TABLES}
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
        return self._database.run(lambda database: load_savepoint(database, job)) if job else None

    def save(self, recording: int, savepoint: Savepoint) -> None:
        if job := self._jobs.get(recording):
            self._database.run(lambda database: save_savepoint(database, job, savepoint))

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
