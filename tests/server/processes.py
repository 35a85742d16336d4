"""A server as a process of its own, and a client that can say what it likes to it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

__all__ = ["Answer", "RunningServer", "form", "running", "until"]

ROOT = Path(__file__).parent.parent.parent
_BOUNDARY = "the-boundary-of-the-tests"
_START_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """Which every answer from 400 must have in this shape, and under a request id."""
        assert self.headers["content-type"] == "application/json"
        assert re.fullmatch("req_[0-9a-f]{32}", self.headers["x-request-id"])
        error: dict[str, Any] = self.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert isinstance(error["message"], str) and error["message"]
        return error


@dataclass
class RunningServer:
    """``parakeet serve`` whose engine hears beeps. ``spool`` is where its uploads lie, ``log`` what it wrote so far."""

    process: "subprocess.Popen[bytes]"
    log_path: Path
    spool: Path
    port: int = 0
    baseline: Mapping[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        timeout: float = 60,
    ) -> Answer:
        """An iterator is sent in chunks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers))
            return _answer(connection.getresponse())
        finally:
            connection.close()

    def transcribe(self, sound: bytes, *, headers: Mapping[str, str] = MappingProxyType({}), **fields: str) -> Answer:
        body, kind = form(sound, **fields)
        return self.ask("POST", "/v1/audio/transcriptions", body, {"Content-Type": kind, **headers})

    def say(self, data: bytes, *, timeout: float = 20) -> Answer:
        """Whatever bytes; the first answer to them, however much of them is read."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(data)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return _answer(response)

    def metric(self, name: str, headers: Mapping[str, str] = MappingProxyType({})) -> float:
        """``parakeet_running``, or with labels as they are written out."""
        text = self.ask("GET", "/metrics", headers=headers).body.decode()
        return next((float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{name} ")), 0.0)

    def resources(self) -> dict[str, int]:
        """Descriptors, threads, and the bytes of files without a name that are open (in the spool or elsewhere)."""
        folder = Path(f"/proc/{self.process.pid}")
        links = [_link(entry) for entry in (folder / "fd").iterdir()]
        return {
            "descriptors": len(links),
            "threads": len(list((folder / "task").iterdir())),
            "spooled": sum("(deleted)" in link for link in links),
        }

    def memory(self) -> int:
        """Bytes of RAM that the process has."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def engines(self) -> list[int]:
        """The processes that it started and that still run."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        if not children.exists():
            return []
        all_children = [int(pid) for task in children.parent.parent.iterdir() for pid in _children(task)]
        return [pid for pid in all_children if b"engine" in _command(pid)]

    def stop(self, signum: int = signal.SIGTERM, timeout: float = 40) -> int:
        """The exit code."""
        self.process.send_signal(signum)
        return self.process.wait(timeout)

    def assert_back_to_base(self) -> None:
        until(
            lambda: self.resources()["descriptors"] <= self.baseline["descriptors"], "descriptors are back", self.state
        )
        until(lambda: self.resources()["threads"] <= self.baseline["threads"], "threads are back", self.state)
        assert self.resources()["spooled"] == 0

    def state(self) -> str:
        links = [_link(entry) for entry in Path(f"/proc/{self.process.pid}/fd").iterdir()]
        return f"{self.resources()} {sorted(links)}"


@contextmanager
def running(
    folder: Path,
    *arguments: str,
    launcher: tuple[str, ...] = (),
    program: tuple[str, ...] = ("-m", "tests.beeping_server"),
    sound: bytes | None = None,
    **environment: str,
) -> Iterator[RunningServer]:
    """Start a server at a free port; at the end stop it, and see that nothing of it is left.

    ``program`` is what Python runs. With ``sound`` it is asked to transcribe once, so that its engine is there and
    counts as its usual state.
    """
    spool = folder / "spool"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PARAKEET_", "BEEP_", "API_KEY"))}
    settings = {
        "PYTHONPATH": str(ROOT),
        "PARAKEET_SPOOL": str(spool),
        "PARAKEET_STATE_DIR": str(folder / "state"),
        "PARAKEET_MODEL": "demo",
        "HF_HUB_OFFLINE": "1",
    }
    log = folder / f"server-{len(list(folder.glob('server-*')))}.log"
    command = [*launcher, sys.executable, *program, "serve", "--port", "0", *arguments]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env={**kept, **settings, **environment}, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    server = RunningServer(process, log, spool)
    try:
        server.port = _port(server)
        if sound is not None:
            keys = [value for name, value in pairwise(arguments) if name == "--api-key"]
            headers = {"Authorization": f"Bearer {keys[0]}"} if keys else {}
            answer = server.transcribe(sound, headers=headers)
            assert answer.status == 200, answer
            time.sleep(0.2)
        server.baseline = server.resources()
        yield server
        if process.poll() is None:
            assert server.stop() == 0, server.log
            assert "Traceback" not in server.log
        if process.returncode != -signal.SIGKILL:
            assert list(spool.glob(f"boot-{process.pid}-*")) == []
    finally:
        process.kill()
        process.wait()


def form(sound: bytes, filename: str = "talk.wav", **fields: str) -> tuple[bytes, str]:
    """A body of multipart/form-data, and its content type."""
    head = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; "
    parts = [f'{head}name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    parts.append(f'{head}name="file"; filename="{filename}"\r\n\r\n'.encode() + sound + b"\r\n")
    return b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={_BOUNDARY}"


def until(condition: Callable[[], bool], what: str, state: Callable[[], object] = str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"never came: {what}; {state()}"
        time.sleep(0.05)


def _answer(response: http.client.HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def _port(server: RunningServer) -> int:
    def known() -> re.Match[str] | None:
        return re.search(r"http://[^ ]*?:(\d+)", server.log)

    until(
        lambda: known() is not None or server.process.poll() is not None,
        "the server listens",
        lambda: server.log,
        _START_SECONDS,
    )
    found = known()
    assert found, server.log
    return int(found[1])


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except OSError:
        return []


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
