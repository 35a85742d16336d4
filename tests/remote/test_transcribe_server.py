"""``parakeet transcribe --server`` as a user starts it, beside the same command without it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from tests.fakes import beeps, silence, write_wav
from tests.remote.conftest import DEAF, KEY, files_in, jobs_of
from tests.server.processes import RunningServer, running, until

WORDS = ["one", "two", "three", "four", "five", "six", "seven"]


def told(done: "subprocess.CompletedProcess[str]", kind: str) -> list[dict[str, object]]:
    """The events of this kind."""
    events = [json.loads(line) for line in done.stderr.splitlines()]
    return [event for event in events if event["event"] == kind]


def recordings(folder: Path, ffmpeg: str) -> None:
    """With all that a transcript can tell: a gap, left out silence, a broken end, and a length that is no round one."""
    folder.mkdir()
    talk = [beeps(WORDS), silence(20.0), beeps(WORDS[:3], beep=0.8)]
    write_wav(folder / "gap.wav", beeps(WORDS * 6))
    write_wav(folder / "long.wav", np.concatenate(talk)[:-2567])
    write_wav(folder / "odd.wav", beeps(["nine", "eight"])[:-3336])  # the last word ends within a millisecond
    write_wav(folder / "whole.wav", beeps(WORDS * 9))
    whole = folder / "whole.wav"
    subprocess.run([ffmpeg, "-v", "error", "-i", whole, "-c:a", "flac", folder / "cut.flac"], check=True)
    whole.unlink()
    (folder / "cut.flac").write_bytes((folder / "cut.flac").read_bytes()[:-30_000])


def test_the_files_are_those_of_a_local_run_to_the_byte(parakeet: Command, server: RunningServer, ffmpeg: str) -> None:
    recordings(parakeet.folder / "talks", ffmpeg)
    command = ("transcribe", "talks", "-f", "all", "--log-format", "json", "--strict", "--preset", "bbc")
    here = parakeet(*command, "-o", "here", "--review", "here.tsv", environment={"BEEP_DEAF": DEAF})
    there = parakeet(*command, "-o", "there", "--review", "there.tsv", "--server", server.url)
    assert (here.returncode, there.returncode) == (3, 3), there.stderr
    assert told(here, "summary")[0]["gaps"] and told(here, "summary")[0]["partial"] == 1
    assert files_in(parakeet.folder / "there") == files_in(parakeet.folder / "here")
    assert len(files_in(parakeet.folder / "here")) == 20
    lists = [sorted((parakeet.folder / name).read_text().splitlines()) for name in ("here.tsv", "there.tsv")]
    assert lists[0] == lists[1] and len(lists[0]) > 2
    assert facts(there) == facts(here)
    until(lambda: jobs_of(server) == 0, "all jobs are forgotten")


def facts(done: "subprocess.CompletedProcess[str]") -> list[object]:
    """What is told of each recording, but for where it was written, and how fast it went."""
    own = {"number", "outputs", "rtfx"}
    found = [{name: value for name, value in event.items() if name not in own} for event in told(done, "finished")]
    return sorted(found, key=str)


def test_what_cannot_be_transcribed_fails_or_is_skipped_as_it_does_here(
    parakeet: Command, server: RunningServer, ffmpeg: str
) -> None:
    folder = parakeet.folder / "mixed"
    folder.mkdir()
    write_wav(folder / "good.wav", beeps(["one"]))
    write_wav(folder / "short.wav", beeps([], pause=0.03))
    (folder / "broken.mp3").write_text("no sound at all " * 100)
    (folder / "empty.mp4").touch()
    film = ["-f", "lavfi", "-i", "color=size=16x16:duration=1", str(folder / "silent.mp4")]
    subprocess.run([ffmpeg, "-v", "error", *film], check=True)
    command = ("transcribe", "mixed", "--log-format", "json")
    here = parakeet(*command, "-o", "here")
    there = parakeet(*command, "-o", "there", "--server", server.url)
    assert (here.returncode, there.returncode) == (3, 3), there.stderr
    ends = [{(event["input"], event.get("code")) for event in told(done, "failed")} for done in (here, there)]
    assert ends[0] == ends[1] and len(ends[0]) == 3
    assert [event["input"] for event in told(there, "skipped")] == ["mixed/silent.mp4"]
    assert files_in(parakeet.folder / "there") == files_in(parakeet.folder / "here")
    until(lambda: jobs_of(server) == 0, "all jobs are forgotten")


def test_what_was_done_here_is_done_for_a_server_of_the_same_settings(
    parakeet: Command, server: RunningServer, start_server: Callable[..., RunningServer]
) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one", "two"]))
    assert parakeet("transcribe", "talk.wav").returncode == 0
    again = parakeet("transcribe", "talk.wav", "--server", server.url)
    assert "done already" in again.stderr and again.returncode == 0
    other = start_server("--chunk-seconds", "10")
    assert "1 ok" in parakeet("transcribe", "talk.wav", "--server", other.url).stderr
    assert "1 ok" in parakeet("transcribe", "talk.wav").stderr


def test_stdin_goes_to_stdout(parakeet: Command, server: RunningServer, tmp_path: Path) -> None:
    wav = write_wav(tmp_path / "call.wav", beeps(["four", "two"])).read_bytes()
    done = parakeet("transcribe", "-", "-f", "txt", "--server", f"{server.url}/v1/", stdin=wav)
    assert (done.stdout, done.returncode) == ("four two\n", 0), done.stderr


def test_results_on_stdout_keep_the_order_of_the_inputs(parakeet: Command, server: RunningServer) -> None:
    for place, word in enumerate(WORDS):
        write_wav(parakeet.folder / f"{place}.wav", beeps([word] * (12 - place)))
    names = [f"{place}.wav" for place in range(len(WORDS))]
    done = parakeet("transcribe", *names, "-o", "-", "-f", "txt", "--server", server.url)
    assert [line.split()[0] for line in done.stdout.splitlines()] == WORDS


def test_a_wrong_key_and_none_are_told_as_such_and_shown_nowhere(
    parakeet: Command, locked_server: RunningServer
) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    command = ("transcribe", "talk.wav", "--server", locked_server.url)
    wrong = "sk-another-key-0123456789abcdef"
    for environment in ({}, {"PARAKEET_SERVER_KEY": wrong}):
        refused = parakeet(*command, environment=environment)
        assert refused.returncode == 10
        assert "PARAKEET_SERVER_KEY" in refused.stderr and wrong not in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    opened = parakeet(*command, environment={"PARAKEET_SERVER_KEY": KEY})
    assert opened.returncode == 0 and KEY not in opened.stderr
    assert wrong not in locked_server.log and KEY not in locked_server.log


def test_a_recording_that_the_server_finds_too_large_fails_alone(
    parakeet: Command, locked_server: RunningServer
) -> None:
    write_wav(parakeet.folder / "large.wav", silence(400))
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    command = ("transcribe", "large.wav", "talk.wav", "--server", locked_server.url)
    done = parakeet(*command, environment={"PARAKEET_SERVER_KEY": KEY})
    assert done.returncode == 3
    assert "large.wav: failed (input_error): The file is larger than the 1048576 bytes" in done.stderr
    assert (parakeet.folder / "talk.srt").exists()


def test_a_server_that_is_not_there_is_one_sentence(parakeet: Command) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    done = parakeet("transcribe", "talk.wav", "--server", "http://127.0.0.1:9")
    assert done.returncode == 10
    assert done.stderr == (
        "parakeet: http://127.0.0.1:9 cannot be reached (Connection refused); "
        "start it or check --server, then run the same command again.\n"
    )


def test_another_model_than_the_one_served_is_refused(parakeet: Command, server: RunningServer) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    done = parakeet("transcribe", "talk.wav", "-m", "v3", "--server", server.url)
    assert (done.returncode, done.stderr) == (
        5,
        f"parakeet: {server.url} serves demo, not v3; leave --model and PARAKEET_MODEL out to use it.\n",
    )


@pytest.mark.parametrize(
    ("options", "environment", "named"),
    [
        (["--device", "cpu"], {}, "--device"),
        (["--no-audit"], {}, "--no-audit"),
        (["--skip-confidence", "0"], {}, "--skip-confidence"),
        ([], {"PARAKEET_SKIP_CONFIDENCE": "0"}, "PARAKEET_SKIP_CONFIDENCE"),
        (["--audit"], {}, "leave --audit out"),
        (["--track", "2"], {}, "--track"),
        (["--start", "0"], {}, "--start"),
        ([], {"PARAKEET_SKIP_SILENCE": "never"}, "PARAKEET_SKIP_SILENCE"),
    ],
)
def test_what_only_an_engine_here_follows_is_refused(
    parakeet: Command, options: list[str], environment: dict[str, str], named: str
) -> None:
    done = parakeet("transcribe", "talk.wav", *options, "--server", "http://127.0.0.1:9", environment=environment)
    assert done.returncode == 2
    assert named in done.stderr.replace("\n", " ")


def test_variables_about_this_machine_are_no_hindrance(parakeet: Command, server: RunningServer) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    environment = {"PARAKEET_DEVICE": "cuda:7", "PARAKEET_DTYPE": "fp16", "PARAKEET_SERVER": server.url}
    assert parakeet("transcribe", "talk.wav", environment=environment).returncode == 0


def test_a_key_without_a_server_is_refused(parakeet: Command) -> None:
    done = parakeet("transcribe", "talk.wav", "--server-key", KEY)
    assert done.returncode == 2 and KEY not in done.stderr


def test_ctrl_c_leaves_no_job_at_the_server(parakeet: Command, start_server: Callable[..., RunningServer]) -> None:
    server = start_server(BEEP_SECONDS="60")
    for name in "abcdefgh":
        write_wav(parakeet.folder / f"{name}.wav", beeps(["one"]))
    running_command = parakeet.start("transcribe", ".", "--server", server.url)
    until(lambda: jobs_of(server) >= 6, "jobs are made")
    running_command.send_signal(signal.SIGINT)
    _, stderr = running_command.communicate(timeout=20)
    assert running_command.returncode == 130, stderr
    assert jobs_of(server) == 0
    assert list(parakeet.folder.glob("*.srt")) == []


def test_what_is_done_when_a_run_is_stopped_is_on_stdout(
    parakeet: Command, start_server: Callable[..., RunningServer]
) -> None:
    """Although the recording that comes first is not done; the server forgets what it was asked for."""
    server = start_server("--concurrency", "2", "--chunk-seconds", "5", BEEP_SECONDS="0.5")
    write_wav(parakeet.folder / "long.wav", beeps(["one", "two", "three", "four"] * 200))
    write_wav(parakeet.folder / "short.wav", beeps(["five"]))
    options = ("-o", "-", "-f", "txt", "--log-format", "json", "--server", server.url)
    run = parakeet.start("transcribe", "long.wav", "short.wav", *options)
    assert run.stderr is not None
    lines = iter(run.stderr.readline, "")
    assert any('"event": "finished"' in line for line in lines)
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=30)
    assert (run.returncode, out) == (130, "five\n")
    assert jobs_of(server) == 0


@pytest.mark.parametrize("state", ["kept", "lost"])
def test_a_server_that_is_killed_and_started_again_does_the_rest(parakeet: Command, tmp_path: Path, state: str) -> None:
    for name in "abc":
        write_wav(parakeet.folder / f"{name}.wav", beeps(WORDS))
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with running(tmp_path / "first", BEEP_SECONDS="60") as first:
        command = parakeet.start("transcribe", ".", "-f", "txt", "--server", first.url)
        until(lambda: jobs_of(first) == 3, "jobs are made")
        time.sleep(0.5)
        first.stop(signal.SIGKILL)
    folder = tmp_path / ("first" if state == "kept" else "second")
    with running(folder, "--port", str(first.port)):
        stdout, stderr = command.communicate(timeout=60)
    assert command.returncode == 0, stdout + stderr
    assert {path.name: path.read_text() for path in parakeet.folder.glob("*.txt")} == {
        f"{name}.txt": " ".join(WORDS) + "\n" for name in "abc"
    }


def test_a_server_whose_model_cannot_be_loaded_says_why_it_waits(
    parakeet: Command, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server(BEEP_FAULT="model@0")
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    running = parakeet.start("transcribe", "talk.wav", "--server", server.url)
    assert running.stderr is not None
    said = [next(line for line in running.stderr if "cannot begin" in line)]
    running.send_signal(signal.SIGINT)
    said += running.communicate(timeout=30)[1].splitlines()
    assert running.returncode == 130
    assert sum("cannot begin" in line for line in said) == 1
    assert "The weights cannot be read" in said[0]


def test_nothing_of_an_engine_is_imported(parakeet: Command, server: RunningServer) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    heavy = {"torch", "nemo", "lightning", "numpy", "flask", "waitress", "onnxruntime", "huggingface_hub", "yaml"}
    code = (
        "import sys\nfrom parakeet_cli.cli.main import app\n"
        f"sys.argv = ['parakeet', 'transcribe', 'talk.wav', '--server', {server.url!r}]\n"
        "try:\n    app()\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
        f"loaded = {heavy!r} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=parakeet.folder, env=parakeet.environment)
    assert (parakeet.folder / "talk.srt").exists()
