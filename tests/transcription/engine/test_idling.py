"""What an engine does while nothing comes."""

import logging
import queue
import threading
import time
from collections.abc import Iterator

import pytest

from parakeet_cli.transcription.engine import idling
from parakeet_cli.transcription.engine.idling import Idling


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idling, "_IDLE_SECONDS", 0.1)


@pytest.fixture
def items() -> "queue.SimpleQueue[str]":
    return queue.SimpleQueue()


def test_steps_are_made_while_nothing_comes(items: "queue.SimpleQueue[str]") -> None:
    idle = Idling(items, lambda: False)
    amid = []

    def steps() -> Iterator[bool]:
        for is_done in (False, True, False):
            amid.append(idle.is_amid)
            yield is_done
        amid.append(idle.is_amid)
        items.put("new")
        yield True
        raise AssertionError("it goes on although something has come")

    idle.steps = steps()
    began = time.monotonic()
    assert idle.get() == "new"
    assert time.monotonic() - began >= 0.3  # at first, and after each step that could not be done
    assert amid == [False, False, True, True]
    assert idle.is_amid


def test_what_comes_at_once_is_not_kept_waiting(items: "queue.SimpleQueue[str]") -> None:
    idle = Idling(items, lambda: False)
    idle.steps = iter((True,))
    items.put("one")
    items.put("two")
    assert [idle.get(), idle.get()] == ["one", "two"]
    assert next(idle.steps)


def test_nothing_is_done_while_something_is_under_way(items: "queue.SimpleQueue[str]") -> None:
    asked = []

    def is_under_way() -> bool:
        asked.append(time.monotonic())
        if len(asked) == 4:
            items.put("new")
        return True

    idle = Idling(items, is_under_way)
    idle.steps = iter((True,))
    assert idle.get() == "new"
    assert asked[-1] - asked[0] >= 0.25  # and not as fast as it can
    assert next(idle.steps)


def test_after_the_last_step_it_waits(items: "queue.SimpleQueue[str]") -> None:
    idle = Idling(items, lambda: False)
    idle.steps = iter((True, True))
    threading.Timer(0.5, items.put, ["late"]).start()
    assert idle.get() == "late"
    assert not idle.is_amid
    items.put("later")
    assert idle.get() == "later"


def test_a_step_that_fails_is_the_last(items: "queue.SimpleQueue[str]", caplog: pytest.LogCaptureFixture) -> None:
    def steps() -> Iterator[bool]:
        yield True
        threading.Timer(0.3, items.put, ["new"]).start()
        raise RuntimeError("no memory")

    idle = Idling(items, lambda: False)
    idle.steps = steps()
    with caplog.at_level(logging.WARNING):
        assert idle.get() == "new"
    assert [record.getMessage() for record in caplog.records] == ["The weights stay where they are: no memory"]
    assert not idle.is_amid
