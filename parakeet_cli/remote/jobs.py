"""The calls of a server's API that a client of jobs needs; each is made once and fails as ``Client`` does."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from parakeet_cli.display import display
from parakeet_cli.errors import ModelNotFound, ServerRefused
from parakeet_cli.output.exact import read_exact
from parakeet_cli.remote.client import Client
from parakeet_cli.remote.refusals import Refusal
from parakeet_cli.remote.upload import Upload
from parakeet_cli.settings import RemoteSettings
from parakeet_cli.transcript import Transcript
from parakeet_cli.transcription.media.interruption import Interruption

__all__ = ["JobState", "Jobs", "Served"]

_JOBS = "/v1/jobs"
_MODELS = "/v1/models"
_DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Served:
    """The checkpoint of a server. While ``fingerprint`` is the same, equal recordings get equal transcripts."""

    model: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class JobState:
    """``status`` as in ``docs/jobs.md``; ``seconds`` of audio are recognized, of ``duration`` if that is known."""

    id: str
    status: str
    duration: float | None
    seconds: float
    failure: Refusal | None
    """Once failed."""
    trouble: str | None = None
    """Why the server begins nothing at present."""


class Jobs:
    """Usable from several threads."""

    def __init__(self, client: Client, settings: RemoteSettings) -> None:
        self.server = str(client.address)
        self._client = client
        self._settings = settings

    def served(self, model: str | None, interruption: Interruption | None = None) -> Served:
        """What the server has under this name, or at all.

        Raises ``ModelNotFound`` where ``model`` is none of its names, and ``ServerRefused`` where it is another
        program, or an older version.
        """
        names = self._json("GET", _MODELS, interruption or Interruption()).get("data")
        if not isinstance(names, list) or not names or not isinstance(names[0], dict):
            raise self._stranger()
        own = names[0].get("id")
        if not isinstance(own, str) or not isinstance(names[0].get("fingerprint"), str):
            raise self._stranger()
        if model is not None and not self._knows(model):
            raise ModelNotFound(
                f"{self.server} serves {display(own)}, not {display(model)}; "
                "leave --model and PARAKEET_MODEL out to use it."
            )
        return Served(own, names[0]["fingerprint"])

    def create(self, upload: Upload, key: str, interruption: Interruption) -> JobState:
        """Leave a recording; however often it is sent under one ``key``, it is one job."""
        exchange = self._client.exchange(
            "POST",
            _JOBS,
            interruption,
            headers={"Idempotency-Key": key},
            body=upload,
            seconds=self._settings.answer_seconds,
        )
        with exchange as response:
            return self._state(self._object(response.read()))

    def show(self, job_id: str, interruption: Interruption) -> JobState:
        return self._state(self._json("GET", f"{_JOBS}/{job_id}", interruption))

    def follow(self, job_id: str, interruption: Interruption) -> Iterator[JobState]:
        """The job whenever it changes, until it is over or the server lets go of us."""
        with self._client.exchange("GET", f"{_JOBS}/{job_id}/events", interruption) as response:
            for kind, data in _events(response):
                if data == _DONE:
                    return
                if kind == "job":
                    yield self._state(self._object(data.encode()))

    def result(self, job_id: str, interruption: Interruption) -> Transcript:
        """Raises ``InvalidTranscript`` besides."""
        path = f"{_JOBS}/{job_id}/result?format=parakeet_exact"
        return read_exact(self._client.ask("GET", path, interruption).decode(errors="replace"))

    def delete(self, job_id: str, seconds: float) -> None:
        """Give it up and have it forgotten, with ``seconds`` for the answer."""
        self._client.ask("DELETE", f"{_JOBS}/{job_id}", Interruption(), seconds=seconds)

    def _knows(self, model: str) -> bool:
        try:
            self._client.ask("GET", f"{_MODELS}/{quote(model)}", Interruption())
        except Refusal as refusal:
            if refusal.status == 404:
                return False
            raise
        return True

    def _json(self, method: str, path: str, interruption: Interruption) -> dict[str, Any]:
        return self._object(self._client.ask(method, path, interruption))

    def _object(self, body: bytes) -> dict[str, Any]:
        try:
            fields = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._stranger() from error
        if not isinstance(fields, dict):
            raise self._stranger()
        return fields

    def _state(self, fields: dict[str, Any]) -> JobState:
        try:
            duration, error = fields["duration"], fields["error"]
            return JobState(
                id=quote(fields["id"], safe=""),
                status=str(fields["status"]),
                duration=None if duration is None else float(duration),
                seconds=float(fields["progress"]["seconds"]),
                failure=None if error is None else Refusal(400, dict(error)),
                trouble=fields.get("trouble"),
            )
        except (LookupError, TypeError, ValueError) as error:
            raise self._stranger() from error

    def _stranger(self) -> ServerRefused:
        return ServerRefused(f"{self.server} is no parakeet serve, or one of another version; check --server.")


def _events(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Kind and data of server-sent events as ours are: each has one line of data."""
    kind = data = ""
    for line in lines:
        name, _, value = line.decode(errors="replace").rstrip("\r\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            data = value
        elif not name:
            if data:
                yield kind, data
            kind = data = ""
