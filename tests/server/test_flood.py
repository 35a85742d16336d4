"""Many clients at once, and for long (rows S11, S26)."""

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.fakes import WORDS, beeps
from tests.server.asking import SPEECH, wav
from tests.server.processes import RunningServer, form

Start = Callable[..., RunningServer]
_MOST_MEMORY = 400 << 20
_SLOPE = 20 << 20


def test_two_hundred_at_once_get_their_own_words_or_are_told_to_come_back(start_server: Start) -> None:
    server = start_server("--concurrency", "4", "--queue", "16", BEEP_SECONDS="0.3", sound=SPEECH)
    base = server.memory()
    said = [" ".join(random.Random(number).choices(WORDS, k=6)) for number in range(200)]
    together = threading.Barrier(200)

    def ask(number: int) -> tuple[int, float, str | None]:
        sound = wav(beeps(said[number].split()))
        together.wait(60)
        began = time.monotonic()
        answer = server.transcribe(sound)
        if answer.status == 503:
            assert answer.error["code"] == "server_is_overloaded"
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            return 503, time.monotonic() - began, None
        assert answer.status == 200, answer
        return 200, time.monotonic() - began, answer.json()["text"]

    with _peak_memory(server) as peak, ThreadPoolExecutor(200) as clients:
        answers = list(clients.map(ask, range(200)))
    counts = Counter(status for status, _, _ in answers)
    assert counts[200] >= 17
    assert counts[503] >= 100
    heard = {number: text for number, (_, _, text) in enumerate(answers) if text is not None}
    assert heard == {number: said[number] for number in heard}
    assert peak[0] - base < _MOST_MEMORY
    assert server.transcribe(SPEECH).status == 200
    server.assert_back_to_base()


@pytest.mark.prove
def test_ten_thousand_requests_leave_the_server_as_it_was(start_server: Start) -> None:
    server = start_server(sound=SPEECH)

    def ask(number: int) -> None:
        match number % 10:
            case 0 | 1 | 2:
                assert server.transcribe(SPEECH, response_format="verbose_json").json()["text"] == "one two three"
            case 3:
                assert server.transcribe(b"no sound at all").status == 400
            case 4:
                _leave_in_the_middle(server)
            case 5:
                assert server.ask("POST", "/v1/audio/transcriptions", iter([b"x" * 600_000])).status == 400
            case 6:
                assert server.ask("POST", "/nothing", b"x" * 1000).status == 404
            case 7:
                assert server.ask("GET", "/metrics").status == 200
            case _:
                assert server.ask("GET", "/v1/models").status == 200

    with ThreadPoolExecutor(4) as clients:
        list(clients.map(ask, range(1000)))  # to warm up
        warm = server.memory()
        list(clients.map(ask, range(9000)))
    grown = server.memory() - warm
    assert grown <= _SLOPE, f"grew by {grown / 2**20:.1f} MiB over 9,000 requests"
    server.assert_back_to_base()


def _leave_in_the_middle(server: RunningServer) -> None:
    body, kind = form(SPEECH)
    head = f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(f"{head}Content-Length: 900000\r\n\r\n".encode() + body)


@contextmanager
def _peak_memory(server: RunningServer) -> Iterator[list[int]]:
    """Its one item is the most that was seen, at 20 looks a second."""
    peak, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], server.memory())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
