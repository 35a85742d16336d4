"""Every kind of media becomes an open regular file that ffmpeg can seek in; nothing gets a name on disk."""

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from parakeet_cli.display import display
from parakeet_cli.errors import (
    ChangedMedia,
    DiskFull,
    EmptyMedia,
    OutputUnwritable,
    UnreadableMedia,
    VanishedMedia,
)
from parakeet_cli.transcription.media.download import OnDownload, fetch, public_address, write_all
from parakeet_cli.transcription.media.inputs import DescriptorMedia, FileMedia, Media, StdinMedia, UrlMedia
from parakeet_cli.transcription.media.interruption import Interruption
from parakeet_cli.user_folders import cache_folder

__all__ = ["MediaFile", "open_media", "spool_folder"]

_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class MediaFile:
    """An open regular file with something in it. ``name`` is for people and already safe to show."""

    descriptor: int
    name: str
    size: int
    modified_ns: int
    interruption: Interruption = field(default_factory=Interruption, compare=False, repr=False)
    """Ends every ffmpeg that reads the file, and our own reading."""

    @property
    def state(self) -> str:
        """Of the file behind the descriptor: equal for the same file, by whatever name, until it changes."""
        status = os.fstat(self.descriptor)
        return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"

    def check_unchanged(self) -> None:
        """Raise ``ChangedMedia`` if the size or the time of change differ from when the file was opened."""
        status = os.fstat(self.descriptor)
        if (status.st_size, status.st_mtime_ns) != (self.size, self.modified_ns):
            raise ChangedMedia(f"{self.name} changed while it was read; try again once it is complete.")


@contextmanager
def open_media(
    media: Media, on_download: OnDownload | None = None, interruption: Interruption | None = None
) -> Iterator[MediaFile]:
    """Open media for reading; URLs and stdin are first copied to an unnamed file, as MP4 needs seeking.

    ``on_download`` is told the bytes received and, if known, of how many. ``interruption`` ends a copy when its next
    bytes come, and ffmpeg at once.

    Raises:
        VanishedMedia, UnreadableMedia, EmptyMedia, DownloadFailed: about this input.
        DiskFull, OutputUnwritable: the spool folder cannot take the copy.
        Interrupted: the interruption came, here or in whatever reads the file.
    """
    interruption = interruption or Interruption()
    match media:
        case FileMedia(path=path):
            descriptor = _open_file(path)
            try:
                yield _media_file(descriptor, display(str(path)), interruption)
            finally:
                os.close(descriptor)
        case UrlMedia(url=url):
            with _spool() as spool:
                with _disk_errors():
                    fetch(url, spool, _checked(interruption, on_download))
                yield _media_file(spool.fileno(), public_address(url), interruption)
        case StdinMedia():
            with _spool() as spool:
                with _disk_errors():
                    _copy_stdin(spool, interruption)
                yield _media_file(spool.fileno(), "standard input", interruption)
        case DescriptorMedia(descriptor=descriptor, name=name):
            own = _open_anew(descriptor, display(name))
            try:
                yield _media_file(own, display(name), interruption)
            finally:
                os.close(own)


def spool_folder() -> Path:
    """Where copies lie while they are read: ``PARAKEET_SPOOL``, else a private folder in the user's cache."""
    named = os.environ.get("PARAKEET_SPOOL")
    folder = Path(named) if named else cache_folder() / "spool"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(
            f"The folder {display(str(folder))} cannot be made ({error.strerror}); set PARAKEET_SPOOL."
        ) from error
    return folder


def _open_file(path: Path) -> int:
    """Without waiting for a pipe's other end, should the file have become one since it was planned."""
    name = display(str(path))
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError as error:
        raise VanishedMedia(f"{name} is gone; it was there when the batch was planned.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadableMedia(f"{name} cannot be opened ({reason}); check its permissions.") from error


def _open_anew(descriptor: int, name: str) -> int:
    """With an offset of its own, where there is /proc: others may read the same file, or close this descriptor."""
    with suppress(OSError):
        return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.dup(descriptor)
    except OSError as error:
        raise UnreadableMedia(f"{name} is closed already ({error.strerror}); send it again.") from error


def _media_file(descriptor: int, name: str, interruption: Interruption) -> MediaFile:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableMedia(f"{name} is not a regular file; pipe it into “parakeet transcribe -”.")
    if status.st_size == 0:
        raise EmptyMedia(f"{name} is empty; nothing was recorded or copied into it.")
    return MediaFile(descriptor, name, status.st_size, status.st_mtime_ns, interruption)


@contextmanager
def _spool() -> Iterator[BinaryIO]:
    """An unnamed file: a kill -9 leaves nothing behind."""
    with _disk_errors():
        spool = tempfile.TemporaryFile(buffering=0, dir=spool_folder())  # noqa: SIM115 # closed below
    with spool:
        yield spool


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"the folder for temporary copies ({display(str(spool_folder()))})"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull(f"The disk of {where} is full; free some or set PARAKEET_SPOOL to another.") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise OutputUnwritable(f"Nothing can be written to {where}; set PARAKEET_SPOOL to another.") from error
        raise


def _checked(interruption: Interruption, on_download: OnDownload | None) -> OnDownload:
    def told(received: int, total: int | None) -> None:
        interruption.check()
        if on_download:
            on_download(received, total)

    return told


def _copy_stdin(spool: BinaryIO, interruption: Interruption) -> None:
    if sys.stdin is None or sys.stdin.closed:
        raise UnreadableMedia("Standard input is closed; pipe media into it, or name a file.")
    descriptor = sys.stdin.fileno()
    if os.isatty(descriptor):
        raise UnreadableMedia("Standard input is a terminal; pipe media into it, or name a file.")
    while block := os.read(descriptor, _COPY_BYTES):
        interruption.check()
        write_all(spool, block)
