"""The part of the Hugging Face hub's protocol that a download needs, on 127.0.0.1, with faults on demand."""

import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" + "0" * 34
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


@dataclass
class Hub:
    """``files`` by ``org/name/filename``; ``faults`` are used up, one a GET; ``requests`` are what was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: deque[str] = field(default_factory=deque)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    everywhere: str | None = None
    """A fault of every answer: html, silent or 503."""
    seconds_a_block: float = 0.0
    ranges: bool = True

    def gets(self) -> list[str | None]:
        """The Range headers of the downloads, in order."""
        return [asked for method, path, asked in self.requests if method == "GET" and "/resolve/" in path]


@contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub()

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Hub

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        if not self._faulty_everywhere():
            self._describe(b"")

    def do_GET(self) -> None:
        if self._faulty_everywhere():
            return
        if self.path.startswith("/api/models/"):
            self._list()
        else:
            self._describe(self._content())

    def _faulty_everywhere(self) -> bool:
        self.close_connection = True
        self.served.requests.append((self.command, self.path, self.headers["Range"]))
        match self.served.everywhere:
            case "html":
                self._answer(200, {"Content-Type": "text/html"}, PAGE)
            case "503":
                self._answer(503, {}, b"")
            case "silent":
                time.sleep(3)
            case _:
                return False
        return True

    def _list(self) -> None:
        repository = "/".join(self.path.split("/")[3:5])
        names = [name.rpartition("/")[2] for name in self.served.files if name.startswith(f"{repository}/")]
        if not names:
            self._answer(404, {"X-Error-Code": "RepoNotFound"}, b"")
            return
        answer = {"id": repository, "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}
        self._answer(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _content(self) -> bytes:
        parts = self.path.strip("/").split("/")
        return self.served.files.get(f"{parts[0]}/{parts[1]}/{parts[-1]}", b"") if "resolve" in parts else b""

    def _describe(self, body: bytes) -> None:
        whole = self._content()
        if not whole:
            self._answer(404, {"X-Error-Code": "EntryNotFound"}, b"")
            return
        headers = {
            "X-Repo-Commit": COMMIT,
            "X-Linked-Etag": f'"{hashlib.sha256(whole).hexdigest()}"',
            "X-Linked-Size": str(len(whole)),
        }
        if self.command == "HEAD":
            self._answer(200, headers, b"")
            return
        fault = self.served.faults.popleft() if self.served.faults else None
        start, asked = 0, self.headers["Range"]
        if asked and self.served.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        body = whole[start:]
        match fault:
            case "html":
                body = PAGE
            case "wrong":
                body = bytes(len(body))
            case "404":
                self._answer(404, {"X-Error-Code": "EntryNotFound"}, b"")
                return
        self._answer(206 if start else 200, headers, body, cut=fault == "cut")

    def _answer(self, status: int, headers: dict[str, str], body: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        sent = len(body) // 2 if cut else len(body)
        try:
            for start in range(0, sent, 65_536):
                self.wfile.write(body[start : min(start + 65_536, sent)])
                self.wfile.flush()
                time.sleep(self.served.seconds_a_block)
        except OSError:
            pass  # the client is gone
