"""Where checkpoints that were converted for quick loading lie, whoever converts them."""

import re
from pathlib import Path

from parakeet_cli.user_folders import cache_folder

__all__ = ["conversion", "conversions"]

_FORM = 3
"""Of the files; another one is made anew."""


def conversion(sha256: str, number_format: str) -> Path:
    """Of the checkpoint with this sha256; it may not exist."""
    return _folder() / f"{sha256}-{number_format}-{_FORM}.safetensors"


def conversions(sha256: str | None = None) -> list[Path]:
    """Those there are, of any form: of one checkpoint, or of all."""
    name = re.compile(rf"{sha256 or '[0-9a-f]{64}'}-\w+-\d+\.safetensors")
    return sorted(path for path in _folder().glob("*.safetensors") if name.fullmatch(path.name))


def _folder() -> Path:
    return cache_folder() / "converted"
