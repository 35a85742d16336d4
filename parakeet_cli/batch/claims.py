"""Who is writing which output now: a lock of one byte a path, in one file, that ends with its process."""

import fcntl
import hashlib
import logging
import os
import struct
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["Claims"]

_LOG = logging.getLogger(__name__)

_FLOCK = "hhqqi"
"""``struct flock`` of 64-bit Linux: type, whence, start, length, pid."""


class Claims:
    """POSIX record locks: given back by the kernel however the process ends, with no litter.

    The position of an output's byte is taken from the hash of its path. The locks belong to the process, so only
    one object of this class may live in it.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            _LOG.warning("%s cannot be used (%s): other runs will not see what this one writes.", path, error.strerror)
            with tempfile.TemporaryFile() as file:
                self._descriptor = os.dup(file.fileno())

    def take(self, output: Path) -> bool:
        """Claim ``output``; false if another process has it."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _byte(output))
        except (BlockingIOError, PermissionError):
            return False
        except OSError as error:
            _LOG.warning(
                "Outputs cannot be claimed here (%s): other runs will not see what this one writes.", error.strerror
            )
        return True

    def release(self, output: Path) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _byte(output))

    def holder(self, output: Path) -> int | None:
        """The process that has ``output``, where the system tells."""
        request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _byte(output), 1, 0)
        with suppress(OSError, struct.error):
            answer = struct.unpack(_FLOCK, fcntl.fcntl(self._descriptor, fcntl.F_GETLK, request))
            return int(answer[4]) or None
        return None

    def close(self) -> None:
        os.close(self._descriptor)


def _byte(output: Path) -> int:
    return int.from_bytes(hashlib.sha256(os.fsencode(output)).digest()[:7])
