"""The folders of this user that are ours: a cache for models, a state folder for the journal, and passing ones."""

import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path, user_state_path

__all__ = ["cache_folder", "state_folder", "temporary_folder"]

_TEMPORARY = "parakeet-temporary-"
_LONGEST_USE = 3600.0
"""Seconds from the making of a temporary folder to when nobody needs it any more."""


def cache_folder() -> Path:
    """``PARAKEET_CACHE_DIR``, else the platform's; it may not exist."""
    return _folder("PARAKEET_CACHE_DIR", user_cache_path)


def state_folder() -> Path:
    """``PARAKEET_STATE_DIR``, else the platform's; it may not exist."""
    return _folder("PARAKEET_STATE_DIR", user_state_path)


def temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    """A new empty folder that is removed when its context or its owner ends.

    After a kill -9 it stays; the first call of a process removes those that earlier ones have left for an hour.
    """
    _remove_leftovers(tempfile.gettempdir())
    return tempfile.TemporaryDirectory(prefix=_TEMPORARY)


@cache
def _remove_leftovers(parent: str) -> None:
    """Removes no link and nothing of another user, and is content with what it can remove."""
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if re.fullmatch(_TEMPORARY + r"[a-z0-9_]{8}", entry.name) and _is_left(entry):
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_left(entry: "os.DirEntry[str]") -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:  # its owner was quicker
        return False
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return is_ours and time.time() - status.st_mtime > _LONGEST_USE


def _folder(variable: str, platforms: Callable[..., Path]) -> Path:
    """A container's arbitrary user may have no home, or one that it cannot enter: then one in the temporary folder."""
    if named := os.environ.get(variable):
        return Path(named).absolute()
    try:
        folder = platforms("parakeet", appauthor=False)
    except RuntimeError:  # no HOME, and no entry for the user
        return _temporary()
    return folder if "~" not in folder.parts and _usable(folder) else _temporary()


def _temporary() -> Path:
    """Ours alone: what is kept there is believed, so a folder that somebody else could have filled is not taken."""
    folder = Path(tempfile.gettempdir()) / f"parakeet-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        status = folder.lstat()
        is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
        return folder if is_ours else Path(_of_this_process().name)
    except OSError:  # there is no place for it, as the first who writes there will say
        pass
    return folder


@cache
def _of_this_process() -> "tempfile.TemporaryDirectory[str]":
    """Under another name than passing ones, as a server may need it for months."""
    return tempfile.TemporaryDirectory(prefix="parakeet-of-process-")


def _usable(folder: Path) -> bool:
    """It is there and can be read, or it can be made."""
    if os.path.exists(folder):  # noqa: PTH110 # pathlib's raises where a parent cannot be entered
        return os.access(folder, os.R_OK | os.X_OK)
    parent = next(parent for parent in folder.parents if os.path.exists(parent))  # noqa: PTH110
    return os.access(parent, os.W_OK | os.X_OK)
