"""What an engine's process tells of its calls, and what it does while it has nothing to do."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parakeet_cli.transcription.engine import host
from parakeet_cli.transcription.engine.host import _Clock, _Host
from parakeet_cli.transcription.events import Recording
from parakeet_cli.transcription.media.inputs import FileMedia
from tests.beeping_engine import load


def test_of_two_calls_at_one_time_the_longer_counts() -> None:
    clock, has_begun, may_end = _Clock(), threading.Event(), threading.Event()

    def call() -> None:
        with clock:
            has_begun.set()
            assert may_end.wait(10)

    other = threading.Thread(target=call)
    other.start()
    assert has_begun.wait(10)
    time.sleep(0.2)
    with clock:
        assert clock.beat().busy >= 0.2
    shorter = clock.beat()
    assert shorter.busy >= 0.2
    may_end.set()
    other.join()
    assert clock.beat().busy == 0
    assert clock.beat().longest > shorter.longest


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Host]:
    monkeypatch.setattr(host, "_IDLE_SECONDS", 0.1)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield _Host(ours, load)


def test_a_recognizer_settles_while_nothing_comes(idle: _Host) -> None:
    recording, told = Recording(1, FileMedia(Path("a.wav"))), []

    def settle() -> Iterator[int]:
        yield from (0, 0, 10)
        told.append(idle._clock.beat().memory)
        yield 1 << 40
        told.append(idle._clock.beat().memory)
        idle._recordings.put(recording)
        yield 30
        raise AssertionError("it goes on although something has come")

    idle._settling = settle()
    began = time.monotonic()
    assert idle._next() is recording
    assert time.monotonic() - began >= 0.3  # at first, and after each time that something was encoded
    assert told[1] < told[0] - (1 << 39)  # bytes that are held twice for the present are not told


def test_a_recognizer_that_has_settled_waits(idle: _Host) -> None:
    idle._settling = iter((10, 20))
    threading.Timer(0.5, idle._recordings.put, [None]).start()
    assert idle._next() is None
    assert idle._clock.held_twice is None
    idle._recordings.put(None)
    assert idle._next() is None


def test_what_comes_at_once_is_not_kept_waiting(idle: _Host) -> None:
    idle._settling = iter((10,))
    for number in range(2):
        idle._recordings.put(Recording(number, FileMedia(Path("a.wav"))))
    assert [idle._next(), idle._next()] != [None, None]
    assert next(idle._settling) == 10
