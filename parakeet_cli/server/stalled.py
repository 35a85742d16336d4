"""Files on which ffmpeg made no progress: whoever sends one again within ten minutes is refused at once.

Official clients send a request again after a 504; each time would keep a place in the engine until ffmpeg is given up.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import BinaryIO

from parakeet_cli.server.spool import sha256

__all__ = ["StalledFiles"]

_SECONDS = 600.0
_MOST = 256

_Key = tuple[int, bytes]
"""Bytes, and their SHA-256."""


class StalledFiles:
    """Remembers the latest 256, by their bytes. Any thread may use it; ``clock`` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[_Key, float] = {}

    def add(self, file: BinaryIO) -> None:
        """Read all of it, wherever it stands, and remember it."""
        key = _size(file), sha256(file)
        with self._lock:
            self._until.pop(key, None)
            self._until[key] = self._clock() + _SECONDS
            if len(self._until) > _MOST:
                del self._until[next(iter(self._until))]

    def __contains__(self, file: BinaryIO) -> bool:
        """Reads the file only if one of the same size is remembered."""
        size = _size(file)
        with self._lock:
            now = self._clock()
            self._until = {key: until for key, until in self._until.items() if until > now}
            if not any(key[0] == size for key in self._until):
                return False
        key = size, sha256(file)
        with self._lock:
            return key in self._until


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
