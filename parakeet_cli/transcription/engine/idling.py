"""What an engine does while nothing comes: its recognizer settles."""

import logging
import queue
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar

__all__ = ["Idling"]

_LOG = logging.getLogger(__name__)

_IDLE_SECONDS = 1.0
"""Without anything new, after which a recognizer that has nothing to do settles."""

Item = TypeVar("Item")


class Idling(Generic[Item]):
    """Takes from a queue, and goes through ``steps`` in the meantime, unless something ``is_under_way``.

    A step yields whether it could be done.
    """

    def __init__(self, items: "queue.SimpleQueue[Item]", is_under_way: Callable[[], bool]) -> None:
        self.steps: Iterator[bool] = iter(())
        self.is_amid = False
        """Some steps are done, and not all."""
        self._items = items
        self._is_under_way = is_under_way
        self._is_over = False

    def get(self) -> Item:
        """Wait for the next item."""
        pause = _IDLE_SECONDS
        while not self._is_over:
            with suppress(queue.Empty):
                return self._items.get(timeout=pause)
            pause = 0.0 if not self._is_under_way() and self._step() else _IDLE_SECONDS
        return self._items.get()

    def _step(self) -> bool:
        try:
            is_done = next(self.steps)
        except StopIteration:
            is_done, self._is_over = False, True
        except Exception as error:  # it would only have been quicker
            _LOG.warning("The weights stay where they are: %s", error)
            is_done, self._is_over = False, True
        self.is_amid = (self.is_amid or is_done) and not self._is_over
        return is_done
