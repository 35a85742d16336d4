"""The long proof behind ``docs/accuracy.md``: an hour of digits with known words."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

Report = dict[str, Any]

pytestmark = [pytest.mark.prove, pytest.mark.model]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    out: Path = tmp_path_factory.mktemp("accuracy")
    subprocess.run([sys.executable, ROOT / "benchmarks/accuracy.py", "--minutes", "60", "--out", out], check=True)
    loaded: Report = json.loads((out / "accuracy.json").read_text(encoding="utf-8"))
    return loaded


def test_word_errors_are_within_half_a_point_of_utterance_by_utterance(report: Report) -> None:
    reference, *chunked = report["whole"]
    assert len(chunked) == 3
    for row in chunked:
        assert row["score"]["error_rate"] <= reference["score"]["error_rate"] + 0.005, row["way"]


def test_words_near_a_cut_are_not_wrong_lost_or_added_more_often_than_chance(report: Report) -> None:
    for row in report["whole"][1:] + report["excerpts"][1:]:
        for name in ("near_cuts", "lost_or_added_near_cuts"):
            (near, total), (elsewhere, others) = row[name]["first"], row[name]["second"]
            more = near / total > elsewhere / others
            assert not (more and row[name]["p_value"] < 0.01), (row["way"], name)


def test_few_words_change_in_bf16(report: Report) -> None:
    changes = {change["between"]: change["words"] for change in report["changes"]}
    assert changes["fp32 → bf16"] < 0.01
