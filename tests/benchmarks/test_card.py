"""What is measured on a card, tried on a CPU with the demo checkpoint."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import card
from benchmarks.card import Figures, table


def test_the_table_holds_ours_against_the_model_and_the_original() -> None:
    lines = table(
        [
            Figures("ours", folder=900.0, longest=500.0, model=1000.0, heard=1133.4),
            Figures("no time left", folder=10.0),
            Figures("original", longest=100.0),
        ]
    ).splitlines()
    assert lines[2:] == [
        "| ours | 1000 (1133) | 900 | 0.90 | 9.00 | 500 | 5.00 |",
        "| no time left | not measured | 10 |  | 0.10 | not measured |  |",
        "| original | not measured | not measured |  |  | 100 | 1.00 |",
    ]


@pytest.mark.model
def test_the_script_measures_here_what_it_is_to_measure_on_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", "demo", "--device", "cpu", "--files", "3", "--longest", "20", "--only", "torch"]
    monkeypatch.setattr(sys, "argv", ["card", str(tmp_path), *options])
    card.main()
    ((figures,), said) = json.loads((tmp_path / "card.json").read_text()), capsys.readouterr().out
    assert all(figures[name] > 1 for name in ("folder", "longest", "model", "heard"))
    assert figures["heard"] >= figures["model"]
    assert "| torch |" in said
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == ["000.m4a", "001.mp3", "002.flac"]
    assert {path.stem for path in (tmp_path / "out").rglob("*.srt")} == {"000", "001", "002"}
