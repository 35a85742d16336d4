"""The folders of this user that are ours: a cache for models, a state folder for the journal."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path, user_state_path

__all__ = ["cache_folder", "state_folder"]


def cache_folder() -> Path:
    """``PARAKEET_CACHE_DIR``, else the platform's; it may not exist."""
    return _folder("PARAKEET_CACHE_DIR", user_cache_path)


def state_folder() -> Path:
    """``PARAKEET_STATE_DIR``, else the platform's; it may not exist."""
    return _folder("PARAKEET_STATE_DIR", user_state_path)


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
    return Path(tempfile.gettempdir()) / f"parakeet-{os.getuid()}"


def _usable(folder: Path) -> bool:
    """It is there and can be read, or it can be made."""
    if os.path.exists(folder):  # noqa: PTH110 # pathlib's raises where a parent cannot be entered
        return os.access(folder, os.R_OK | os.X_OK)
    parent = next(parent for parent in folder.parents if os.path.exists(parent))  # noqa: PTH110
    return os.access(parent, os.W_OK | os.X_OK)
