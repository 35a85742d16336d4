"""What people and programs read of what was measured."""

import json
from dataclasses import replace

import pytest

from parakeet_cli.cli.bench_table import picture, table_text
from parakeet_cli.settings import ActivitySettings, BatchSettings, TranscriptionSettings
from parakeet_cli.timing.clock import Stage, Timing
from parakeet_cli.timing.machine import Machine
from parakeet_cli.timing.report import Audio, Memory, Model, Report, to_json
from parakeet_cli.transcription.pytorch.measuring import Torch


def report() -> Report:
    """Every run of the n-th stage took n seconds, but for a slow one; the first took ten times as long."""
    return Report(
        machine=Machine("Some CPU", 16, "Linux", "3.12.1", "570.86"),
        torch=Torch("2.13.0", 16, ("avx2",), "12.8", "Some Card"),
        load_averages=(0.0, 3.0),
        model=Model("v3", "nemo", "cuda:0", "fp16"),
        settings=TranscriptionSettings(
            batch=BatchSettings(16), activity=ActivitySettings(skip_silence_seconds=float("inf"))
        ),
        audio=Audio("talk [1].mp4", 60.0, is_sample=False, is_partial=False),
        timings={stage: Timing(n * 10.0, (n, n + 5.0, n - 0.5)) for n, stage in enumerate(Stage, 1)},
        tokens=400,
        memory=Memory(3 << 30, 2 << 30),
    )


def test_the_table_has_medians_spread_pace_and_the_machine() -> None:
    shown = table_text(report())
    lines = {line.strip()[:16].strip(): line.split() for line in shown.splitlines()}
    assert lines["encoder"][1:7] == ["7.000", "6.500", "–", "12.000", "70.000", "8.6"]
    assert lines["file to SRT"][3:9] == ["10.000", "9.500", "–", "15.000", "100.0", "6.0"]
    assert lines["load of the mode"][4:9] == ["3.000", "2.500", "–", "8.000", "30.000"]
    for said in (
        "Some CPU, 16 cores, avx2",
        "Some Card, driver 570.86, CUDA 12.8",
        "v3 by nemo in fp16 on cuda:0",
        "60.0 s of talk [1].mp4",
        "400 tokens, 50 a second, 20.00 ms each",
        "Memory at most: 3.00 GiB, of the card 2.00 GiB.",
    ):
        assert said in shown
    assert "Warning" not in shown


def test_no_limit_is_null_in_the_json() -> None:
    found = json.loads(to_json(report()))
    assert found["settings"]["skip_silence_seconds"] is None
    assert found["seconds_per_token"] == 0.02
    assert found["stages"]["load"] == {"first": 30.0, "median": 3.0, "runs": [3.0, 8.0, 2.5], "rtfx": None}


@pytest.mark.parametrize(
    ("doubtful", "said"),
    [
        (replace(report(), load_averages=(5000.0, 0.0)), "The load average was 5000.0 before"),
        (replace(report(), tokens=0), "No words were heard"),
        (replace(report(), audio=replace(report().audio, is_partial=True)), "decoded only in part"),
    ],
)
def test_what_makes_the_figures_doubtful_is_said_everywhere(doubtful: Report, said: str) -> None:
    assert said in table_text(doubtful)
    assert said in json.loads(to_json(doubtful))["warnings"][0]
    assert "Warning:" in picture(doubtful)
    assert "Warning:" not in picture(report())
