"""How many processors are ours, also in a container that may use a part of them."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from parakeet_cli import processors

_SECOND, _QUOTA, _PERIOD = "cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({_SECOND: "150000 100000\n"}, 2),
        ({_SECOND: "max 100000\n"}, 16),
        ({_SECOND: "3200000 100000\n"}, 16),
        ({_QUOTA: "150000\n", _PERIOD: "100000\n"}, 2),
        ({_QUOTA: "-1\n", _PERIOD: "100000\n"}, 16),
        ({_QUOTA: "150000\n"}, 16),
        ({}, 16),
    ],
)
def test_a_containers_share_of_time_counts(
    files: Mapping[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(processors, "_GROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert processors.processors() == expected


def test_without_a_share_all_that_we_may_use_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "_GROUP", tmp_path / "none")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3}, raising=False)
    assert processors.processors() == 2
