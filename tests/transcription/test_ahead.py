import signal
import threading
import time
from collections.abc import Iterator

import pytest

from parakeet_cli.transcription.ahead import Ahead


def test_items_come_in_order_and_the_thread_ends() -> None:
    ahead = Ahead(iter(range(100)), size=3)
    assert list(ahead) == list(range(100))
    assert ahead.join(1)


def test_an_error_of_the_producer_reaches_the_reader_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    read = []
    with pytest.raises(ValueError, match="broken"):
        for item in Ahead(broken(), size=5):
            read.append(item)
    assert read == [1]


def test_the_producer_is_at_most_size_items_ahead() -> None:
    made = []

    def producer() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    for number in Ahead(producer(), size=4):
        if number == 10:
            time.sleep(0.2)
            assert len(made) <= 10 + 1 + 4 + 1
    assert len(made) == 50


def test_stopping_wakes_the_reader_and_closes_the_generator() -> None:
    closed = threading.Event()
    hold = threading.Event()

    def endless() -> Iterator[int]:
        try:
            yield 0
            hold.wait(10)
            yield 1
        finally:
            closed.set()

    ahead = Ahead(endless(), size=4)
    threading.Timer(0.2, ahead.stop).start()
    began = time.monotonic()
    assert list(ahead) == [0]
    assert time.monotonic() - began < 2
    hold.set()
    ahead.close()
    assert ahead.join(2)
    assert closed.is_set()


def test_a_reader_that_leaves_early_frees_a_producer_that_waits_for_room() -> None:
    ahead = Ahead(iter(range(10_000)), size=1)
    for _ in ahead:
        break
    assert ahead.join(2)


def test_stopping_from_a_signal_handler_never_waits_for_the_reader() -> None:
    """The handler may run inside any call of the reader; a lock that both take would hang them."""
    for _ in range(30):
        ahead = Ahead(iter(range(100_000)), size=2)
        before = signal.signal(signal.SIGALRM, lambda *_, ahead=ahead: ahead.stop())
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0003)
        try:
            assert sum(1 for _ in ahead) < 100_000
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert ahead.join(5)
