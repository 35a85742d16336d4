"""How a batch behaves when inputs, outputs, disks, terminals and other runs misbehave (rows C.. of the fault table)."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
import srt

from tests.conftest import Command, skip_for_want_of
from tests.fakes import beeps, silence, write_wav

_LESS_THAN_ANY_JSON = 100
"""Bytes."""


def folder_of(parakeet: Command, count: int) -> list[Path]:
    return [write_wav(parakeet.folder / f"{number:04}.wav", beeps(["one", "two"])) for number in range(count)]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def installed_locales() -> set[str]:
    listed = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=True).stdout
    return {name.replace(".utf8", ".UTF-8") for name in listed.split()}


@pytest.mark.parametrize("count", [40, pytest.param(1_000, marks=pytest.mark.prove)])
def test_one_corrupt_file_does_not_stop_the_batch(parakeet: Command, count: int) -> None:
    files = folder_of(parakeet, count)
    bad = files[count // 3]
    bad.write_bytes(os.urandom(5_000))
    done = parakeet("transcribe", ".", "-o", "out", timeout=600)
    assert done.returncode == 3
    assert len(list((parakeet.folder / "out").iterdir())) == count - 1
    assert not (parakeet.folder / "out" / f"{bad.stem}.srt").exists()
    failures = [line for line in done.stderr.splitlines() if "failed (" in line]
    assert len(failures) == 1
    assert failures[0].startswith(f"{bad.name}: failed (not_media): ")
    assert done.stderr.splitlines()[-1].startswith(f"{count - 1} ok, 1 failed, 0 skipped")


def test_failures_can_stop_the_batch(parakeet: Command) -> None:
    for path in folder_of(parakeet, 6):
        path.write_bytes(b"")
    done = parakeet("transcribe", ".", "--max-failures", "2")
    assert done.returncode == 3
    assert "2 failed" in done.stderr.splitlines()[-1]


def test_a_video_without_sound_is_skipped_or_required(parakeet: Command, ffmpeg: str) -> None:
    subprocess.run(
        [
            ffmpeg,
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=d=1:s=64x64:r=5",
            "-c:v",
            "mpeg4",
            parakeet.folder / "mute.mp4",
        ],
        check=True,
    )
    skipped = parakeet("transcribe", "mute.mp4")
    assert skipped.returncode == 0
    assert skipped.stderr.splitlines()[-1].startswith("0 ok, 0 failed, 1 skipped")
    assert not (parakeet.folder / "mute.srt").exists()
    required = parakeet("transcribe", "mute.mp4", "--require-audio")
    assert required.returncode == 3
    assert "no_audio_stream" in required.stderr


def test_damaged_media_gives_what_was_decoded_with_a_warning(parakeet: Command, ffmpeg: str) -> None:
    whole = write_wav(parakeet.folder / "whole.wav", beeps(["one", "two", "three", "four"] * 10))
    flac = parakeet.folder / "cut.flac"
    subprocess.run([ffmpeg, "-v", "error", "-i", whole, flac], check=True)
    whole.unlink()
    flac.write_bytes(flac.read_bytes()[: flac.stat().st_size // 2])
    done = parakeet("transcribe", "cut.flac", "-f", "json")
    assert done.returncode == 0
    assert "warning: cut.flac: the media is damaged" in done.stderr
    assert "1 ok, 1 of them partial" in done.stderr.splitlines()[-1]
    partial = json.loads((parakeet.folder / "cut.json").read_text())["partial"]
    assert partial["decoded_seconds"] < 0.7 * partial["expected_seconds"]
    again = parakeet("transcribe", "cut.flac", "-f", "json", "--strict")
    assert again.returncode == 3
    assert "damaged" in again.stderr


def with_small_files(parakeet: Command, size: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """No file can grow beyond ``size`` bytes, as on a full disk."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run(
        parakeet.line(*arguments),
        cwd=parakeet.folder,
        env=parakeet.environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )


def test_a_full_disk_stops_the_run_and_leaves_no_partial_file(parakeet: Command) -> None:
    folder_of(parakeet, 3)

    done = with_small_files(parakeet, _LESS_THAN_ANY_JSON, "transcribe", ".", "-f", "json", "-o", "out")
    assert done.returncode == 7, done.stderr
    assert "No space is left" in done.stderr
    assert list((parakeet.folder / "out").iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "read-only", "under a file"])
def test_an_unwritable_output_folder_is_found_before_the_model_loads(parakeet: Command, kind: str) -> None:
    folder_of(parakeet, 1)
    target = parakeet.folder / "out"
    match kind:
        case "file":
            target.write_text("in the way")
        case "under a file":
            target.write_text("in the way")
            target /= "deeper"
        case _:
            target = Path("/proc/parakeet")  # a file system that takes no file, also from root
    began = time.monotonic()
    done = parakeet("transcribe", ".", "-o", target)
    assert time.monotonic() - began < 3
    assert done.returncode == 7
    assert "cannot be written" in done.stderr
    assert "Loading" not in done.stderr


def test_an_output_folder_of_somebody_else_is_found_before_the_model_loads(stranger: Command) -> None:
    folder_of(stranger, 1)
    (stranger.folder / "out").mkdir()
    began = time.monotonic()
    done = stranger("transcribe", ".", "-o", "out")
    assert time.monotonic() - began < 3
    assert done.returncode == 7
    assert "cannot be written" in done.stderr
    assert "Loading" not in done.stderr


def test_two_sources_of_one_name_both_keep_their_words(parakeet: Command, ffmpeg: str) -> None:
    wav = write_wav(parakeet.folder / "a.wav", beeps(["one"]))
    other = write_wav(parakeet.folder / "b.wav", beeps(["two"]))
    subprocess.run([ffmpeg, "-v", "error", "-i", other, parakeet.folder / "A.flac"], check=True)
    other.unlink()
    done = parakeet("transcribe", ".", "-f", "txt", "-o", "out")
    assert done.returncode == 0
    assert "2 inputs would write" in done.stderr
    assert tree(parakeet.folder / "out") == {"A.flac.txt": b"two\n", "a.wav.txt": b"one\n"}
    refused = parakeet("transcribe", ".", "-f", "txt", "-o", "out2", "--on-collision", "error")
    assert refused.returncode == 3
    assert tree(parakeet.folder / "out2") == {}
    first = parakeet("transcribe", wav, "A.flac", "-f", "txt", "-o", "out3", "--on-collision", "first")
    assert first.returncode == 3
    assert list(tree(parakeet.folder / "out3")) == ["a.wav.txt"]


def test_files_of_one_name_from_different_folders_stay_apart(parakeet: Command) -> None:
    for name, word in (("x/talk.wav", "one"), ("y/talk.wav", "two")):
        (parakeet.folder / name).parent.mkdir()
        write_wav(parakeet.folder / name, beeps([word]))
    done = parakeet("transcribe", "x/talk.wav", "y/talk.wav", "-f", "txt", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert sorted(tree(parakeet.folder / "out").values()) == [b"one\n", b"two\n"]
    before = tree(parakeet.folder / "out")
    assert "2 skipped" in parakeet("transcribe", "x/talk.wav", "y/talk.wav", "-f", "txt", "-o", "out").stderr
    assert tree(parakeet.folder / "out") == before


class TestRerun:
    @pytest.fixture
    def talk(self, parakeet: Command) -> Path:
        path = write_wav(parakeet.folder / "talk.wav", beeps(["one", "two"]))
        assert parakeet("transcribe", "talk.wav").returncode == 0
        return path

    def test_what_is_done_is_skipped_without_loading_the_model(self, parakeet: Command, talk: Path) -> None:
        done = parakeet("transcribe", "talk.wav")
        assert done.returncode == 0
        assert "Loading" not in done.stderr
        assert done.stderr.splitlines()[-1] == "0 ok, 0 failed, 1 skipped"

    def test_a_changed_input_is_done_again(self, parakeet: Command, talk: Path) -> None:
        write_wav(talk, beeps(["seven", "two"]))
        assert parakeet("transcribe", "talk.wav").returncode == 0
        assert "seven two" in (parakeet.folder / "talk.srt").read_text()

    def test_changed_settings_are_done_again_and_a_new_format_is_added(self, parakeet: Command, talk: Path) -> None:
        assert "1 ok" in parakeet("transcribe", "talk.wav", "--end", "0.5").stderr
        assert "two" not in (parakeet.folder / "talk.srt").read_text()
        assert "1 ok" in parakeet("transcribe", "talk.wav", "--end", "0.5", "-f", "srt,txt").stderr
        assert (parakeet.folder / "talk.txt").read_text() == "one\n"

    def test_batch_size_and_quietness_change_nothing(self, parakeet: Command, talk: Path) -> None:
        assert parakeet("transcribe", "talk.wav", "--batch-size", "7", "--device", "cpu", "-q").returncode == 0
        assert "1 skipped" in parakeet("transcribe", "talk.wav", "--batch-size", "3").stderr

    def test_a_file_that_we_did_not_write_is_refused(self, parakeet: Command, talk: Path) -> None:
        edited = parakeet.folder / "talk.srt"
        edited.write_text("my own work")
        done = parakeet("transcribe", "talk.wav")
        assert done.returncode == 3
        assert "output_exists" in done.stderr
        assert edited.read_text() == "my own work"
        assert parakeet("transcribe", "talk.wav", "--overwrite").returncode == 0
        assert "one two" in edited.read_text()

    def test_a_deleted_output_is_written_again(self, parakeet: Command, talk: Path) -> None:
        (parakeet.folder / "talk.srt").unlink()
        assert "1 ok" in parakeet("transcribe", "talk.wav").stderr

    def test_a_damaged_journal_is_set_aside_with_a_warning(self, parakeet: Command, talk: Path, tmp_path: Path) -> None:
        (tmp_path / "state/journal.sqlite3").write_bytes(b"not a database, but long enough to look like one" * 50)
        done = parakeet("transcribe", "talk.wav", "-o", "out")
        assert done.returncode == 0
        assert "was damaged and has been set aside" in done.stderr
        assert "1 skipped" in parakeet("transcribe", "talk.wav", "-o", "out").stderr

    def test_a_journal_that_cannot_be_written_is_done_without(self, parakeet: Command, talk: Path) -> None:
        done = parakeet("transcribe", "talk.wav", "-o", "out", environment={"PARAKEET_STATE_DIR": "/proc/nowhere"})
        assert done.returncode == 0, done.stderr
        assert "this run will not be remembered" in done.stderr


NAMES = [
    b"emoji \xf0\x9f\x98\x80 \xe6\x97\xa5\xe6\x9c\xac.wav",
    b"new\nline.wav",
    b"esc\x1b[31m\x1b]0;x\x07.wav",
    "rlo\u202egpj.wav".encode(),
    b"-rf.wav",
    b"12:30 meeting.wav",
    b"concat:a|b.wav",
    b"a%03d.wav",
    b"bad\xff\xfe.wav",
    b"<img src=x onerror=alert(1)>.wav",
    b"[red]bold.wav",
    b"=cmd|calc!A1.wav",
    b"quote\"'.wav",
    b"n" * 251 + b".wav",
    "ü".encode() * 125 + b"x.wav",
]


def test_files_of_any_name_are_transcribed_and_shown_escaped(parakeet: Command) -> None:
    made = write_wav(parakeet.folder / "made.wav", beeps(["one"]))
    source = made.read_bytes()
    made.unlink()
    for name in NAMES:
        Path(os.fsdecode(os.fsencode(parakeet.folder) + b"/" + name)).write_bytes(source)
    done = parakeet("transcribe", ".", "-f", "json,txt", "-o", "out", timeout=120)
    assert done.returncode == 0, done.stderr
    out = list((parakeet.folder / "out").iterdir())
    assert len(out) == 2 * len(NAMES)
    assert all(path.read_text() == "one\n" for path in out if path.suffix == ".txt")
    assert all(json.loads(path.read_bytes())["text"] == "one" for path in out if path.suffix == ".json")
    assert not any(unicodedata.category(letter) in ("Cc", "Cf") for line in done.stderr.splitlines() for letter in line)
    assert r"bad\xff\xfe.wav" in done.stderr or r"bad\udcff\udcfe.wav" in done.stderr


def test_a_name_that_begins_with_a_dash_can_be_given(parakeet: Command) -> None:
    write_wav(parakeet.folder / "-x.wav", beeps(["one"]))
    assert parakeet("transcribe", "-f", "txt", "--", "-x.wav").returncode == 0
    assert "1 skipped" in parakeet("transcribe", "-f", "txt", "./-x.wav").stderr


def test_what_is_no_recording_is_skipped_with_a_reason_and_nothing_hangs(parakeet: Command, tmp_path: Path) -> None:
    outside = write_wav(tmp_path / "outside.wav", beeps(["nine"]))
    write_wav(parakeet.folder / "good.wav", beeps(["one"]))
    (parakeet.folder / "escape.wav").symlink_to(outside)
    (parakeet.folder / "loop.wav").symlink_to("loop.wav")
    (parakeet.folder / "dangling.wav").symlink_to("nowhere.wav")
    os.mkfifo(parakeet.folder / "pipe.wav")
    (parakeet.folder / "folder.wav").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(parakeet.folder / "socket.wav"))
        done = parakeet("transcribe", ".", "-f", "txt", timeout=30)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in parakeet.folder.glob("*.txt")) == ["good.txt"]
    for name in ("escape.wav", "loop.wav", "dangling.wav", "pipe.wav", "folder.wav", "socket.wav"):
        assert f"{name}: skipped" in done.stderr


def test_a_file_that_may_not_be_read_is_a_failure_and_the_rest_goes_on(stranger: Command) -> None:
    good, secret = folder_of(stranger, 2)
    secret.chmod(0)
    done = stranger("transcribe", ".", "-f", "txt", "-o", "out")
    assert done.returncode == 3
    assert f"{secret.name}: failed (unreadable): " in done.stderr
    assert done.stderr.splitlines()[-1].startswith("1 ok, 1 failed, 0 skipped")
    assert list(tree(stranger.folder / "out")) == [f"{good.stem}.txt"]


def test_a_folder_of_which_nothing_can_be_taken_is_no_failure(parakeet: Command) -> None:
    (parakeet.folder / "dangling.wav").symlink_to("nowhere.wav")
    done = parakeet("transcribe", ".")
    assert done.returncode == 0, done.stderr
    assert "Loading" not in done.stderr
    assert done.stderr.splitlines()[-1] == "0 ok, 0 failed, 1 skipped"


def test_a_file_that_vanishes_while_it_waits_is_a_failure_of_its_own(parakeet: Command) -> None:
    files = folder_of(parakeet, 8)
    running = parakeet.start(
        "transcribe", ".", "-o", "out", "--log-format", "json", "--batch-size", "1", BEEP_SECONDS="0.5"
    )
    assert running.stderr is not None
    while json.loads(running.stderr.readline())["event"] != "finished":
        pass
    files[-1].unlink()
    events = [json.loads(line) for line in running.stderr]
    running.communicate(timeout=30)
    failed = [event for event in events if event["event"] == "failed"]
    assert running.returncode == 3
    assert [(event["input"], event["code"]) for event in failed] == [(files[-1].name, "vanished")]


@pytest.mark.parametrize("inputs", [["empty"], ["."], []])
def test_nothing_to_do_has_an_exit_code_of_its_own(parakeet: Command, inputs: list[str]) -> None:
    (parakeet.folder / "empty").mkdir()
    (parakeet.folder / "notes.txt").write_text("no media")
    done = parakeet("transcribe", *inputs)
    assert done.returncode == (4 if inputs else 2)


def test_a_reader_of_stdout_that_leaves_ends_the_run_quietly(parakeet: Command) -> None:
    folder_of(parakeet, 6)
    line = " ".join(
        [sys.executable, "-m", "tests.beeping", "transcribe", ".", "-o", "-", "-f", "txt", "--batch-size", "1"]
    )
    done = subprocess.run(
        ["bash", "-c", f"{line} | head -1; exit ${{PIPESTATUS[0]}}"],
        cwd=parakeet.folder,
        env=parakeet.environment | {"BEEP_SECONDS": "0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (141, "one two\n"), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "tr_TR.UTF-8"},
        {"LC_ALL": "de_DE.UTF-8"},
        {"TZ": "Asia/Kathmandu"},
    ],
    ids=["C", "ascii", "Turkish", "German", "Kathmandu"],
)
def test_the_locale_changes_no_output(parakeet: Command, environment: dict[str, str]) -> None:
    if (name := environment.get("LC_ALL", "C")) not in installed_locales():
        skip_for_want_of(f"locale {name}")
    write_wav(parakeet.folder / "größe 日本.wav", beeps(["one"]))
    done = parakeet("transcribe", ".", "-f", "srt,txt,json", "-o", "out", environment=environment)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    (cue,) = srt.parse((parakeet.folder / "out/größe 日本.srt").read_text(encoding="utf-8"))
    assert cue.start.total_seconds() == 0.16


def test_two_runs_on_one_folder_do_not_write_the_same_file(parakeet: Command) -> None:
    folder_of(parakeet, 6)
    first = parakeet.start("transcribe", ".", "-o", "out", "--batch-size", "1", BEEP_SECONDS="0.5")
    assert first.stderr is not None
    first.stderr.readline()
    second = parakeet("transcribe", ".", "-o", "out")
    assert second.returncode == 1
    assert f"Another run (pid {first.pid}) is writing" in second.stderr
    elsewhere = parakeet("transcribe", ".", "-o", "elsewhere")
    assert elsewhere.returncode == 0
    first.communicate(timeout=60)
    assert first.returncode == 0


def test_runs_that_share_a_batch_divide_it(parakeet: Command) -> None:
    folder_of(parakeet, 12)
    options = ("transcribe", ".", "-o", "out", "--shared", "--log-format", "json", "--batch-size", "1")
    runs = [parakeet.start(*options, BEEP_SECONDS="0.3") for _ in range(2)]
    finished = []
    for run in runs:
        _, stderr = run.communicate(timeout=60)
        assert run.returncode == 0, stderr
        finished.append(
            {event["input"] for line in stderr.splitlines() if (event := json.loads(line))["event"] == "finished"}
        )
    assert finished[0] | finished[1] == {f"{number:04}.wav" for number in range(12)}
    assert not finished[0] & finished[1]
    assert all(finished)


class TestInterruption:
    @pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
    def test_a_signal_ends_the_run_within_two_seconds_and_a_rerun_does_the_rest(
        self, parakeet: Command, signum: signal.Signals, code: int
    ) -> None:
        folder_of(parakeet, 8)
        running = parakeet.start(
            "transcribe", ".", "-o", "out", "--log-format", "json", "--batch-size", "1", BEEP_SECONDS="0.5"
        )
        assert running.stderr is not None
        while json.loads(running.stderr.readline())["event"] != "finished":
            pass
        running.send_signal(signum)
        began = time.monotonic()
        _, stderr = running.communicate(timeout=10)
        assert time.monotonic() - began < 2
        assert running.returncode == code
        events = [json.loads(line) for line in stderr.splitlines()]
        assert events[-1]["event"] == "summary"
        assert events[-1]["failed"] == 0
        assert events[-1]["done"] == len(list((parakeet.folder / "out").iterdir())) < 8
        again = parakeet("transcribe", ".", "-o", "out")
        assert again.returncode == 0
        assert again.stderr.splitlines()[-1].startswith(
            f"{8 - events[-1]['done']} ok, 0 failed, {events[-1]['done']} skipped"
        )

    def test_a_second_signal_ends_the_process_at_once(self, parakeet: Command) -> None:
        folder_of(parakeet, 2)
        running = parakeet.start("transcribe", ".", "-o", "out", BEEP_SECONDS="30")
        assert running.stderr is not None
        running.stderr.readline()
        time.sleep(0.5)
        began = time.monotonic()
        while running.poll() is None and time.monotonic() - began < 10:  # two that come at once are one
            running.send_signal(signal.SIGINT)
            time.sleep(0.2)
        running.communicate(timeout=1)
        assert running.returncode == 130

    @pytest.mark.parametrize("rounds", [6, pytest.param(200, marks=pytest.mark.prove)])
    def test_outputs_are_absent_or_complete_after_kill_9_at_any_moment(self, parakeet: Command, rounds: int) -> None:
        folder_of(parakeet, 10)
        whole = parakeet("transcribe", ".", "-f", "srt,txt", "-o", "whole")
        assert whole.returncode == 0
        expected = tree(parakeet.folder / "whole")
        out = parakeet.folder / "out"
        for number in range(rounds):
            running = parakeet.start("transcribe", ".", "-f", "srt,txt", "-o", "out", BEEP_SECONDS="0.05")
            time.sleep(0.3 + (number * 0.618 % 1) * 1.5)
            running.kill()
            running.communicate()
            found = (
                {name: text for name, text in tree(out).items() if not name.startswith(".parakeet-")}
                if out.exists()
                else {}
            )
            assert found == {name: expected[name] for name in found}
            if len(found) == len(expected):
                shutil.rmtree(out)
        assert parakeet("transcribe", ".", "-f", "srt,txt", "-o", "out").returncode == 0
        assert tree(out) == expected


def test_a_file_made_from_another_recording_is_never_replaced(parakeet: Command) -> None:
    for name, word in (("x/talk.wav", "one"), ("y/talk.wav", "two")):
        (parakeet.folder / name).parent.mkdir()
        write_wav(parakeet.folder / name, beeps([word]))
    assert parakeet("transcribe", "x/talk.wav", "-f", "txt", "-o", "out").returncode == 0
    refused = parakeet("transcribe", "y/talk.wav", "-f", "txt", "-o", "out")
    assert refused.returncode == 3
    assert "output_exists" in refused.stderr
    assert (parakeet.folder / "out/talk.txt").read_text() == "one\n"


def test_a_second_recording_from_stdin_does_not_replace_the_first(parakeet: Command, tmp_path: Path) -> None:
    first, second = (write_wav(tmp_path / f"{word}.wav", beeps([word])).read_bytes() for word in ("one", "two"))
    assert parakeet("transcribe", "-", "-f", "txt", "-o", "out", stdin=first).returncode == 0
    assert parakeet("transcribe", "-", "-f", "txt", "-o", "out", stdin=second).returncode == 3
    assert (parakeet.folder / "out/stdin.txt").read_text() == "one\n"


def test_a_file_that_appears_while_its_recording_is_transcribed_is_kept(parakeet: Command) -> None:
    folder_of(parakeet, 3)
    running = parakeet.start(
        "transcribe", ".", "-f", "txt", "-o", "out", "--log-format", "json", "--batch-size", "1", BEEP_SECONDS="0.7"
    )
    assert running.stderr is not None
    while json.loads(running.stderr.readline())["event"] != "finished":
        pass
    mine = parakeet.folder / "out/0002.txt"
    mine.write_text("my own work")
    events = [json.loads(line) for line in running.stderr]
    running.communicate(timeout=30)
    assert running.returncode == 3
    assert [event["code"] for event in events if event["event"] == "failed"] == ["output_exists"]
    assert mine.read_text() == "my own work"


def test_a_folder_in_the_place_of_an_output_fails_that_file_only(parakeet: Command) -> None:
    folder_of(parakeet, 2)
    (parakeet.folder / "0000.txt").mkdir()
    done = parakeet("transcribe", ".", "-f", "txt", "--overwrite")
    assert done.returncode == 3
    assert (parakeet.folder / "0001.txt").read_text() == "one two\n"


def test_a_reader_of_stderr_that_leaves_does_not_stop_the_batch(parakeet: Command) -> None:
    folder_of(parakeet, 6)
    line = " ".join([sys.executable, "-m", "tests.beeping", "transcribe", ".", "-o", "out", "--batch-size", "1"])
    done = subprocess.run(
        ["bash", "-c", f"{line} 2>&1 | head -1; exit ${{PIPESTATUS[0]}}"],
        cwd=parakeet.folder,
        env=parakeet.environment | {"BEEP_SECONDS": "0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert len(list((parakeet.folder / "out").iterdir())) == 6


def test_a_journal_that_cannot_grow_is_said_once_and_the_batch_goes_on(parakeet: Command, tmp_path: Path) -> None:
    folder_of(parakeet, 4)
    assert parakeet("transcribe", "0000.wav", "-o", "out").returncode == 0
    size = (tmp_path / "state/journal.sqlite3").stat().st_size
    done = with_small_files(parakeet, size - 1, "transcribe", ".", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("journal.sqlite3 cannot be used any more") == 1
    assert len(list((parakeet.folder / "out").iterdir())) == 4


def test_outputs_of_ours_are_replaced_although_the_journal_failed_meanwhile(parakeet: Command, tmp_path: Path) -> None:
    folder_of(parakeet, 4)
    assert parakeet("transcribe", ".", "-o", "out").returncode == 0
    before = {path: path.stat().st_mtime_ns for path in (parakeet.folder / "out").iterdir()}
    size = (tmp_path / "state/journal.sqlite3").stat().st_size
    done = with_small_files(parakeet, size - 1, "transcribe", ".", "-o", "out", "--chunk-seconds", "12")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("journal.sqlite3 cannot be used any more") == 1
    assert all(path.stat().st_mtime_ns > old for path, old in before.items())


def test_runs_that_share_a_batch_do_all_of_it_again_when_asked_to_overwrite(parakeet: Command) -> None:
    folder_of(parakeet, 3)
    assert parakeet("transcribe", ".", "-o", "out").returncode == 0
    again = parakeet("transcribe", ".", "-o", "out", "--shared", "--overwrite")
    assert again.stderr.splitlines()[-1].startswith("3 ok, 0 failed, 0 skipped")
    assert parakeet("transcribe", ".", "-o", "-", "--shared", "-f", "txt").returncode == 2


def test_an_orphaned_temporary_file_is_removed(parakeet: Command) -> None:
    folder_of(parakeet, 1)
    out = parakeet.folder / "out"
    out.mkdir()
    (out / ".parakeet-0123abcd.tmp").write_text("half")
    assert parakeet("transcribe", ".", "-o", "out").returncode == 0
    assert [path.name for path in out.iterdir()] == ["0000.srt"]


def test_audio_longer_than_the_limit_is_a_failure(parakeet: Command) -> None:
    write_wav(parakeet.folder / "talk.wav", silence(1))
    done = parakeet("transcribe", "talk.wav", "--max-duration", "0.5")
    assert done.returncode == 3
    assert "audio_too_long" in done.stderr
