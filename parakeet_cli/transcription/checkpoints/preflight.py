"""What a ``.nemo`` file is and asks for, found out before NeMo sees it.

NeMo builds a model out of classes that ``model_config.yaml`` names (CVE-2025-23304), takes the last of two
members with one name, and falls back to gzip in silence. So any file is listed, checked and unpacked here, by
rules of our own; NeMo gets a folder of plain files and a configuration with only what loading needs.
"""

import errno
import gzip
import hashlib
import os
import shutil
import stat
import tarfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any

from parakeet_cli.errors import (
    DiskFull,
    ModelCorrupt,
    ModelNotFound,
    ModelUnsupported,
    ModelUntrusted,
    OutputUnwritable,
)
from parakeet_cli.transcription.checkpoints import nemo_config

__all__ = ["CONFIG", "WEIGHTS", "Member", "NemoArchive", "extract", "inspect"]

CONFIG = "model_config.yaml"
WEIGHTS = "model_weights.ckpt"
MOST_MEMBERS = 64
MOST_BYTES = 8 * 2**30
MOST_CONFIG_BYTES = 2**20
MOST_GROWTH = 1.05
"""Bytes of content to bytes of file."""
MOST_LEGACY_GROWTH = 4.0
"""The same for gzip: weights never shrink to a quarter, a bomb shrinks to a thousandth."""
BLOCK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file in the archive; ``name`` has no leading ``./``, ``size`` is in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class NemoArchive:
    """A checkpoint that passed. ``config`` is what NeMo may see of its configuration, as plain values."""

    path: Path
    members: tuple[Member, ...]
    config: dict[str, Any]
    legacy: bool
    """Packed with gzip."""
    identity: tuple[int, int, int]
    """Size, mtime in ns and inode: what was inspected is what is extracted."""

    @property
    def size(self) -> int:
        """Bytes of its content: what unpacking all of it takes."""
        return sum(member.size for member in self.members)


def inspect(path: Path, *, trust: bool = False, allow_legacy: bool = False) -> NemoArchive:
    """Check a ``.nemo`` file without unpacking it; reads its headers and its configuration only.

    ``trust`` admits classes outside the allow-list, ``allow_legacy`` an archive packed with gzip. Raises
    ``ModelNotFound``, ``ModelCorrupt`` (no sound checkpoint), ``ModelUnsupported`` (weights in another form)
    or ``ModelUntrusted`` (a class or a switch that may run foreign code).
    """
    with _opened(path) as file:
        legacy = _recognize(path, file, allow_legacy)
        with _archive(path, file, legacy) as archive:
            found = dict(_members(path, file, archive, legacy))
            _require_parts(path, found)
            text = b"".join(_blocks(archive, found[CONFIG]))
        config = nemo_config.parse(path, text)
        cleaned = nemo_config.cleaned(config)
        complaint = nemo_config.foreign_code(cleaned) or nemo_config.foreign_data(config)
        if complaint and not trust:
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            raise ModelUntrusted(
                f"{path} {complaint}, which may run foreign code: if you trust whoever made the file with "
                f"sha256 {sha256}, use --trust-model."
            )
        nemo_config.require_artifacts(path, cleaned, found)
        members = tuple(Member(name, info.size) for name, info in found.items())
        return NemoArchive(path, members, cleaned, legacy, _identity(file))


def extract(archive: NemoArchive, folder: Path, only: Collection[str] | None = None) -> None:
    """Unpack into ``folder``, made if absent; ``only`` names the members wanted, None is all of them.

    ``model_config.yaml`` holds ``archive.config``. Nothing that exists is overwritten. Raises ``DiskFull`` or
    ``OutputUnwritable`` naming the folder, ``ModelCorrupt`` where the file changed since it was inspected.
    """
    wanted = {member.name for member in archive.members if only is None or member.name in only}
    _prepare(archive, folder, sum(member.size for member in archive.members if member.name in wanted))
    with reopened(archive) as file, _archive(archive.path, file, archive.legacy) as source:
        for name, info in _members(archive.path, file, source, archive.legacy):
            if name == CONFIG and name in wanted:
                _write(folder / name, [nemo_config.dump(archive.config)])
            elif name in wanted:
                _write(folder / name, _blocks(source, info))


@contextmanager
def reopened(archive: NemoArchive) -> Iterator[BufferedReader]:
    """The file that was inspected. Raises ``ModelCorrupt`` where it has changed since."""
    with _opened(archive.path) as file:
        if _identity(file) != archive.identity:
            raise ModelCorrupt(f"{archive.path} changed while it was read: start again.")
        yield file


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    try:
        # Without O_NONBLOCK the opening of a FIFO waits for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise ModelNotFound(f"There is no model file {path}.") from error
    except OSError as error:
        raise ModelCorrupt(f"{path} cannot be read: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ModelCorrupt(f"{path} is not a regular file: give a .nemo file.")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _identity(file: BufferedReader) -> tuple[int, int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns, status.st_ino


def _recognize(path: Path, file: BufferedReader, allow_legacy: bool) -> bool:
    """Whether the file is packed with gzip; raises ``ModelCorrupt`` for what is clearly something else."""
    start = file.read(512)
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        if not allow_legacy:
            raise ModelCorrupt(f"{path} is packed with gzip, as only old NeMo did: use --allow-legacy.")
        return True
    if not start:
        raise ModelCorrupt(f"{path} is empty: download it again.")
    if start.lstrip().startswith(b"<"):
        raise ModelCorrupt(f"{path} ({size} bytes) is a web page, not a model: download it again.")
    if start.startswith(b"version https://git-lfs"):
        raise ModelCorrupt(f"{path} is a Git LFS pointer, not the model itself: fetch it with git lfs pull.")
    return False


class _Bounded:
    """A file of which tarfile may read a little at a time: it would read an extended header whole."""

    def __init__(self, file: BufferedReader | gzip.GzipFile) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= BLOCK_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)


@contextmanager
def _archive(path: Path, file: BufferedReader, legacy: bool) -> Iterator[tarfile.TarFile]:
    try:
        plain = gzip.GzipFile(fileobj=file) if legacy else file
        with tarfile.open(fileobj=_Bounded(plain), mode="r:") as archive:  # type: ignore[call-overload] # enough of a file
            yield archive
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        size = os.fstat(file.fileno()).st_size
        raise ModelCorrupt(f"{path} ({size} bytes) is no whole .nemo archive ({error}): download it again.") from error


def _members(
    path: Path, file: BufferedReader, archive: tarfile.TarFile, legacy: bool
) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """The regular files, in order, by their plain names; raises ``ModelCorrupt`` at the first thing amiss."""
    file_size = os.fstat(file.fileno()).st_size
    most = min(MOST_BYTES, (MOST_LEGACY_GROWTH if legacy else MOST_GROWTH) * file_size)
    names: set[str] = set()
    count = size = 0
    while (info := archive.next()) is not None:
        count += 1
        size += info.size
        name = _plain_name(info.name)
        if count > MOST_MEMBERS:
            raise _refused(path, f"more than {MOST_MEMBERS} members")
        if not legacy and (end := info.offset_data + info.size) > file_size:
            raise ModelCorrupt(f"{path} has {file_size} of at least {end} bytes: download it again.")
        if size > most:
            raise _refused(path, f"{size} bytes or more where {most:.0f} are the most")
        if name is None:
            raise _refused(path, f"a member with the unsafe name {info.name!r}")
        if info.isdir():
            continue
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.issparse() or name == ".":
            raise _refused(path, f"{name!r}, which is not a regular file")
        if name.casefold() in names:
            raise _refused(path, f"two members called {name!r}")
        names.add(name.casefold())
        yield name, info
    _require_end(path, archive)


def _refused(path: Path, what: str) -> ModelCorrupt:
    return ModelCorrupt(f"{path} holds {what}, as no checkpoint of NeMo does: do not use it.")


def _plain_name(name: str) -> str | None:
    """The name without ``./``; None where it could leave the folder or mean another file elsewhere."""
    pure = PurePosixPath(name)
    unsafe = pure.is_absolute() or ".." in pure.parts or "\\" in name or not name.isprintable()
    return None if unsafe else str(pure)


def _require_end(path: Path, archive: tarfile.TarFile) -> None:
    """tarfile takes a damaged header for the end of the archive."""
    archive.fileobj.seek(archive.offset)
    if any(archive.fileobj.read(tarfile.BLOCKSIZE)):
        raise ModelCorrupt(f"{path} is damaged at byte {archive.offset}: download it again.")


def _require_parts(path: Path, found: dict[str, tarfile.TarInfo]) -> None:
    if CONFIG not in found:
        raise ModelCorrupt(f"{path} holds no {CONFIG}, so it is no NeMo checkpoint, or not all of it.")
    if found[CONFIG].size > MOST_CONFIG_BYTES:
        raise _refused(path, f"a {CONFIG} of {found[CONFIG].size} bytes")
    if WEIGHTS not in found:
        if any(PurePosixPath(name).parts[0] == "model_weights" for name in found):
            raise ModelUnsupported(f"{path} holds distributed weights: export it as one {WEIGHTS} with NeMo.")
        raise ModelCorrupt(f"{path} holds no {WEIGHTS}, so it is no NeMo checkpoint, or not all of it.")


def _blocks(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    source = archive.extractfile(info)
    assert source is not None  # a regular file
    with source:
        while block := source.read(BLOCK_BYTES):
            yield block


def _prepare(archive: NemoArchive, folder: Path, needed: int) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise OutputUnwritable(f"{folder} cannot be used to unpack a model: {error.strerror}.") from error
    if free < needed:
        raise DiskFull(
            f"{folder} has {free} bytes free and unpacking {archive.path.name} needs {needed}: "
            "free some space, or choose another folder with TMPDIR."
        )


def _write(path: Path, blocks: Iterable[bytes]) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("xb") as file:
            for block in blocks:
                file.write(block)
    except OSError as error:
        kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else OutputUnwritable
        raise kind(f"{path.parent} cannot hold the unpacked model: {error.strerror}.") from error
