"""HTTP by hand: requests byte for byte as some program sends them, and answers as they come."""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Part", "Reply", "ask", "connect", "form", "read_reply", "replay", "send"]

BOUNDARY = "----ConformanceBoundary7MA4YWxk"
CHUNK = 16_384
PATIENCE = 60
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"].startswith("application/json"), self.body[:500]
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def error(self) -> Any:
        """Of the shape that every error must have."""
        assert set(self.json) == {"error"}, self.body[:500]
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert isinstance(error["message"], str)
        assert isinstance(error["type"], str)
        assert "Traceback" not in error["message"] and "/tmp" not in error["message"]
        return error


@dataclass(frozen=True, slots=True)
class Part:
    """Of a multipart form; with a ``filename`` it is a file."""

    name: str
    content: bytes | str
    filename: str | None = None
    type: str | None = None

    def encode(self) -> bytes:
        head = f'Content-Disposition: form-data; name="{self.name}"'
        head += f'; filename="{self.filename}"' if self.filename is not None else ""
        head += f"\r\nContent-Type: {self.type}" if self.type else ""
        content = self.content.encode() if isinstance(self.content, str) else self.content
        return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


def form(parts: Sequence[Part]) -> bytes:
    return b"".join(part.encode() for part in parts) + f"--{BOUNDARY}--\r\n".encode()


def ask(
    server: str,
    path: str,
    body: bytes | Sequence[Part] = b"",
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    chunked: bool = False,
) -> Reply:
    """One exchange on a connection of its own; parts are sent as a form. ``server`` is ``http://host:port``."""
    given = {"Host": urlsplit(server).netloc, **(headers or {})}
    if not isinstance(body, bytes):
        given.setdefault("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        body = form(body)
    with connect(server) as connection:
        send(connection, method, path, given, body, chunked=chunked)
        return read_reply(connection)


def replay(server: str, recorded: str, **contents: bytes) -> Reply:
    """Send a recorded request. Words in it that ``contents`` names are replaced by that content; line ends are CRLF.

    ``Content-Length`` is added where no ``Transfer-Encoding`` is given.
    """
    head, _, text = recorded.lstrip("\n").partition("\n\n")
    body = text.replace("\n", "\r\n").encode()
    for name, content in contents.items():
        assert name.encode() in body
        body = body.replace(name.encode(), content)
    first, *lines = head.split("\n")
    method, path, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    with connect(server) as connection:
        send(connection, method, path, headers, body, chunked=headers.pop("Transfer-Encoding", None) is not None)
        return read_reply(connection)


def connect(server: str) -> socket.socket:
    address = urlsplit(server)
    assert address.hostname and address.port
    return socket.create_connection((address.hostname, address.port), PATIENCE)


def send(
    connection: socket.socket, method: str, path: str, headers: Mapping[str, str], body: bytes, *, chunked: bool = False
) -> None:
    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in ({**length, **headers}).items()]
    connection.sendall("\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode())
    for piece in _chunks(body) if chunked else [body]:
        connection.sendall(piece)


def read_reply(connection: socket.socket) -> Reply:
    response = HTTPResponse(connection)
    response.begin()
    body = response.read()
    return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def _chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), CHUNK):
        piece = body[start : start + CHUNK]
        yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    yield b"0\r\n\r\n"
