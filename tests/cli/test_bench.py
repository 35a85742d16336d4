"""``parakeet bench`` as a user starts it, with the demo checkpoint."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conftest import Command
from tests.engines import children, is_alive
from tests.fakes import beeps, write_wav

OF_SOUND = ["decode", "activity", "features", "encoder", "decoder", "writing", "total"]
QUICKLY = ("-m", "demo", "--device", "cpu", "--seconds", "5", "--runs", "1")


def line(*arguments: str | Path) -> Sequence[str | Path]:
    return [sys.executable, "-m", "parakeet_cli", "bench", *arguments]


def bench(parakeet: Command, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        line(*arguments), cwd=parakeet.folder, env=parakeet.environment, capture_output=True, text=True, check=False
    )


@pytest.mark.model
def test_every_stage_is_timed_told_as_json_and_drawn(parakeet: Command) -> None:
    done = bench(parakeet, *QUICKLY, "--json", "--picture", "bench.svg")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["schema"], found["kind"]) == (1, "parakeet bench")
    stages = found["stages"]
    assert list(stages) == ["start", "import", "load", *OF_SOUND]
    for name, stage in stages.items():
        assert len(stage["runs"]) == 1
        assert stage["median"] == median(stage["runs"])
        assert min(stage["first"], stage["median"]) > 0, name
        assert (stage["rtfx"] is not None) == (name in OF_SOUND)
    assert found["audio"] == {
        "name": "“one, two, three”",
        "seconds": pytest.approx(5, abs=0.1),
        "is_sample": True,
        "is_partial": False,
    }
    total = stages["total"]
    assert total["rtfx"] == pytest.approx(found["audio"]["seconds"] / total["median"], rel=0.01)
    assert total["median"] > 0.1 * sum(stages[name]["median"] for name in OF_SOUND[:-1])
    assert (found["model"]["name"], found["model"]["engine"], found["model"]["device"]) == ("demo", "torch", "cpu")
    assert found["tokens"] > 5
    decoder = stages["decoder"]["median"]
    assert found["tokens_per_second"] == pytest.approx(found["tokens"] / decoder, rel=0.01)
    assert found["machine"]["cpu"]
    assert found["machine"]["cores"] >= 1
    assert found["memory_bytes"]["process"] > 50 << 20
    picture = (parakeet.folder / "bench.svg").read_text()
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert "font-face" not in picture


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["bad.wav"], 3, "bad.wav"),
        (["nowhere.wav"], 3, "nowhere.wav does not exist; check the name."),
        (["folder"], 2, "folder is not one file"),
        (["https://example.org/talk.mp3"], 2, "is not one file"),
        (["--picture", "bench.png"], 2, "the picture is an SVG"),
        (["--picture", "good.wav/bench.svg"], 7, "cannot be written"),
        (["good.wav", "--seconds", "601"], 2, "less than or equal to 600"),
    ],
)
def test_what_cannot_be_measured_is_told_before_a_model_is_loaded(
    parakeet: Command, arguments: list[str], code: int, said: str
) -> None:
    (parakeet.folder / "bad.wav").write_text("this is no sound")
    (parakeet.folder / "folder").mkdir()
    write_wav(parakeet.folder / "good.wav", beeps(["one"]))
    done = bench(parakeet, "-m", "demo", *arguments)
    assert done.returncode == code, done.stderr
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Measuring" not in done.stderr
    assert done.stdout == ""


def test_ctrl_c_ends_it_at_once_with_130_and_leaves_no_process(parakeet: Command) -> None:
    with subprocess.Popen(
        line(*QUICKLY), cwd=parakeet.folder, env=parakeet.environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "a fresh process loads the model, 1 of 2" in process.stderr.readline()
        while not (started := children(process.pid)):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(timeout=20) == 130
    assert said == "parakeet: Stopped before all was measured; there is no result.\n"
    assert not any(is_alive(child) for child in started)
