"""waitress's parser of requests, with a gate behind the headers: what is refused there has no byte of its body read.

It also refuses what waitress 3.0.2 takes and a proxy in front may read in another way (request smuggling).
"""

import time
from collections import Counter
from contextlib import suppress
from typing import Any

from waitress.parser import HTTPRequestParser

from parakeet_cli.server.admission import Admission, Permit
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.http_errors import no_disk
from parakeet_cli.server.spool import DISK_FULL, NO_ROOM
from parakeet_cli.settings import FrontSettings

__all__ = ["LARGEST_HEAD", "GateParser"]

LARGEST_HEAD = 32 << 10
"""Bytes of all headers."""

_LONGEST_CHUNK_LINE = 4096
_LONGEST_TRAILER = 32 << 10


class GateParser(HTTPRequestParser):  # type: ignore[misc] # waitress has no types
    """One request while it arrives, and while it is answered; ``error`` may be an ``ApiError``."""

    def __init__(self, adjustments: Any, admission: Admission) -> None:
        super().__init__(adjustments)
        self.began = time.monotonic()
        self.permit: Permit | None = None
        self._admission = admission
        self._reservation = admission.reservation()
        self._has_ticket = False
        self._lines: list[bytes] = []
        self._body_began = 0.0

    @property
    def method(self) -> str:
        return str(self.command)

    @property
    def target(self) -> str:
        path = str(self.path).encode("latin-1").decode(errors="replace")
        return "/" + path.lstrip("/")  # as waitress tells the application

    @property
    def length(self) -> int | None:
        return None if self.chunked else int(self.content_length)

    def header(self, name: str) -> str | None:
        value = self.headers.get(name.upper().replace("-", "_"))
        return None if value is None else str(value)

    def parse_header(self, header_plus: bytes) -> None:
        self._lines = header_plus.rstrip(b"\r\n").split(b"\r\n")[1:]
        super().parse_header(header_plus)

    def received(self, data: bytes) -> int:
        """Called by waitress in the server's loop; returns how much of ``data`` belongs to this request."""
        knew_headers = self.headers_finished
        try:
            consumed = int(super().received(data))
        except OSError as error:  # it writes a large body to a file
            if error.errno not in DISK_FULL:
                raise
            self.refuse(no_disk(NO_ROOM))
            return len(data)
        except ValueError:  # it reads a length of any number of digits, and Python does not
            self.refuse(_malformed("a length that is no number"))
            return len(data)
        if self.headers_finished and not self.empty and not self.error:
            try:
                self._check_body() if knew_headers else self._check_head()
                if self.completed:
                    self._enter()
            except ApiError as error:
                self.refuse(error)
        if self.completed:
            self.expect_continue = False  # waitress would tell a body to come of which nothing is left, and begin anew
        if self.error:
            self.refuse(self.error)
            return len(data)  # the rest is of a body that nobody reads; it must not be taken for another request
        return consumed

    def refuse(self, error: Any) -> None:
        """End the request here, also if its sender waits to be told to go on with the body."""
        self.error = error
        self.completed = True
        self.expect_continue = False

    def is_too_slow(self, settings: FrontSettings) -> bool:
        """Whether the sender has had more than the time it gets."""
        now = time.monotonic()
        if not self.headers_finished:
            return now - self.began > settings.header_seconds
        elapsed = now - self._body_began
        return elapsed > settings.grace_seconds and self.body_bytes_received < settings.bytes_a_second * elapsed

    def close(self) -> None:
        """Give back what the request holds; waitress calls it when the answer is out, and we when a sender leaves."""
        with suppress(OSError):  # what a full disk did not take is written once more, and the file closed all the same
            super().close()
        self._reservation.release()
        if self._has_ticket and self.permit:
            self._has_ticket = False
            self._admission.tickets.give_back(self.permit.kind)

    def _check_head(self) -> None:
        self._check_framing()
        if self.proxy_netloc:
            self._admission.access.origins.check_host(self.proxy_netloc)
        self.permit = self._admission.judge(self)
        if self.length != 0:
            self._admission.reserve(self._reservation, self.length or 1)
        self._body_began = time.monotonic()

    def _check_framing(self) -> None:
        if any(line[:1] in b" \t" for line in self._lines):
            raise _malformed("a header that goes on in the next line")
        names = Counter(line.partition(b":")[0].lower() for line in self._lines)
        for name in (b"host", b"content-length", b"transfer-encoding"):
            if names[name] > 1:
                raise _malformed(f"two {name.decode()} headers")
        if self.version == "1.1" and not names[b"host"]:
            raise _malformed("no host header")
        if names[b"transfer-encoding"]:
            coding = next(line for line in self._lines if line.lower().startswith(b"transfer-encoding"))
            if names[b"content-length"]:
                raise _malformed("both a length and a transfer encoding")
            if not self.chunked or coding.partition(b":")[2].strip(b" \t").lower() != b"chunked":
                raise _malformed("a transfer encoding other than chunked")

    def _check_body(self) -> None:
        assert self.permit is not None
        body = self.body_rcv
        self._reservation.has_written(self.body_bytes_received)
        if not self.chunked:
            return
        if len(body.control_line) > _LONGEST_CHUNK_LINE or len(body.trailer) > _LONGEST_TRAILER:
            raise _malformed("a chunk whose head or tail does not end")
        if len(body) > self.permit.largest:
            raise self._admission.too_large(self.permit)
        self._admission.reserve(self._reservation, len(body))

    def _enter(self) -> None:
        """All of it is here: now it takes a place, if there still is one."""
        assert self.permit is not None and not self._has_ticket
        self._admission.check_room(self.permit.kind)
        if not self._admission.tickets.take(self.permit.kind):
            raise self._admission.refusal()
        self._has_ticket = True


def _malformed(what: str) -> ApiError:
    return ApiError(400, f"The request is malformed: it has {what}.")
