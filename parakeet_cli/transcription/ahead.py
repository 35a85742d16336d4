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

    An exception of the producer is raised to the reader in its place.
    """

    def __init__(self, items: Iterable[Item], size: int) -> None:
        self._items = items
        self._ready: queue.SimpleQueue[tuple[str, Item | BaseException | None]] = queue.SimpleQueue()
        self._free = threading.Semaphore(size)
        self._stopped = False
        self._thread = threading.Thread(target=self._produce, daemon=True, name="ahead")

    def __iter__(self) -> Iterator[Item]:
        self._thread.start()
        try:
            while True:
                kind, item = self._ready.get()
                if self._stopped:
                    return
                if kind == "item":
                    self._free.release()
                    yield item  # type: ignore[misc] # the tag tells what the payload is
                elif kind == "error" and isinstance(item, BaseException):
                    raise item
                else:
                    return
        finally:
            self._stopped = True
            self._free.release()

    def stop(self) -> None:
        """Wake the reader and end its iteration at once; items that wait are dropped.

        For signal handlers, which may interrupt any line of the reader: it takes no lock that the reader takes.
        """
        self._stopped = True
        self._ready.put(("stop", None))

    def close(self) -> None:
        """Stop, and give the producer a moment to close its generator."""
        self.stop()
        self._free.release()
        self.join(_SECONDS_TO_CLOSE)

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
                if self._stopped:
                    break
                self._ready.put(("item", item))
            self._ready.put(("end", None))
        except BaseException as error:
            self._ready.put(("error", error))
        finally:
            if isinstance(iterator, Generator):
                iterator.close()
