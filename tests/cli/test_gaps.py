"""What a user is told of gaps and doubtful words, from the command line."""

import json
import random
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.output.review import HEADER
from tests.conftest import Command
from tests.fakes import WORDS, beeps, silence, write_wav

SPOKEN = [WORDS[(number * 7 + number // 10) % 10] for number in range(75)]
DEAF = {"BEEP_DEAF": "10-14"}


@pytest.fixture
def talk(parakeet: Command) -> Path:
    return write_wav(parakeet.folder / "talk.wav", beeps(SPOKEN))


def rows(path: Path) -> list[list[str]]:
    header, *lines = path.read_text().splitlines()
    assert header == HEADER
    return [line.split("\t") for line in lines]


def test_gaps_are_in_the_summary_the_json_and_the_exit_code_of_a_strict_run(parakeet: Command, talk: Path) -> None:
    done = parakeet("transcribe", "talk.wav", "-f", "json", environment=DEAF)
    assert done.returncode == 0
    assert "talk.wav: done, 0:30, RTFx" in done.stderr
    assert "1 gap, 3." in done.stderr
    assert " s (talk.wav 00:00:10) · 0:30 of audio" in done.stderr.splitlines()[-1]
    (gap,) = json.loads((parakeet.folder / "talk.json").read_text())["gaps"]
    assert (gap["start"], gap["end"], gap["reason"]) == (
        pytest.approx(10.2, abs=0.3),
        pytest.approx(14, abs=0.4),
        "unsure",
    )
    strict = parakeet("transcribe", "talk.wav", "-f", "json", "--strict", environment=DEAF)
    assert strict.returncode == 3  # also where the outputs are there already
    assert "done already with the same input, model and settings, with 1 gap" in strict.stderr
    quiet = parakeet("transcribe", "talk.wav", "-o", "out", "--strict", "--quiet", environment=DEAF)
    assert quiet.returncode == 3
    assert "1 gap, 3." in quiet.stderr


def test_events_tell_gaps_and_skipped_silence(parakeet: Command) -> None:
    samples = np.concatenate([beeps(SPOKEN), silence(60), beeps(["one"])])
    write_wav(parakeet.folder / "talk.wav", samples)
    done = parakeet("transcribe", "talk.wav", "-f", "json", "--log-format", "json", environment=DEAF)
    *_, finished, summary = [json.loads(line) for line in done.stderr.splitlines()]
    assert [gap["reason"] for gap in finished["gaps"]] == ["unsure"]
    assert finished["skipped_seconds"] == pytest.approx(60.5, abs=0.6)
    assert (summary["gaps"], summary["gap_seconds"]) == (1, pytest.approx(3.8, abs=0.5))
    written = json.loads((parakeet.folder / "talk.json").read_text())
    assert written["skipped"][1]["end"] - written["skipped"][1]["start"] == pytest.approx(60.2, abs=0.2)


def test_without_the_audit_nothing_is_looked_into(parakeet: Command, talk: Path) -> None:
    done = parakeet("transcribe", "talk.wav", "--no-audit", "-f", "json", environment={"BEEP_SWALLOWS": "10-14"})
    assert done.returncode == 0
    written = json.loads((parakeet.folder / "talk.json").read_text())
    assert written["gaps"] == []
    assert len(written["text"].split()) == len(SPOKEN) - 10
    again = parakeet("transcribe", "talk.wav", "-f", "json", environment={"BEEP_SWALLOWS": "10-14"})
    assert again.returncode == 0
    assert len(json.loads((parakeet.folder / "talk.json").read_text())["text"].split()) == len(SPOKEN)


def test_silence_is_sent_where_the_user_says_never(parakeet: Command, tmp_path: Path) -> None:
    write_wav(parakeet.folder / "talk.wav", np.concatenate([beeps(["one"]), silence(40), beeps(["two"])]))
    seconds = []
    for option in ("never", "5"):
        log = tmp_path / option
        environment = {"BEEP_LOG": str(log)}
        options = ("-o", option, "--skip-silence", option)
        assert parakeet("transcribe", "talk.wav", *options, environment=environment).returncode == 0
        seconds.append(sum(float(line.split()[2]) for line in log.read_text().splitlines()))
    assert seconds[0] > 40
    assert seconds[1] < 3
    wrong = parakeet("transcribe", "talk.wav", "--skip-silence", "1")
    assert wrong.returncode == 2
    assert "neither never nor seconds from 2" in wrong.stderr


def test_the_review_list_names_doubtful_words_and_gaps_with_their_surroundings(parakeet: Command, talk: Path) -> None:
    options = ("transcribe", "talk.wav", "-f", "json", "--review", "review.tsv", "--min-confidence", "0.95")
    assert parakeet(*options, environment=DEAF).returncode == 0  # a beep's confidence is 0.90
    found = rows(parakeet.folder / "review.tsv")
    assert [row[3] for row in found].count("word") == 65
    (gap,) = (row for row in found if row[3] == "gap")
    assert gap[0] == str(parakeet.folder / "talk.wav")
    assert gap[1].startswith("00:00:10.")
    assert gap[6].split()[5] == "[…]"
    word = found[7]
    assert word[4:6] == ["0.90", SPOKEN[7]]
    assert word[6] == " ".join([*SPOKEN[2:7], f"[{SPOKEN[7]}]", *SPOKEN[8:13]])
    words = json.loads((parakeet.folder / "talk.json").read_text())["segments"][0]["words"]
    assert all(word["low_confidence"] for word in words)


def test_a_second_run_keeps_what_the_list_says_of_others(parakeet: Command, talk: Path) -> None:
    write_wav(parakeet.folder / "other.wav", beeps(SPOKEN))
    options = ("--review", "review.tsv", "-f", "txt")
    parakeet("transcribe", "talk.wav", *options, environment=DEAF)
    parakeet("transcribe", "other.wav", "talk.wav", *options, environment=DEAF)
    names = [Path(row[0]).name for row in rows(parakeet.folder / "review.tsv")]
    assert sorted(names) == ["other.wav", "talk.wav"]
    again = parakeet("transcribe", "talk.wav", *options, environment=DEAF)
    assert "--review lists what is transcribed now, not the 1 done already" in again.stderr
    parakeet("transcribe", "talk.wav", *options, "--overwrite")
    assert [Path(row[0]).name for row in rows(parakeet.folder / "review.tsv")] == ["other.wav"]


@pytest.mark.parametrize("name", ["talk.wav", "/dev/null", "missing/review.tsv"])
def test_what_is_no_review_list_is_never_replaced(parakeet: Command, talk: Path, name: str) -> None:
    before = talk.read_bytes()
    done = parakeet("transcribe", "talk.wav", "--review", name)
    assert done.returncode == 7
    assert talk.read_bytes() == before
    assert Path("/dev/null").is_char_device()
    assert not (parakeet.folder / "talk.srt").exists()


def eleven_minutes(parakeet: Command, ffmpeg: str) -> None:
    """Over ten minutes, with pauses of all lengths, a hole and a gap."""
    parts = [beeps([WORDS[(place * 3 + number) % 10] for number in range(30 + place)]) for place in range(38)]
    pauses = [silence(0.5 + (place * 7 % 13)) for place in range(38)]
    samples = np.concatenate([part for pair in zip(parts, pauses, strict=True) for part in pair])
    write_wav(parakeet.folder / "long.wav", samples[: 660 * 16_000])


@pytest.mark.parametrize("rounds", [4, pytest.param(200, marks=pytest.mark.prove)])
def test_a_killed_long_file_goes_on_where_it_was_and_ends_the_same(
    parakeet: Command, ffmpeg: str, tmp_path: Path, rounds: int
) -> None:
    eleven_minutes(parakeet, ffmpeg)
    faults = {"BEEP_DEAF": "100-105,403-409", "BEEP_SECONDS": "0.1"}
    options = ("transcribe", "long.wav", "-f", "srt,tsv,txt", "--chunk-seconds", "10")
    whole = parakeet(*options, "-o", "whole", environment=faults)
    assert whole.returncode == 0, whole.stderr
    expected = {path.name: path.read_bytes() for path in (parakeet.folder / "whole").iterdir()}
    moments = random.Random(1)
    resumed = finished = 0
    for number in range(rounds):
        log = tmp_path / f"log{number}"
        running = parakeet.start(*options, "-o", "out", BEEP_LOG=str(log), **faults)
        with_a_batch = moments.random() < 0.9
        deadline = time.monotonic() + 30
        while with_a_batch and not log.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 1.2))
        running.kill()
        running.communicate()
        out = parakeet.folder / "out"
        written = (
            {path.name: path.read_bytes() for path in out.iterdir() if not path.name.startswith(".")}
            if out.exists()
            else {}
        )
        assert written.items() <= expected.items()
        if log.exists():
            begins = [float(line.split()[1]) for line in log.read_text().splitlines()]
            resumed += begins[0] > 20
        if len(written) == len(expected):
            finished += 1
            shutil.rmtree(out)
    done = parakeet(*options, "-o", "out", environment=faults)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in (parakeet.folder / "out").iterdir()} == expected
    assert resumed >= rounds // 4
    assert finished >= rounds // 50


def test_ctrl_c_keeps_what_is_recognized_and_the_next_run_says_so(parakeet: Command, ffmpeg: str) -> None:
    eleven_minutes(parakeet, ffmpeg)
    running = parakeet.start("transcribe", "long.wav", "--log-format", "json", BEEP_SECONDS="0.3")
    assert running.stderr is not None
    for line in running.stderr:
        if json.loads(line)["event"] == "progress" and json.loads(line)["seconds"] > 200:
            break
    running.send_signal(2)
    assert running.wait(20) == 130
    running.communicate()
    again = parakeet("transcribe", "long.wav")
    assert "long.wav: going on at 00:" in again.stderr
    assert again.returncode == 0
