"""Where checkpoints that were converted for quick loading lie, whoever converts them."""

import re
import time
from contextlib import suppress
from pathlib import Path

from parakeet_cli.user_folders import cache_folder

__all__ = ["conversion", "conversions", "remove_unfinished"]

_FORM = 4
"""Of the files; another one is made anew."""
_LONGEST_WRITING = 3600.0
"""Seconds."""


def conversion(sha256: str, number_format: str) -> Path:
    """Of the checkpoint with this sha256; it may not exist."""
    return _folder() / f"{sha256}-{number_format}-{_FORM}.safetensors"


def conversions(sha256: str | None = None) -> list[Path]:
    """Those there are, of any form: of one checkpoint, or of all."""
    name = re.compile(rf"{sha256 or '[0-9a-f]{64}'}-\w+-\d+\.safetensors")
    return sorted(path for path in _folder().glob("*.safetensors") if name.fullmatch(path.name))


def remove_unfinished() -> None:
    """Delete what killed processes were writing; nobody writes for an hour."""
    for path in _folder().glob(".*tmp*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _LONGEST_WRITING:
                path.unlink()


def _folder() -> Path:
    return cache_folder() / "converted"
