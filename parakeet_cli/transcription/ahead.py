"""Run a generator in a thread of its own, a bounded number of items ahead of who reads it."""

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import Generic, TypeVar

__all__ = ["Ahead"]

Item = TypeVar("Item")

_SECONDS_TO_CLOSE = 1.0


class Ahead(Generic[Item]):
    """Iterate over ``items`` as produced by a daemon thread that is at most ``size`` items ahead.

    An exception of the producer is raised to the reader in its place. ``stop`` ends the iteration at once, from
    any thread and also from a signal handler; the producer notices at its next item and closes its generator.
    """

    def __init__(self, items: Iterable[Item], size: int) -> None:
        self._items = items
        self._ready: queue.SimpleQueue[tuple[str, Item | BaseException | None]] = queue.SimpleQueue()
        self._free = threading.Semaphore(size)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._produce, daemon=True, name="ahead")

    def __iter__(self) -> Iterator[Item]:
        self._thread.start()
        try:
            while True:
                kind, item = self._ready.get()
                if kind == "item":
                    self._free.release()
                    yield item  # type: ignore[misc] # the tag tells what the payload is
                elif kind == "error" and isinstance(item, BaseException):
                    raise item
                else:
                    return
        finally:
            self.stop()

    def close(self) -> None:
        """Stop, and give the producer a moment to clean up."""
        self.stop()
        self.join(_SECONDS_TO_CLOSE)

    def stop(self) -> None:
        """End the iteration; safe to call again."""
        self._stopped.set()
        self._free.release()
        self._ready.put(("stop", None))

    def join(self, seconds: float) -> bool:
        """Wait until the producer has closed its generator; false if it has not within ``seconds``."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _produce(self) -> None:
        iterator = iter(self._items)
        try:
            for item in iterator:
                self._free.acquire()
                if self._stopped.is_set():
                    break
                self._ready.put(("item", item))
            self._ready.put(("end", None))
        except BaseException as error:
            self._ready.put(("error", error))
        finally:
            if isinstance(iterator, Generator):
                iterator.close()
