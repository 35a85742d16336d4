"""How jobs end: with a transcript or an error that is written down, and without their recording."""

import logging
import math
import time

from parakeet_cli.display import display
from parakeet_cli.errors import EngineFailed, ParakeetError
from parakeet_cli.server.errors import SERVER_ERROR, api_error
from parakeet_cli.server.job_folder import JobFolder
from parakeet_cli.server.job_store import Job, JobError, JobStore
from parakeet_cli.transcript import Transcript

__all__ = ["MOST_STARTS", "JobEndings"]

_LOG = logging.getLogger(__name__)

MOST_STARTS = 3
"""A recording during which the server was killed so often in a row is not begun again."""


class JobEndings:
    """Results are kept for ``keep_seconds``. Methods raise as those of ``JobStore``."""

    def __init__(self, store: JobStore, folder: JobFolder, keep_seconds: float) -> None:
        self._store = store
        self._folder = folder
        self._keep_seconds = keep_seconds

    def recover(self) -> list[Job]:
        """The unfinished jobs of the process before that can begin again; the others fail."""
        jobs = self._store.unfinished()
        self._folder.remove_others({job.name for job in jobs})
        return [job for job in jobs if self._can_begin(job)]

    def finish(self, job: Job, transcript: Transcript) -> None:
        now = time.time()
        try:
            self._store.finish(job.name, transcript, finished=now, expires=self._expiry(now))
        except ValueError as error:  # it has a value that JSON cannot have
            _LOG.error("A transcript cannot be written down: %s", error)
            self.fail(job, EngineFailed("The transcript has values that are no numbers."))
        else:
            self._folder.remove(job.name)

    def fail(self, job: Job, error: ParakeetError) -> None:
        """The client is told its own name of the recording, not ours."""
        told = api_error(error)
        path = display(str(self._folder.recording(job.name)))
        message = told.message.replace(path, display(job.filename))
        self._fail(job, JobError(told.status, message, told.kind, told.param, told.code))

    def _can_begin(self, job: Job) -> bool:
        if job.starts >= MOST_STARTS:
            message = f"The server ended {job.starts} times while it worked on this recording, which is given up."
            self._fail(job, _server_error(message, "server_ended"))
        elif self._folder.size(job.name) != job.size:
            self._fail(job, _server_error("The server lost its copy of this file; send it again.", "media_lost"))
        else:
            return True
        return False

    def _fail(self, job: Job, error: JobError) -> None:
        now = time.time()
        self._store.fail(job.name, error, finished=now, expires=self._expiry(now))
        self._folder.remove(job.name)

    def _expiry(self, now: float) -> float | None:
        return now + self._keep_seconds if math.isfinite(self._keep_seconds) else None


def _server_error(message: str, code: str) -> JobError:
    return JobError(500, message, SERVER_ERROR, code=code)
