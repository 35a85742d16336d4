"""An application with jobs, on an engine whose progress the test allows step by step."""

import io
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from parakeet_cli.server.app import create_app
from parakeet_cli.server.desk import Desk
from parakeet_cli.server.job_runner import JobRunner
from parakeet_cli.settings import BatchSettings, ChunkSettings, ServerSettings, TranscriptionSettings
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.engine import Tell
from parakeet_cli.transcription.recognizer import Frames
from tests.fakes import BeepRecognizer, beeps, write_wav
from tests.in_process import InProcessEngine
from tests.server.applications import services_for

__all__ = ["Gate", "JobServer", "job_server", "sound"]

_CHUNKS = TranscriptionSettings(chunks=ChunkSettings(2.0, 0.4), batch=BatchSettings(batch_size=1))


class Gate:
    """Batches pass while it is open, or as many as are let through."""

    def __init__(self) -> None:
        self._passes = threading.Semaphore(0)
        self._is_open = threading.Event()
        self._is_open.set()

    def shut(self) -> None:
        self._is_open.clear()

    def open(self) -> None:
        self._is_open.set()

    def let(self, batches: int) -> None:
        self._passes.release(batches)

    def pass_through(self) -> None:
        while not self._is_open.is_set():
            if self._passes.acquire(timeout=0.01):
                return


class _GatedRecognizer(BeepRecognizer):
    def __init__(self, gate: Gate) -> None:
        super().__init__(refuses=["nine"])
        self._gate = gate

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        self._gate.pass_through()
        return super().encode(chunks, exactly=exactly)


class JobServer:
    """The words are in ``sound``; “nine” cannot be recognized."""

    def __init__(self, folder: Path, settings: ServerSettings, gate: Gate) -> None:
        def start(tell: Tell) -> InProcessEngine:
            return InProcessEngine(tell, lambda: _GatedRecognizer(gate), _CHUNKS)

        self.folder = folder
        self.gate = gate
        self.desk = Desk(start, settings.lifecycle)
        self.runner = JobRunner(folder, self.desk, settings)
        self.runner.start()
        services = replace(services_for(settings), desk=self.desk, jobs=self.runner)
        self.client: FlaskClient = create_app(services).test_client()

    def post(
        self, content: bytes, filename: str = "talk.wav", headers: dict[str, str] | None = None, **fields: str
    ) -> TestResponse:
        form: dict[str, Any] = {**fields, "file": (io.BytesIO(content), filename)}
        return self.client.post("/v1/jobs", data=form, headers=headers, content_type="multipart/form-data")

    def make(self, content: bytes, filename: str = "talk.wav", **fields: str) -> str:
        response = self.post(content, filename, None, **fields)
        assert response.status_code == 202, response.text
        return str(response.json["id"])  # type: ignore[index]

    def job(self, job_id: str) -> dict[str, Any]:
        response = self.client.get(f"/v1/jobs/{job_id}")
        assert response.status_code == 200, response.text
        return dict(response.json)  # type: ignore[arg-type]

    def until(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """The job as soon as it has one of the statuses."""
        end = time.monotonic() + 30
        while (job := self.job(job_id))["status"] not in statuses:
            assert time.monotonic() < end, job
            time.sleep(0.01)
        return job

    def result(self, job_id: str, **query: str) -> TestResponse:
        return self.client.get(f"/v1/jobs/{job_id}/result", query_string=query)

    def assert_no_recordings(self) -> None:
        """They go a moment after the end of their jobs is told."""
        end = time.monotonic() + 10
        while self.recordings() and time.monotonic() < end:
            time.sleep(0.01)
        assert self.recordings() == []

    def recordings(self) -> list[str]:
        return [path.name for path in self.folder.glob("*.media")]

    def close(self) -> None:
        """What is under way stays unfinished."""
        self.runner.close()
        self.gate.open()
        self.desk.close()


@contextmanager
def job_server(folder: Path, settings: ServerSettings | None = None, gate: Gate | None = None) -> Iterator[JobServer]:
    gate = gate or Gate()
    server = JobServer(folder, settings or ServerSettings(), gate)
    try:
        yield server
    finally:
        server.close()


def sound(words: str, folder: Path) -> bytes:
    """A WAV file in which each word is a beep."""
    return write_wav(folder / "sound.wav", beeps(words.split())).read_bytes()


def events(body: bytes) -> list[tuple[str, Any]]:
    """Kind and data of each event; the end is ("", "[DONE]")."""
    found = []
    for block in body.decode().split("\n\n"):
        lines = [line.partition(": ")[::2] for line in block.splitlines() if not line.startswith(":")]
        fields = dict(lines)
        if "data" in fields:
            data = fields["data"]
            found.append((fields.get("event", ""), data if data == "[DONE]" else json.loads(data)))
    return found
