"""Clients that send a second request before the first is answered, and leave."""

import threading
from collections.abc import Iterator
from pathlib import Path

from flask import Response

from parakeet_cli.server.admission import Kind
from tests.server.fronts import Front
from tests.server.processes import until

LARGE = b"x" * 700_000
"""More than waitress keeps in memory."""


def _upload(path: bytes) -> bytes:
    kind = b"Content-Type: multipart/form-data; boundary=b\r\n"
    return b"POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n%s" % (path, kind, len(LARGE), LARGE)


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _taken(front: Front) -> tuple[int, int]:
    return front.admission.tickets.taken(Kind.RECORDING), front.spool.reserved


def test_what_waits_behind_a_slow_request_goes_with_its_client(front: Front) -> None:
    """Although the first goes on, and there is no more room to read that the client has left."""
    before = _descriptors()
    with front.connect(_upload(b"/v1/wait") + _upload(b"/v1/wait")):
        until(lambda: _taken(front) == (2, 4 * len(LARGE)), "both are let in", lambda: _taken(front))
    until(lambda: _taken(front) == (1, 2 * len(LARGE)), "the second is let go", lambda: _taken(front), seconds=5)
    front.gate.set()
    until(lambda: _taken(front) == (0, 0), "the first is let go", lambda: _taken(front))
    until(lambda: _descriptors() == before, "descriptors are back", _descriptors)
    assert [each.path for each in front.answered] == ["/v1/wait"]


class _Late:
    """An answer whose end comes after all of it was sent."""

    def __init__(self, gate: threading.Event) -> None:
        self._gate = gate

    def __iter__(self) -> Iterator[bytes]:
        yield b"done"

    def close(self) -> None:
        self._gate.wait(20)


def test_who_leaves_with_the_first_answer_leaves_no_second_request(front: Front) -> None:
    """No thread takes up the second, as the client is gone, and the loop does not know yet that none does."""

    class Channel(front.server.channel_class):  # type: ignore[misc, name-defined]
        def abandon(self) -> None:
            super().abandon()
            front.gate.set()
            until(lambda: len(self.requests) < 2, "the first is over")

    front.server.channel_class = Channel
    headers = {"Content-Length": "4"}
    front.app.add_url_rule("/v1/late", view_func=lambda: Response(_Late(front.gate), headers=headers), methods=["POST"])
    with front.connect(_upload(b"/v1/late") + _upload(b"/v1/wait")):
        until(lambda: _taken(front)[0] == 2, "both are let in")
    until(lambda: _taken(front) == (0, 0), "both are let go", lambda: _taken(front), seconds=5)
    assert [each.path for each in front.answered] == ["/v1/late"]
