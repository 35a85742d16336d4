"""One checkpoint from the hub into a folder: resumed, checked, and never half there.

``hf_hub_download`` (huggingface_hub 2.4.0) does not do here: it leaves its partial file behind when killed
and cannot resume it, checks the size but not the sha256, and tries for minutes where there is no network.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from parakeet_cli.errors import DiskFull, ModelCorrupt, ModelNotFound, OutputUnwritable, ParakeetError
from parakeet_cli.transcription.checkpoints import hub
from parakeet_cli.transcription.checkpoints.hub import HubFile, Offer

__all__ = ["SILENT", "Receipt", "Watcher", "fetch", "leftovers", "read_receipt", "set_aside"]

PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each new try that follows one without a new byte; after the last the download has failed."""
SPARE_BYTES = 16 * 2**20
"""Left free on the disk beyond the file itself."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was downloaded and verified; lies beside the file as ``FILE.json``. ``revision`` is a commit."""

    repository: str
    filename: str
    revision: str
    size: int
    sha256: str


class Watcher(Protocol):
    """Hears how a download goes."""

    def waits(self, path: Path) -> None:
        """Another process downloads ``path``; told once."""

    def advances(self, done: int, total: int) -> None:
        """``done`` of ``total`` bytes are on disk; ``done`` falls back where a server cannot resume."""


class _Silent:
    def waits(self, path: Path) -> None:
        pass

    def advances(self, done: int, total: int) -> None:
        pass


SILENT: Watcher = _Silent()


def fetch(wanted: HubFile, folder: Path, watcher: Watcher = SILENT, endpoint: str | None = None) -> Path:
    """Download ``wanted`` into ``folder`` and return its path; a file already there is returned as it is.

    ``endpoint`` None is huggingface_hub's own, which honours ``HF_ENDPOINT``. Of two processes that fetch one
    file, one downloads, the other waits and takes over if the first dies. Raises ``ModelNotFound`` (no
    network, no such file), ``ModelCorrupt`` (wrong content twice), ``DiskFull`` or ``OutputUnwritable``.
    """
    target = folder / Path(wanted.filename).name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _turn(target, watcher) as alone:
            return target if target.is_file() else _fetch_checked(wanted, target, alone, watcher, endpoint)
    except ParakeetError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"{folder} ran full while {wanted.name} was downloaded: free some space.") from error
        raise OutputUnwritable(f"{folder} cannot hold {wanted.name}: {error.strerror or error}.") from error


def read_receipt(path: Path) -> Receipt | None:
    """The receipt of a downloaded checkpoint; None for a file that was put there by hand."""
    try:
        return Receipt(**json.loads(_receipt_path(path).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def set_aside(path: Path) -> Path:
    """Move a damaged checkpoint out of the way, to ``FILE.bad``; an earlier one is replaced."""
    return path.replace(_bad_path(path))


def leftovers(path: Path) -> list[Path]:
    """What downloads of ``path`` have left beside it: receipt, lock, damaged and partial files."""
    beside = (_receipt_path(path), _lock_path(path), _bad_path(path), *_partial_paths(path))
    return [file for file in beside if file.exists()]


def _receipt_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _lock_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _bad_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.bad")


def _partial_paths(path: Path) -> list[Path]:
    prefix = f".{path.name}."
    return [file for file in path.parent.glob(".*.part") if file.name.startswith(prefix)]


@contextlib.contextmanager
def _turn(target: Path, watcher: Watcher) -> Iterator[bool]:
    """Wait until no other process downloads ``target``; False where the filesystem has no locks to ask."""
    with _lock_path(target).open("a") as lock:
        alone, told = False, False
        while not alone:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                alone = True
            except BlockingIOError:
                if not told:
                    watcher.waits(target)
                told = True
                time.sleep(0.2)
            except OSError:
                break
        yield alone


def _fetch_checked(wanted: HubFile, target: Path, alone: bool, watcher: Watcher, endpoint: str | None) -> Path:
    complaint = ""
    for _ in range(2):
        offer = hub.ask(wanted, target.parent, endpoint)
        owner = "" if alone else f".{os.getpid()}"
        partial = target.with_name(f".{target.name}.{(offer.sha256 or offer.commit)[:16]}{owner}.part")
        _require_space(wanted, offer, partial)
        _download(wanted, offer, partial, watcher)
        size, sha256, first_bytes = _examine(partial)
        if size == offer.size and sha256 == (offer.sha256 or sha256):
            _publish(Receipt(wanted.repository, wanted.filename, offer.commit, size, sha256), partial, target)
            return target
        bad = partial.replace(_bad_path(target))
        what = "as a web page" if first_bytes.lstrip().startswith(b"<") else "damaged"
        complaint = (
            f"{wanted.name} arrived {what} twice and lies at {bad}, expected {offer.size} bytes with "
            f"sha256 {offer.sha256 or 'unknown'}, got {size} bytes with sha256 {sha256}: "
            "check proxy and HF_ENDPOINT and try again."
        )
    raise ModelCorrupt(complaint)


def _require_space(wanted: HubFile, offer: Offer, partial: Path) -> None:
    missing = offer.size + SPARE_BYTES - (partial.stat().st_size if partial.exists() else 0)
    free = shutil.disk_usage(partial.parent).free
    if free < missing:
        raise DiskFull(
            f"{partial.parent} has {free} bytes free and {wanted.name} needs {missing}: free some space, "
            "or choose another folder with PARAKEET_CACHE_DIR."
        )


def _download(wanted: HubFile, offer: Offer, partial: Path, watcher: Watcher) -> None:
    """Bring ``partial`` to the end of what the server has; whether that is right is checked later."""
    pauses = iter(PAUSES)
    most = _size(partial)
    while True:
        try:
            _download_rest(offer, partial, watcher)
            return
        except ConnectionError as error:
            if _size(partial) > most:
                most, pauses = _size(partial), iter(PAUSES)
            pause = next(pauses, None)
            if pause is None:
                raise ModelNotFound(
                    f"{wanted.name} could not be downloaded beyond {most} of {offer.size} bytes ({error}): "
                    f"run `parakeet models download {wanted.name}` again, it goes on from there."
                ) from error
            time.sleep(pause)


def _download_rest(offer: Offer, partial: Path, watcher: Watcher) -> None:
    start = _size(partial)
    if start == offer.size:
        return
    if start > offer.size:
        partial.unlink()
        start = 0
    with hub.read(offer, start) as (done, blocks), partial.open("r+b" if done else "wb") as file:
        file.seek(done)
        count = done
        for block in blocks:
            file.write(block)
            count += len(block)
            watcher.advances(count, offer.size)
            if count > offer.size:
                break
        file.flush()
        os.fsync(file.fileno())


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _examine(path: Path) -> tuple[int, str, bytes]:
    with path.open("rb") as file:
        first_bytes = file.read(64)
        file.seek(0)
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest(), first_bytes


def _publish(receipt: Receipt, partial: Path, target: Path) -> None:
    """The receipt goes first: a file without one would count as put there by hand."""
    note = partial.with_suffix(".json.part")
    note.write_text(json.dumps(asdict(receipt), indent=2) + "\n")
    note.replace(_receipt_path(target))
    partial.replace(target)
    for stale in _partial_paths(target):
        stale.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
