"""Clients that drip, stop, leave or do not read (rows S05, S08, S09, S23, S25), with the deadlines made short."""

import contextlib
import socket
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from parakeet_cli.server.admission import Kind
from tests.server.fronts import BODY, HEAD, SETTINGS, Front, read_all, running_front
from tests.server.full_disk import no_file_over
from tests.server.processes import until

CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def test_headers_that_drip_are_cut_off(front: Front) -> None:
    began = time.monotonic()
    with front.connect(b"GET /health HTTP/1.1\r\n") as connection:
        _drip(connection, b"X: y\r\n", seconds=6)
        answer = read_all(connection)
    assert 1.0 < time.monotonic() - began < 6
    assert answer.startswith(b"HTTP/1.0 408 ") and b'"error"' in answer


def test_line_ends_that_are_no_line_ends_are_cut_off(front: Front) -> None:
    assert front.ask(b"GET /health HTTP/1.1\nHost: localhost\n\n")[9:12] in (b"400", b"408")


def test_a_body_that_drips_is_cut_off_and_leaves_no_byte(front: Front) -> None:
    with front.connect(HEAD + b"Content-Length: 3000000\r\n\r\n") as connection:
        until(lambda: front.spool.reserved == 6_000_000, "room for it and its copy is kept")
        _drip(connection, b"x" * 10, seconds=6)
        assert read_all(connection).startswith(b"HTTP/1.1 408 ")
    until(lambda: front.spool.reserved == 0, "the room is given back")


def test_a_body_that_comes_fast_enough_may_take_its_time(front: Front) -> None:
    with front.connect(HEAD + f"Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n".encode()) as connection:
        for start in range(0, len(BODY), 4000):
            connection.sendall(BODY[start : start + 4000])
            time.sleep(0.25)
        assert b"one two three" in read_all(connection)


def test_ninety_that_drip_hinder_nobody(front: Front) -> None:
    heads = [front.connect(b"GET /health HTTP/1.1\r\n") for _ in range(45)]
    bodies = [front.connect(HEAD + b"Content-Length: 30000\r\n\r\nx") for _ in range(45)]
    began = time.monotonic()
    assert front.ask(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").startswith(
        b"HTTP/1.1 200"
    )
    assert time.monotonic() - began < 1
    whole = HEAD + f"Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n".encode() + BODY
    assert b"one two three" in front.ask(whole)
    for connection in heads + bodies:
        assert b" 408 " in read_all(connection)
        connection.close()


def test_health_answers_while_every_thread_is_busy(front: Front) -> None:
    waiting = [
        front.connect(b"POST /v1/wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n") for _ in range(2)
    ]
    until(lambda: front.admission.tickets.taken(Kind.RECORDING) == 2, "both are let in")
    short = [front.connect(b"GET /v1/wait HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(60)]
    until(lambda: len(front.server.task_dispatcher.queue) > 0, "no thread is free")
    times = []
    for path in (b"/health", b"/health/live", b"/readyz", b"/metrics"):
        began = time.monotonic()
        answer = front.ask(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        times.append(time.monotonic() - began)
    assert sorted(times)[1] < 0.05  # others may meet a busy machine
    front.gate.set()
    for connection in waiting + short:
        connection.close()


def test_who_does_not_read_the_answer_is_dropped_and_its_thread_free(front: Front) -> None:
    with front.connect(b"GET /v1/pour HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        until(lambda: any(each.path == "/v1/pour" for each in front.answered), "its thread gives up")
        (report,) = (each for each in front.answered if each.path == "/v1/pour")
        assert report.status == 499


def test_an_answer_that_took_long_is_not_taken_for_one_that_nobody_reads(front: Front) -> None:
    """Nothing has come or gone for longer than a client may leave an answer unread, when its headers are written."""

    class Channel(front.server.channel_class):  # type: ignore[misc, name-defined]
        def send(self, *arguments: Any, **named: Any) -> int:
            time.sleep(1.2)  # the loop looks at all channels once a second
            return int(super().send(*arguments, **named))

    front.server.channel_class = Channel
    with front.connect(b"POST /v1/wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n") as connection:
        time.sleep(front.server.front.idle_seconds + 0.5)
        front.gate.set()
        received = b""
        while not received.endswith(b"done"):
            block = connection.recv(65_536)
            assert block, received
            received += block


@pytest.mark.parametrize("target", ["GET /health", "POST /v1/wait"])
def test_who_waits_to_be_told_to_send_no_body_is_answered_at_once(front: Front, target: str) -> None:
    """And what comes after it on the same connection is a request like any other."""
    front.gate.set()
    head = f"{target} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n".encode()
    with front.connect(head) as connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(
            b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 4000\r\n\r\n"
        )
        assert b"HTTP/1.1 400 " in read_all(connection)  # after what is left of the first answer
    assert front.answered[-1].received == 0


def test_a_full_house_is_told_before_the_body(front: Front) -> None:
    waiting = [
        front.connect(b"POST /v1/wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n") for _ in range(2)
    ]
    until(lambda: front.admission.tickets.taken(Kind.RECORDING) == 2, "both are let in")
    answer = front.ask(HEAD + b"Content-Length: 3000000\r\nExpect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b'"code": "server_is_overloaded"' in answer and b"\r\nRetry-After: " in answer
    assert front.answered[-1].received == 0
    front.gate.set()
    for connection in waiting:
        assert connection.recv(12) == b"HTTP/1.1 200"
        connection.close()


class _LoopLast:
    """A lock after which other threads come first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        time.sleep(0.1)


def test_a_refusal_that_is_answered_at_once_is_waited_for_like_others(front: Front) -> None:
    class Channel(front.server.channel_class):  # type: ignore[misc, name-defined]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.requests_lock = _LoopLast()

    front.server.channel_class = Channel
    with front.connect(HEAD + b"Content-Length: 90000000\r\n\r\n") as connection:
        until(lambda: bool(front.answered), "it is refused")
        time.sleep(0.3)
        for _ in range(5):
            connection.sendall(b"x" * 65_536)  # breaks if the other side is closed
            time.sleep(0.02)
        assert read_all(connection).startswith(b"HTTP/1.1 413 ")


def test_a_house_that_fills_up_meanwhile_is_told_after_the_body(front: Front) -> None:
    with front.connect(HEAD + f"Content-Length: {len(BODY)}\r\n\r\n".encode()) as late:
        until(lambda: front.spool.reserved > 0, "its headers are read")
        waiting = [
            front.connect(b"POST /v1/wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n") for _ in range(2)
        ]
        until(lambda: front.admission.tickets.taken(Kind.RECORDING) == 2, "both are let in")
        late.sendall(BODY)
        assert read_all(late).startswith(b"HTTP/1.1 503 ")
    front.gate.set()
    for connection in waiting:
        connection.close()


def test_uploads_under_way_share_a_quota(front: Front) -> None:
    large = HEAD + b"Content-Length: 4500000\r\n\r\n"
    with front.connect(large), front.connect(large):
        until(lambda: front.spool.reserved == 18_000_000, "room is kept")
        refused = front.ask(HEAD + b"Content-Length: 3000000\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 507 ") and b"insufficient_storage" in refused
        chunks = b"".join(b"10000\r\n" + b"x" * 65_536 + b"\r\n" for _ in range(40))
        assert front.ask(CHUNKED + chunks).startswith(b"HTTP/1.1 507 ")


@pytest.mark.usefixtures("spool")
def test_a_disk_that_fills_up_during_the_upload_is_507() -> None:
    patient = replace(SETTINGS, front=replace(SETTINGS.front, linger_seconds=10.0))  # the rest may take its time
    with (
        running_front(patient) as front,
        no_file_over(1 << 20),
        front.connect(HEAD + b"Content-Length: 3000000\r\n\r\n") as connection,
    ):
        connection.sendall(b"x" * 2_900_000)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 507 ") and b"insufficient_storage" in answer


def test_who_leaves_during_the_upload_leaves_nothing(front: Front) -> None:
    connections = [front.connect(HEAD + b"Content-Length: 600000\r\n\r\n" + b"x" * 590_000) for _ in range(5)]
    until(lambda: front.spool.reserved == 6_000_000, "room is kept")
    for connection in connections:
        connection.close()
    until(lambda: front.spool.reserved == 0, "the room is given back", seconds=2)
    assert front.answered == []


@pytest.mark.usefixtures("spool")
def test_a_disk_that_is_nearly_full_takes_no_upload() -> None:
    settings = replace(SETTINGS, uploads=replace(SETTINGS.uploads, free_bytes=1 << 60))
    with running_front(settings) as front:
        answer = front.ask(HEAD + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 507 ")
        assert front.ask(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")[9:12] == b"503"
        assert front.ask(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")[9:12] == b"200"


def _drip(connection: socket.socket, data: bytes, seconds: float) -> None:
    """Until the other side has something to say."""
    end = time.monotonic() + seconds
    connection.settimeout(0.2)
    while time.monotonic() < end:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        with contextlib.suppress(TimeoutError):
            connection.recv(1, socket.MSG_PEEK)
            break
    connection.settimeout(15)
