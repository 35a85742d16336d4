"""Where jobs under way stand is written down now and then, so that the next server goes on from there."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace

from parakeet_cli.server.job_store import JobStore
from parakeet_cli.server.work import Work
from parakeet_cli.transcript import Token
from parakeet_cli.transcription.savepoints import Savepoint

__all__ = ["JobSavepoints"]

_LOG = logging.getLogger(__name__)

_SECONDS_BETWEEN = 1.0
"""So much work is done again after a kill, and what a batch takes."""


class JobSavepoints:
    """For one thread at a time. Methods raise as those of ``JobStore``."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._written: dict[str, Savepoint] = {}
        """As it is in the database, by the name of its job."""
        self._due = 0.0

    def load(self, name: str) -> Savepoint | None:
        savepoint = self._store.savepoint(name)
        if savepoint:
            self._written[name] = savepoint
        return savepoint

    def write_if_due(self, works: Mapping[str, Work]) -> None:
        if time.monotonic() >= self._due:
            self.write(works)
            self._due = time.monotonic() + _SECONDS_BETWEEN

    def write(self, works: Mapping[str, Work]) -> None:
        """What has changed; ``works`` by the name of their job."""
        for name, work in works.items():
            savepoint = work.savepoint
            if savepoint and savepoint is not self._written.get(name) and not work.view.state.is_final:
                self._write(name, savepoint)

    def forget(self, name: str) -> None:
        """The job is over, or not under way any more."""
        self._written.pop(name, None)

    def _write(self, name: str, savepoint: Savepoint) -> None:
        before = self._written.get(name)
        kept = _common(before.tokens, savepoint.tokens) if before else 0
        changed = replace(savepoint, kept=kept, tokens=savepoint.tokens[kept:])
        try:
            self._store.save(name, changed, is_further=before is None or savepoint.position > before.position)
        except ValueError as error:  # a text that cannot be encoded
            _LOG.error("Where a job stands cannot be written down: %s", error)
        self._written[name] = savepoint


def _common(before: tuple[Token, ...], now: tuple[Token, ...]) -> int:
    """How many tokens stayed, which are the same objects then."""
    pairs = enumerate(zip(before, now, strict=False))
    return next((index for index, (old, new) in pairs if old is not new), min(len(before), len(now)))
