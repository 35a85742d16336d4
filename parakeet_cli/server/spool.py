"""Where uploads lie: unnamed files in a folder of this process, counted against a quota, gone when it ends."""

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from parakeet_cli.errors import DiskFull
from parakeet_cli.settings import UploadSettings
from parakeet_cli.transcription.media.media_file import spool_folder

__all__ = ["DISK_FULL", "FORM_OVERHEAD", "NO_ROOM", "Reservation", "Spool", "boot_folder", "sha256", "unnamed_file"]

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of the system about a file that cannot grow."""

FORM_OVERHEAD = 1 << 20
"""Bytes of a body besides the upload itself."""

NO_ROOM = "The server's disk has no room for this upload; try again later, or send a smaller file."

_BOOT = "boot-"
_LOCK = "lock"
_BLOCK_BYTES = 1 << 20
_STEP = 8 << 20
"""Bytes by which a reservation grows at least."""


class Spool:
    """Counts what uploads under way may take of the disk. Any thread may use it."""

    def __init__(self, settings: UploadSettings) -> None:
        self._settings = settings
        self._quota = max(settings.spool_bytes, 2 * (settings.max_bytes + FORM_OVERHEAD) + _STEP)
        self._folder = spool_folder()
        self._lock = threading.Lock()
        self._reserved = 0
        self._written = 0
        """Of the reserved bytes, so many lie on the disk already."""

    @property
    def reserved(self) -> int:
        """Bytes."""
        return self._reserved

    def has_disk(self, more: int = 0) -> bool:
        """Whether the disk has room for ``more`` bytes besides what must stay free."""
        return shutil.disk_usage(self._folder).free >= self._settings.free_bytes + more

    def take(self, size: int) -> None:
        """Raises ``DiskFull`` if the quota or the disk has no room for that many bytes more."""
        with self._lock:
            if self._reserved + size > self._quota:
                raise DiskFull("Too many large uploads are under way; try again when some are done.")
            if not self.has_disk(self._reserved - self._written + size):
                raise DiskFull(
                    "The server's disk has no room for this upload; try again later, or send a smaller file."
                )
            self._reserved += size

    def wrote(self, size: int) -> None:
        with self._lock:
            self._written += size

    def give_back(self, size: int, written: int) -> None:
        with self._lock:
            self._reserved -= size
            self._written -= written


class Reservation:
    """One upload's share of the spool; grows as the upload does."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._size = 0
        self._written = 0

    def grow(self, size: int) -> None:
        """Make it at least ``size`` bytes; raises ``DiskFull``, and then is as it was."""
        if size > self._size:
            more = max(size - self._size, _STEP if self._size else 0)
            self._spool.take(more)
            self._size += more

    def has_written(self, size: int) -> None:
        """So much of it lies on the disk now. What is not told counts as still to come."""
        self._spool.wrote(size - self._written)
        self._written = size

    def release(self) -> None:
        """Give all of it back; once more does nothing."""
        size, self._size = self._size, 0
        written, self._written = self._written, 0
        self._spool.give_back(size, written)


@contextmanager
def boot_folder() -> Iterator[Path]:
    """A folder in the spool that is the ``TMPDIR`` of this process and its children meanwhile.

    Those of processes that are gone are removed first. What we make in it is unlinked at once, so after a kill -9 it
    holds at most what an engine was unpacking.
    """
    spool = spool_folder()
    with ExitStack() as locks:
        with _locked(
            spool / "boot.lock", wait=True
        ):  # so that nobody takes a folder that is not locked yet for a dead one
            _remove_leftovers(spool)
            folder = Path(tempfile.mkdtemp(prefix=f"{_BOOT}{os.getpid()}-", dir=spool))
            locks.enter_context(_locked(folder / _LOCK))
        locks.callback(shutil.rmtree, folder, ignore_errors=True)
        locks.enter_context(_temporary_files_in(folder))
        yield folder


def unnamed_file() -> BinaryIO:
    """For reading and writing; unbuffered, as uploads come in blocks.

    Where the system knows O_TMPFILE the file can be given a name later, which saves jobs a copy.
    """
    if hasattr(os, "O_TMPFILE"):
        with suppress(OSError):  # a file system without it
            return os.fdopen(os.open(spool_folder(), os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), "r+b", 0)
    return cast(BinaryIO, tempfile.TemporaryFile(buffering=0, dir=spool_folder()))


def sha256(file: BinaryIO) -> bytes:
    """Of all of it, wherever it stands; ffmpeg, which shares its position, may read it meanwhile."""
    digest, place = hashlib.sha256(), 0
    while block := os.pread(file.fileno(), _BLOCK_BYTES, place):
        digest.update(block)
        place += len(block)
    return digest.digest()


def _remove_leftovers(spool: Path) -> None:
    """A lock tells who lives: numbers of processes mean nothing where containers share a spool."""
    for lock in spool.glob(f"{_BOOT}*/{_LOCK}"):
        with suppress(OSError), _locked(lock):
            shutil.rmtree(lock.parent, ignore_errors=True)


@contextmanager
def _locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Raises ``BlockingIOError`` if another process has it, unless we ``wait``."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    module, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = module
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
