"""One recording at the server: sent, followed and fetched, over as many connections as that takes."""

import secrets
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from parakeet_cli.errors import RecognitionFailed, ServerRefused
from parakeet_cli.remote.client import Lost
from parakeet_cli.remote.jobs import Jobs, JobState
from parakeet_cli.remote.patience import Patience, pause
from parakeet_cli.remote.refusals import Refusal, as_error
from parakeet_cli.remote.upload import OnUpload, Upload
from parakeet_cli.transcript import Transcript
from parakeet_cli.transcription.events import Event, Progress, Started
from parakeet_cli.transcription.media.interruption import Interruption
from parakeet_cli.transcription.media.media_file import MediaFile

__all__ = ["Errand"]

_TRIES = 3
"""For a recording that the server loses, or fails at where it should not."""
_POLL_SECONDS = 5.0

Value = TypeVar("Value")


class _JobLost(Exception):
    """The server does not have the job, or its recording, any more."""


class Errand:
    """``fingerprint`` is that of model and settings which the server had, ``on_job`` is told the id of each job that is
    made, ``tell`` what happens to the recording.
    """

    def __init__(
        self,
        jobs: Jobs,
        fingerprint: str,
        patience: Patience,
        interruption: Interruption,
        on_job: Callable[[str], None],
        tell: Callable[[Event], None],
    ) -> None:
        self._jobs = jobs
        self._fingerprint = fingerprint
        self._patience = patience
        self._interruption = interruption
        self._on_job = on_job
        self._tell = tell
        self._has_started = False

    def run(self, number: int, file: MediaFile, name: str, model: str, on_upload: OnUpload) -> Transcript:
        """Raises ``InputError`` about this recording, ``EngineError`` about the server, ``Interrupted``."""
        for _ in range(_TRIES):
            key = secrets.token_hex(16)
            upload = Upload(file, name, model, key, on_upload)
            try:
                job = self._persist(partial(self._jobs.create, upload, key, self._interruption))
                self._on_job(job.id)
                self._hear(number, job)
                self._persist(partial(self._follow, number, job))
                transcript = self._persist(partial(self._jobs.result, job.id, self._interruption))
                self._check_fingerprint()
                return transcript
            except _JobLost:
                continue
        raise RecognitionFailed(f"{self._jobs.server} lost this recording {_TRIES} times; its log may say why.")

    def _check_fingerprint(self) -> None:
        """Else a file would count as made with what the server had before it was started anew."""
        try:
            served = self._jobs.served(None, self._interruption)
        except (Lost, Refusal):
            return  # a server that is gone has not changed
        if served.fingerprint != self._fingerprint:
            raise ServerRefused(
                f"{self._jobs.server} has another model or other settings since it was started anew; run the same "
                "command again, which leaves out what is done."
            )

    def _follow(self, number: int, job: JobState) -> None:
        """Until the job is completed."""
        state = job
        while not self._is_over(state):
            try:
                for state in self._jobs.follow(job.id, self._interruption):
                    self._patience.succeeded()
                    self._hear(number, state)
            except Refusal as refusal:
                if refusal.status != 503:
                    raise
                state = self._jobs.show(job.id, self._interruption)  # too many follow
                self._patience.succeeded()
                self._hear(number, state)
                pause(refusal.retry_after or _POLL_SECONDS, self._interruption)
            else:
                if not self._is_over(state):
                    raise Lost("it is about to stop")

    def _is_over(self, state: JobState) -> bool:
        if state.status == "cancelled" or (state.failure and state.failure.code == "media_lost"):
            raise _JobLost
        if state.failure:
            raise state.failure
        return state.status == "completed"

    def _hear(self, number: int, state: JobState) -> None:
        self._patience.hear(state.trouble)
        if state.status not in ("in_progress", "completed"):
            return
        if not self._has_started:
            self._has_started = True
            self._tell(Started(number, state.duration, None, None))
        self._tell(Progress(number, state.seconds))

    def _persist(self, work: Callable[[], Value]) -> Value:
        """Do ``work`` until the server has answered, with patience."""
        faults = 0
        while True:
            try:
                done = work()
            except Lost as failure:
                self._patience.wait(failure, self._interruption)
            except Refusal as refusal:
                faults += refusal.is_fault
                if refusal.code == "job_not_found":
                    raise _JobLost from refusal
                if not refusal.is_passing:
                    raise as_error(refusal, self._jobs.server) from refusal
                if faults == _TRIES:
                    raise RecognitionFailed(f"{self._jobs.server} failed at this recording: {refusal}") from refusal
                self._patience.wait(refusal, self._interruption)
            else:
                self._patience.succeeded()
                return done
