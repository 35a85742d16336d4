"""``parakeet transcribe --isolate``: an engine may die or hang, the batch goes on (row C21 of the fault table)."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command
from tests.engines import eventually, is_alive
from tests.fakes import WORDS, beeps, write_wav

ONE_TWO_THREE = ROOT / "tests/data/demo/one-two-three.flac"


@pytest.fixture
def engines(tmp_path: Path) -> Callable[[], list[int]]:
    """The engines' processes so far, once ``BEEP_LOG`` names the log; none, where this process recognized."""

    def read() -> list[int]:
        lines = (tmp_path / "log").read_text().splitlines()
        return [int(line) for line in lines if line.isdecimal()]

    return read


def folder_of(parakeet: Command, *words: str) -> None:
    for number, word in enumerate(words):
        write_wav(parakeet.folder / f"{number}.wav", beeps(["one", word]))


def texts(parakeet: Command) -> dict[str, str]:
    return {path.stem: path.read_text().strip() for path in parakeet.folder.glob("*.txt")}


def test_a_recording_that_kills_its_engine_fails_alone(
    parakeet: Command, tmp_path: Path, engines: Callable[[], list[int]]
) -> None:
    """Row C21: it is tried twice; those that shared its batch are finished."""
    folder_of(parakeet, "two", "nine", "three", "four", "five", "six")
    environment = {"BEEP_FEAR": "nine", "BEEP_LOG": str(tmp_path / "log")}
    done = parakeet("transcribe", ".", "-f", "txt", "--isolate", environment=environment)
    assert done.returncode == 3, done.stderr
    assert texts(parakeet) == {"0": "one two", "2": "one three", "3": "one four", "4": "one five", "5": "one six"}
    lines = done.stderr.splitlines()
    assert [line.partition("): ")[0] for line in lines if "failed (" in line] == ["1.wav: failed (recognition_failed"]
    assert sum(line.startswith("warning: The engine ended unexpectedly (exit code 7); ") for line in lines) == 2
    assert lines.count("warning: The engine is started again.") == 2
    assert lines[-1].startswith("5 ok, 1 failed, 0 skipped")
    assert len(engines()) == 3
    assert not any(map(is_alive, engines()))


def test_an_engine_that_hangs_is_ended_and_its_recording_finished(
    parakeet: Command, tmp_path: Path, engines: Callable[[], list[int]]
) -> None:
    """Row C21."""
    folder_of(parakeet, "two")
    environment = {"BEEP_FAULT": "hang@1", "BEEP_ONCE": str(tmp_path / "once"), "BEEP_HANG_SECONDS": "1"}
    environment["BEEP_LOG"] = str(tmp_path / "log")
    done = parakeet("transcribe", "0.wav", "-f", "txt", "--isolate", "--log-format", "json", environment=environment)
    assert done.returncode == 0, done.stderr
    assert texts(parakeet) == {"0": "one two"}
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [event["message"] for event in events if event["event"] == "warning"][1:] == ["The engine is started again."]
    assert [event["event"] for event in events].count("started") == 1
    assert len(engines()) == 2
    assert not any(map(is_alive, engines()))


def test_engines_that_always_die_end_the_batch(parakeet: Command) -> None:
    """Row C21: three recordings in a row."""
    folder_of(parakeet, "two", "three", "four", "five")
    environment = {"BEEP_FAULT": "segv@1"}
    done = parakeet("transcribe", ".", "--isolate", "--batch-size", "1", environment=environment)
    assert done.returncode == 5
    assert done.stderr.splitlines()[-1].startswith("parakeet: The engine died under 3 recordings in a row")
    assert "2 failed" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_failure_can_end_batch_and_engine(
    parakeet: Command, tmp_path: Path, engines: Callable[[], list[int]]
) -> None:
    folder_of(parakeet, "nine", "two", "three")
    environment = {"BEEP_FEAR": "nine", "BEEP_LOG": str(tmp_path / "log")}
    options = ("--isolate", "--max-failures", "1", "--batch-size", "1", "-f", "txt")
    done = parakeet("transcribe", ".", *options, environment=environment)
    assert done.returncode == 3
    assert "Stopped after 1 failed." in done.stderr
    assert "0" not in texts(parakeet)
    assert not any(map(is_alive, engines()))


def test_a_model_that_does_not_load_is_one_sentence_and_exit_code_5(parakeet: Command) -> None:
    folder_of(parakeet, "two")
    done = parakeet("transcribe", ".", "--isolate", "--quiet", environment={"BEEP_FAULT": "model@0"})
    assert (done.returncode, done.stderr) == (5, "parakeet: The weights cannot be read (so the test wants it).\n")


def test_ctrl_c_ends_the_engine_too(parakeet: Command, tmp_path: Path, engines: Callable[[], list[int]]) -> None:
    folder_of(parakeet, "two")
    environment = {"BEEP_SECONDS": "1000", "BEEP_LOG": str(tmp_path / "log")}
    with parakeet.start("transcribe", ".", "--isolate", "--log-format", "json", **environment) as process:
        assert process.stderr is not None
        assert any("started" in line for line in process.stderr)
        (engine,) = engines()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert not is_alive(engine)


def test_a_killed_run_takes_its_engine_along_and_the_next_goes_on_where_it_was(
    parakeet: Command, tmp_path: Path, engines: Callable[[], list[int]]
) -> None:
    words = [WORDS[i * 7 % 10] for i in range(320)]
    long = write_wav(parakeet.folder / "long.wav", beeps(words, pause=1.76))
    line = ("transcribe", long, "-f", "txt,json", "--isolate", "--batch-size", "2")
    environment = {"BEEP_SECONDS": "0.5", "BEEP_LOG": str(tmp_path / "log")}
    with parakeet.start(*line, "--log-format", "json", **environment) as process:
        assert process.stderr is not None
        assert any('"progress"' in line and json.loads(line)["seconds"] > 100 for line in process.stderr)
        process.kill()
    (engine,) = engines()
    eventually(lambda: not is_alive(engine), seconds=10)
    done = parakeet(*line)
    assert done.returncode == 0, done.stderr
    assert "long.wav: going on at 00:0" in done.stderr
    assert texts(parakeet)["long"].split() == words


def test_files_are_isolated_by_default_where_there_is_a_card(
    parakeet: Command, tmp_path: Path, engines: Callable[[], list[int]]
) -> None:
    folder_of(parakeet, "two")
    log = tmp_path / "log"
    sound = (parakeet.folder / "0.wav").read_bytes()
    on_a_card = {"BEEP_LOG": str(log), "BEEP_CARD": "1"}
    for arguments, stdin, environment, expected in [
        (["0.wav"], b"", on_a_card, 1),
        (["0.wav", "--no-isolate"], b"", on_a_card, 0),
        (["0.wav", "--device", "cpu"], b"", on_a_card, 0),
        (["-"], sound, on_a_card, 0),
        (["0.wav"], b"", {"BEEP_LOG": str(log)}, 0),
    ]:
        log.unlink(missing_ok=True)
        done = parakeet("transcribe", *arguments, "-f", "txt", "-o", "-", stdin=stdin, environment=environment)
        assert (done.returncode, done.stdout) == (0, "one two\n"), done.stderr
        assert len(engines()) == expected, arguments


def test_a_path_that_another_process_reads_otherwise_is_not_isolated(
    parakeet: Command, tmp_path: Path, engines: Callable[[], list[int]]
) -> None:
    folder_of(parakeet, "two")
    with (parakeet.folder / "0.wav").open("rb") as sound:
        done = subprocess.run(
            parakeet.line("transcribe", "/dev/stdin", "-f", "txt", "-o", "-"),
            cwd=parakeet.folder,
            env=parakeet.environment | {"BEEP_LOG": str(tmp_path / "log"), "BEEP_CARD": "1"},
            stdin=sound,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "one two\n"), done.stderr
    assert engines() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-", "-o", "out"], "it takes files, no URLs and no stdin"),
        (["0.wav", "--server", "http://localhost"], "leave"),
    ],
)
def test_what_cannot_be_isolated_is_exit_code_2(parakeet: Command, arguments: list[str], said: str) -> None:
    folder_of(parakeet, "two")
    done = parakeet(
        "transcribe", *arguments, "--isolate", environment={"COLUMNS": "200", "TERM": "dumb"}, stdin=b"RIFF"
    )
    assert done.returncode == 2
    assert "--isolate" in done.stderr
    assert said in done.stderr


@pytest.mark.model
def test_an_isolated_run_writes_the_same_bytes_and_loads_no_torch_here(parakeet: Command) -> None:
    """But for ``rtfx``."""
    written = {}
    for name in ("isolate", "no-isolate"):
        (parakeet.folder / name).mkdir()
        for number in range(3):
            (parakeet.folder / name / f"{number}.flac").write_bytes(ONE_TWO_THREE.read_bytes())
        done = subprocess.run(
            [
                *(sys.executable, "-X", "importtime", "-m", "parakeet_cli"),
                *("transcribe", name, "-f", "all", f"--{name}", "--start", "0.1"),
            ],
            cwd=parakeet.folder,
            env=parakeet.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import")}
        assert ("torch" in imported) == (name == "no-isolate")
        outputs = sorted(path for path in (parakeet.folder / name).iterdir() if path.suffix != ".flac")
        assert len(outputs) == 15
        written[name] = {
            path.name: {**json.loads(path.read_text()), "rtfx": 0} if path.suffix == ".json" else path.read_bytes()
            for path in outputs
        }
    assert written["isolate"] == written["no-isolate"]
