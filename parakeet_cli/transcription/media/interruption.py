"""The end of the work on one media, asked for from another thread."""

import threading
from collections.abc import Callable

__all__ = ["Interrupted", "Interruption"]


class Interrupted(Exception):
    """Whoever asked for this work wants it no more. No error: it reaches nobody but who asked."""


class Interruption:
    """Ends whatever is in its way: each step asks with ``check``, and who waits for a child leaves a way to end it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = False
        self._ends: list[Callable[[], None]] = []

    def interrupt(self) -> None:
        """From any thread; returns at once."""
        with self._lock:
            self._is_set = True
            for end in self._ends:
                end()

    def check(self) -> None:
        """Raise ``Interrupted`` after ``interrupt``."""
        if self._is_set:
            raise Interrupted

    def add(self, end: Callable[[], None]) -> None:
        """Have ``end`` called by ``interrupt``, or now if that has come already."""
        with self._lock:
            self._ends.append(end)
            if self._is_set:
                end()

    def remove(self, end: Callable[[], None]) -> None:
        """What ``end`` would end has ended."""
        with self._lock:
            if end in self._ends:
                self._ends.remove(end)
