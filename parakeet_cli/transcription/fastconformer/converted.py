"""Large checkpoints converted once: weights as this package uses them, in the number format that runs, in one file.

They lie in the cache under the sha256 of the checkpoint, are written under another name and renamed, and are mapped
into memory, not read: what several processes load, the machine holds once, but for engines that have settled.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from parakeet_cli.transcription.checkpoints import identity
from parakeet_cli.transcription.checkpoints.conversions import conversion, remove_unfinished
from parakeet_cli.transcription.fastconformer.architecture import Architecture

__all__ = ["place", "read", "write"]

_ABOUT = "parakeet"
"""The key of the metadata."""


def place(checkpoint: Path, dtype: torch.dtype, *, is_int8: bool) -> Path:
    """Where the conversion of a checkpoint lies, or would; ``dtype`` is that of what is not in int8."""
    return conversion(identity(checkpoint), "int8_" * is_int8 + str(dtype).removeprefix("torch."))


def read(path: Path) -> tuple[Architecture, dict[str, Tensor], tuple[str, ...]] | None:
    """What was written, or None if there is nothing or nothing that can be read."""
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()[_ABOUT])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 # it is no mapping
        known = about["architecture"]
        return Architecture(**known | {"durations": tuple(known["durations"])}), weights, tuple(about["pieces"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None


def write(path: Path, architecture: Architecture, weights: Mapping[str, Tensor], pieces: tuple[str, ...]) -> None:
    """Write a conversion whole or not at all; a disk without room for it keeps nobody from working."""
    about = json.dumps({"architecture": asdict(architecture), "pieces": pieces})
    with contextlib.suppress(OSError, SafetensorError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_unfinished()
        handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
        os.close(handle)
        try:
            save_file({key: value.contiguous() for key, value in weights.items()}, name, {_ABOUT: about})
            _sync(Path(name))  # else a power cut may leave the name, the length, and zeros for weights
            Path(name).replace(path)
            _sync(path.parent)
        finally:
            Path(name).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
