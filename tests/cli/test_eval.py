"""``parakeet eval`` as a user starts it: sources, sides, what it prints, and how it ends."""

import json
import math
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import recordings
from parakeet_cli.cli.eval_sides import Side, overridden
from parakeet_cli.settings import ChunkSettings, Dtype, TranscriptionSettings, Vad
from tests.conftest import Command
from tests.fakes import WORDS, beeps, write_wav


def spoken(folder: Path, name: str, words: str, reference: str | None) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, beeps(words.split()))
    if reference is not None:
        path.with_suffix(".txt").write_text(reference)


def rows(text: str) -> dict[str, list[str]]:
    """The cells of each row of the tables, by the first."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    return {cells[0]: cells[1:] for cells in lines if len(cells) > 1}


def document(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.fixture
def folder(parakeet: Command) -> Path:
    """Three recordings, in which one word is lost, one added and one replaced against their texts."""
    folder = parakeet.folder / "set"
    spoken(folder, "a.wav", "one two three", "One, two, three, four.")
    spoken(folder, "b.wav", "five six seven eight", "Five six eight")
    spoken(folder, "c.wav", "nine zero", "nine one")
    return folder


def test_a_folder_with_texts_becomes_a_table_with_a_total(parakeet: Command, folder: Path) -> None:
    spoken(folder, "no text.wav", "one", None)
    done = parakeet("eval", "set", "--normalizer", "basic")
    assert done.returncode == 0, done.stderr
    table = rows(done.stdout)
    assert table["file"] == ["words", "WER", "sub", "del", "ins", "gaps", "audio", "RTFx"]
    assert table["set/a.wav"][:6] == ["4", "25.00%", "0", "1", "0", "0"]
    assert table["set/b.wav"][:6] == ["3", "33.33%", "0", "0", "1", "0"]
    assert table["set/c.wav"][:6] == ["2", "50.00%", "1", "0", "0", "0"]
    assert table["demo: 3 files"][:5] == ["9", "33.33%", "1", "1", "1"]
    assert "Normaliser: basic." in done.stdout
    assert "set/no text.wav: skipped, there is no no text.txt beside it" in done.stderr
    assert "3 ok, 0 failed, 1 skipped" in done.stderr


def test_an_english_checkpoint_is_scored_by_the_english_rules(parakeet: Command, folder: Path) -> None:
    """They write digits in a row as one number."""
    done = parakeet("eval", "set", "--json", "-", "--quiet")
    assert done.stderr == ""
    found = document(done.stdout)
    assert found["normalizer"] == "english"
    assert found["sides"][0]["total"]["words"] == 3


def test_quiet_leaves_the_table_alone(parakeet: Command, folder: Path) -> None:
    done = parakeet("eval", "set", environment={"PARAKEET_QUIET": "1", "PARAKEET_NORMALIZER": "none"})
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(done.stdout)["demo: 3 files"][0] == "9"


def test_a_manifest_with_word_times_gives_their_errors(parakeet: Command) -> None:
    spoken(parakeet.folder, "sound/a.wav", "one two three four", None)
    words = [{"text": w, "start": 0.16 + 0.4 * i, "end": 0.4 + 0.4 * i} for i, w in enumerate(WORDS[1:5])]
    words[3]["start"] = 1.16
    lines = [
        {"audio_filepath": "a.wav", "text": "one two three four", "words": words},
        {"audio_filepath": "a.wav", "text": "three", "offset": 0.8, "duration": 0.56, "words": words[2:3]},
    ]
    (parakeet.folder / "sound/set.json").write_text("\n".join(map(json.dumps, lines)))
    done = parakeet("eval", "sound/set.json", "--normalizer", "basic", "--json", "report.json")
    assert done.returncode == 0, done.stderr
    table = rows(done.stdout)
    assert table["file"][5] == "start ms"
    assert table["sound/a.wav"][:6] == ["4", "0.00%", "0", "0", "0", "0 / 140"]
    assert table["sound/a.wav @ 0.8 s"][:6] == ["1", "0.00%", "0", "0", "0", "0 / 0"]
    assert "Starts 0 ms off in the median, 120 in the 90th percentile, 80.0% within 80" in done.stdout
    assert "ends 0 ms off in the median, 0 in the 90th percentile, 100.0% within 80" in done.stdout
    assert "0 of 5 timed words lost, 0 of them in reported gaps" in done.stdout
    total = document((parakeet.folder / "report.json").read_text())["sides"][0]["total"]
    assert total["word_times"]["starts"] == {"median": 0, "p90": 0.12, "bias": 0, "within_80_ms": 0.8}
    assert total["audio_seconds"] == pytest.approx(1.76 + 0.56)


def test_the_report_replaces_a_report_and_nothing_else(parakeet: Command, folder: Path) -> None:
    for _ in range(2):
        assert parakeet("eval", "set", "--json", "report.json").returncode == 0
    (parakeet.folder / "set.jsonl").write_text('{"audio_filepath": "set/a.wav", "text": "one"}\n')
    done = parakeet("eval", "set.jsonl", "--json", "set.jsonl")
    assert done.returncode == 2
    assert "is there and is no report" in done.stderr
    assert (parakeet.folder / "set.jsonl").read_text().startswith('{"audio_filepath"')


def test_a_report_that_cannot_be_written_is_found_before_the_work(parakeet: Command, folder: Path) -> None:
    done = parakeet("eval", "set", "--json", "set/a.wav/report.json")
    assert done.returncode == 7
    assert "cannot be written" in done.stderr


def test_two_sides_are_compared_file_by_file(parakeet: Command, folder: Path) -> None:
    """The fake recognizer hears the same with any chunks, so nothing differs but the pace."""
    done = parakeet("eval", "set", "--normalizer", "basic", "--compare", "chunk-seconds=1,context-seconds=0.08")
    assert done.returncode == 0, done.stderr
    table = rows(done.stdout)
    assert table["set/a.wav"] == ["4", "25.00%", "25.00%", "+0.00"]
    assert done.stdout.count("\nA: demo\nB: chunk-seconds=1,context-seconds=0.08\n") == 1
    for side in "AB":
        assert table[side][:5] == ["9", "33.33%", "1", "1", "1"]
    assert table["B − A"][:5] == ["+0.00", "0", "0", "0", "0"]
    assert "20 files with words are needed to tell it from chance, here are 3." in done.stdout


def test_with_enough_files_the_difference_has_an_interval(parakeet: Command) -> None:
    for number in range(21):
        spoken(parakeet.folder, f"set/{number}.wav", WORDS[number % 9], WORDS[number % 10])
    done = parakeet("eval", "set", "--compare", "skip-silence=never", "--json", "r.json")
    assert done.returncode == 0, done.stderr
    assert "95 % interval +0.00 … +0.00" in done.stdout
    assert "Bisani & Ney 2004" in done.stdout
    assert "set/0.wav" not in rows(done.stdout)
    assert "set/0.wav" in rows(parakeet("eval", "set", "--per-file").stdout)
    report = document((parakeet.folder / "r.json").read_text())
    assert [side["settings"]["activity"]["skip_silence_seconds"] for side in report["sides"]] == [10, None]
    comparison = report["comparison"]
    assert (comparison["files"], comparison["low"], comparison["seed"]) == (21, 0, 0)


def test_a_file_that_fails_is_in_no_total_and_gives_exit_code_3(parakeet: Command, folder: Path) -> None:
    (folder / "bad.wav").write_text("this is no sound")
    (folder / "bad.txt").write_text("one")
    done = parakeet("eval", "set", "gone.wav", "--normalizer", "basic", "--json", "r.json", "--compare", "batch-size=1")
    assert done.returncode == 3
    assert "gone.wav: failed (not_found)" in done.stderr
    assert "set/bad.wav: failed (not_media)" in done.stderr
    found = document((parakeet.folder / "r.json").read_text())
    assert [side["total"]["files"] for side in found["sides"]] == [3, 3]
    assert [(each["name"], each["code"]) for each in found["missing"]] == [
        ("gone.wav", "not_found"),
        ("set/bad.wav", "not_media"),
    ]


def test_a_text_that_the_rules_cannot_take_fails_alone(parakeet: Command, folder: Path) -> None:
    (folder / "a.txt").write_text("9" * 5000)
    done = parakeet("eval", "set")
    assert done.returncode == 3
    assert "set/a.wav: failed (invalid_reference)" in done.stderr
    assert "demo: 2 files" in rows(done.stdout)


def test_nothing_to_evaluate_is_exit_code_4(parakeet: Command) -> None:
    spoken(parakeet.folder, "set/a.wav", "one", None)
    done = parakeet("eval", "set")
    assert (done.returncode, done.stdout) == (4, "")
    assert "There is nothing to evaluate" in done.stderr
    assert parakeet("eval", "gone").returncode == 3


def test_our_own_transcript_is_no_reference(parakeet: Command) -> None:
    spoken(parakeet.folder, "a.wav", "one", None)
    assert parakeet("transcribe", "a.wav", "-f", "txt").returncode == 0
    done = parakeet("eval", "a.wav")
    assert done.returncode == 3
    assert "a.txt was written by parakeet transcribe" in done.stderr
    (parakeet.folder / "a.txt").write_text("One, corrected.\n")
    assert parakeet("eval", "a.wav").returncode == 0


def test_ctrl_c_ends_without_a_result(parakeet: Command, folder: Path) -> None:
    running = parakeet.start("eval", "set", "--batch-size", "1", BEEP_SECONDS="2", PYTHONUNBUFFERED="1")
    assert running.stderr is not None
    while "Loading" not in running.stderr.readline():
        pass
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    out, errors = running.communicate(timeout=20)
    assert (running.returncode, out) == (130, "")
    assert "there is no result" in errors


def test_a_reader_that_leaves_is_exit_code_141(parakeet: Command, folder: Path) -> None:
    with parakeet.start("eval", "set", "--json", "-") as running:
        assert running.stdout is not None
        running.stdout.close()
        assert running.stderr is not None
        errors = running.stderr.read()
        assert running.wait(timeout=20) == 141
    assert "Traceback" not in errors


FIRST = Side("v2", "v2", TranscriptionSettings())


def test_a_side_overrides_what_is_named_and_keeps_the_rest() -> None:
    text = "model=v3, chunk-seconds=10,dtype=bf16,batch-size=4,device=cpu,vad=silero,skip-silence=never,audit=no"
    text += ",skip-confidence=0,cuda-graphs=yes"
    side = overridden(FIRST, text)
    assert (side.label, side.model) == (text, "v3")
    assert side.settings.chunks == ChunkSettings(10, ChunkSettings().context_seconds)
    assert (side.settings.recognizer.dtype, side.settings.recognizer.device) == (Dtype.BF16, "cpu")
    assert side.settings.recognizer.skip_confidence == 0
    assert side.settings.recognizer.cuda_graphs
    assert side.settings.batch.batch_size == 4
    assert side.settings.activity == replace(FIRST.settings.activity, vad=Vad.SILERO, skip_silence_seconds=math.inf)
    assert side.settings.coverage == replace(FIRST.settings.coverage, audit=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("v3", "'v3' is not option=value"),
        ("model=", "'model=' is not option=value"),
        ("format=srt", "options are model, "),
        ("chunk-seconds=0", "no number from 1 to 1200"),
        ("context-seconds=much", "no number from 0 to 60"),
        ("skip-confidence=2", "no number from 0 to 1"),
        ("dtype=int4", "is none of auto, fp16"),
        ("vad=ears", "is none of energy, silero"),
        ("skip-silence=1", "neither never nor seconds"),
        ("audit=perhaps", "is none of yes, no"),
        ("batch-size=0", "neither auto nor a number"),
        ("model=demo", "changes nothing"),
    ],
)
def test_what_is_wrong_with_a_comparison_is_said(parakeet: Command, text: str, said: str) -> None:
    done = parakeet("eval", "set", "--compare", text)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.model
def test_the_demo_checkpoint_is_measured_on_digits_with_known_words(parakeet: Command) -> None:
    clips = recordings.load_clips(recordings.DEFAULT_FOLDER)
    lines = []
    for seed in range(3):
        made = recordings.make_recording(12, seed, clips, "many")
        recordings.write_wav(parakeet.folder / f"{seed}.wav", made.samples)
        words = [{"text": w.text, "start": round(w.start, 4), "end": round(w.end, 4)} for w in made.words]
        lines.append(json.dumps({"audio_filepath": f"{seed}.wav", "words": words}))
    (parakeet.folder / "digits.jsonl").write_text("\n".join(lines))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "parakeet_cli", "eval", "digits.jsonl", "--normalizer", "basic", "--json", "-"),
            *("--quiet", "--compare", "chunk-seconds=4"),
        ],
        cwd=parakeet.folder,
        env=parakeet.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = document(done.stdout)
    for side in found["sides"]:
        assert side["total"]["words"] == sum(line.count('"start"') for line in lines)
        assert side["total"]["wer"] < 0.15
        assert side["total"]["word_times"]["starts"]["median"] < 0.3
        assert side["total"]["rtfx"] > 0
    assert [side["settings"]["chunks"]["chunk_seconds"] for side in found["sides"]] == [30, 4]
