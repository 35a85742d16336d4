"""How many processors are ours, also in a container that may use a part of them."""

import os
from pathlib import Path

import pytest

from parakeet_cli import processors


@pytest.mark.parametrize(("quota", "expected"), [("150000 100000", 2), ("max 100000", 16), ("3200000 100000", 16)])
def test_a_containers_share_of_time_counts(
    quota: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    monkeypatch.setattr(processors, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert processors.processors() == expected


def test_without_a_quota_all_that_we_may_use_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "_QUOTA", tmp_path / "none")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3}, raising=False)
    assert processors.processors() == 2
