"""The folder of jobs: the recordings that wait, by name, for one server at a time."""

import errno
import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

from parakeet_cli.display import display
from parakeet_cli.errors import DiskFull, OutputUnwritable, RunActive

__all__ = ["JobFolder"]

_COPY_BYTES = 1 << 20
_RECORDING = re.compile(r"[0-9a-f]{64}\.media")


class JobFolder:
    """Made for its owner alone. Another server has no say in it until this one closes it, or its process ends.

    Raises ``OutputUnwritable`` if it cannot be made or written, ``RunActive`` if another server has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutputUnwritable(
                f"The folder {display(str(path))} cannot be used ({error.strerror}); set PARAKEET_STATE_DIR."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise RunActive(
                f"Another server keeps its jobs in {display(str(path))}; set PARAKEET_STATE_DIR for this one."
            ) from error

    def recording(self, name: str) -> Path:
        """``name`` is that of a job: 64 hexadecimal digits."""
        return self.path / f"{name}.media"

    def take(self, name: str, upload: int) -> None:
        """Give an open, perhaps unnamed file a name here; copied once if it lies on another file system.

        Raises ``DiskFull``.
        """
        if not self._link(name, upload):
            self._copy(name, upload)

    def size(self, name: str) -> int | None:
        """Bytes; None if it is not there."""
        try:
            return self.recording(name).stat().st_size
        except OSError:
            return None

    def remove(self, name: str) -> None:
        with suppress(OSError):  # what stays is removed at the next start
            self.recording(name).unlink(missing_ok=True)

    def remove_others(self, names: set[str]) -> None:
        """Remove all recordings but these: those of jobs that ended as their server was killed."""
        with suppress(OSError), os.scandir(self.path) as entries:
            for entry in entries:
                if _RECORDING.fullmatch(entry.name) and entry.name.removesuffix(".media") not in names:
                    self.remove(entry.name.removesuffix(".media"))

    def close(self) -> None:
        os.close(self._lock)

    def _link(self, name: str, upload: int) -> bool:
        """Linux gives an unnamed file a name through /proc, unless it was opened with O_EXCL."""
        try:
            # A folder's descriptor, here meaningless, makes Python call linkat(2), which alone follows the link.
            os.link(f"/proc/self/fd/{upload}", self.recording(name), src_dir_fd=self._lock)
        except OSError:
            return False
        self.recording(name).chmod(0o600)
        return True

    def _copy(self, name: str, upload: int) -> None:
        try:
            with open(self.recording(name), "xb", opener=_private) as copy:  # a path's has no opener
                position = 0
                while block := os.pread(upload, _COPY_BYTES, position):
                    copy.write(block)
                    position += len(block)
        except OSError as error:
            self.remove(name)
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise DiskFull("The disk of the folder for jobs is full; free some, or try again later.") from error
            raise OutputUnwritable(
                "The recording cannot be kept in the folder for jobs; see its permissions."
            ) from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
