"""Conversions are on the disk before they have their name, and what was not finished is removed."""

import os
import time
from pathlib import Path

import pytest
import torch

from parakeet_cli.transcription.checkpoints.conversions import conversion
from parakeet_cli.transcription.fastconformer import converted
from tests.full_size import FULL_SIZE

WEIGHTS = {"a": torch.arange(6.0).view(2, 3)}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAKEET_CACHE_DIR", str(tmp_path))


def test_a_conversion_is_on_the_disk_before_it_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """safetensors sets a file's length first: after a power cut it could be whole by its name, and zeros inside."""
    path = conversion("0" * 64, "float32")
    synced: list[tuple[str, bool]] = []
    sync = os.fsync

    def noting(handle: int) -> None:
        synced.append((Path(f"/proc/self/fd/{handle}").readlink().name, path.exists()))
        sync(handle)

    monkeypatch.setattr(os, "fsync", noting)
    converted.write(path, FULL_SIZE, WEIGHTS, ("a",))
    assert [(name.endswith(".tmp"), exists) for name, exists in synced] == [(True, False), (False, True)]
    assert synced[1][0] == "converted"
    read = converted.read(path)
    assert read is not None
    assert torch.equal(read[1]["a"], WEIGHTS["a"])


def test_what_a_killed_process_was_writing_is_removed() -> None:
    path = conversion("0" * 64, "float32")
    path.parent.mkdir()
    old, older, fresh = (path.parent / name for name in (".abc.tmp", ".tmpXYZ123", ".new.tmp"))
    for left in (old, older, fresh):
        left.write_bytes(b"half")
    for left in (old, older):
        os.utime(left, (time.time() - 4000,) * 2)
    converted.write(path, FULL_SIZE, WEIGHTS, ())
    assert sorted(each.name for each in path.parent.iterdir()) == [fresh.name, path.name]
