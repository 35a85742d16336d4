"""What is measured of a server's answers, tried with the demo checkpoint."""

import re
import sys
from pathlib import Path

import pytest

from benchmarks import warm_server
from benchmarks.warm_server import Call, table
from tests.fakes import beeps, write_wav


def test_the_table_has_each_call_and_medians_of_each_column() -> None:
    assert table([Call(1, 2, 3, 4), Call(1, 5, 6, 7), Call(1, 3, 9, 9)]).splitlines()[2:] == [
        "| 1 | 1.00 s | 2.00 s | 3.00 s | 4.00 s |",
        "| 2 | 1.00 s | 5.00 s | 6.00 s | 7.00 s |",
        "| 3 | 1.00 s | 3.00 s | 9.00 s | 9.00 s |",
        "| median | 1.00 s | 3.00 s | 6.00 s | 7.00 s |",
    ]


@pytest.mark.model
def test_the_script_measures_what_comes_from_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_wav(tmp_path / "clip.wav", beeps(["one", "two", "three"]))
    monkeypatch.setattr(sys, "argv", ["warm_server", str(clip), "--calls", "2", "--pause", "0", "--rest", "0"])
    warm_server.main()
    rows = [re.findall(r"[\d.]+(?= s)", line) for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(rows) == 3
    for row in rows:
        assert row == sorted(row, key=float)
        assert 0 < float(row[0]) < float(row[3])
