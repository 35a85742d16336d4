"""Writing outputs so that each is either absent or complete, whatever happens meanwhile."""

import errno
import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path

from parakeet_cli.errors import DiskFull, OutputUnwritable

__all__ = ["check_writable", "remove_orphans", "translated", "write_atomically"]

_PREFIX, _PROBE_PREFIX, _SUFFIX = ".parakeet-", ".parakeet.probe-", ".tmp"
_TRIES = 30
_WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` with ``content``, durable before it is visible.

    The temporary file stands in the same folder, under a short name of its own (a 255-byte name has no room for a
    suffix), and is locked while it is written so that ``remove_orphans`` can tell it from one left behind.
    Raises ``DiskFull`` or ``OutputUnwritable``; then ``path`` is as it was.
    """
    for left in reversed(range(_TRIES)):
        try:
            _write(path, content)
        except (FileNotFoundError, BlockingIOError) as error:
            # Another run took our file for an orphan in the moment before it was locked.
            if not left or not path.parent.is_dir():
                raise translated(error, path) from error
        except OSError as error:
            raise translated(error, path) from error
        else:
            return


def _write(path: Path, data: bytes) -> None:
    temporary = path.parent / f"{_PREFIX}{secrets.token_hex(4)}{_SUFFIX}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _lock(file.fileno())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise


def check_writable(folder: Path) -> None:
    """Make ``folder`` and try to create a file in it; raises ``OutputUnwritable`` before any work is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f"{_PROBE_PREFIX}{secrets.token_hex(4)}{_SUFFIX}"
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        probe.unlink()
    except OSError as error:
        raise translated(error, folder) from error


def remove_orphans(folder: Path) -> int:
    """Delete temporary files that a killed run left in ``folder``; returns how many."""
    removed = 0
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # without locks nothing is called an orphan
                path.unlink()
                removed += 1
            finally:
                os.close(descriptor)
    return removed


def translated(error: OSError, path: Path) -> OutputUnwritable:
    """The error of ours for one of the system's, with the path and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(f"No space is left for {path}; free some and run the same command again to go on.")
    reason = error.strerror or str(error)
    return OutputUnwritable(f"{path} cannot be written ({reason}); choose another folder.")


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some network file systems refuse to sync a folder, and some folders may not be read
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
