import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parakeet_cli.errors import DecodeKilled, DecodeTimeout, FfmpegMissing
from parakeet_cli.transcription.media.child_messages import Messages
from parakeet_cli.transcription.media.ffmpeg import Ffmpeg, find_ffmpeg, input_arguments
from parakeet_cli.transcription.media.ffmpeg_process import FfmpegProcess, Patience
from parakeet_cli.transcription.media.interruption import Interrupted, Interruption

QUICK = Patience(no_progress_seconds=0.4, kill_grace_seconds=0.3)


@pytest.fixture(autouse=True)
def descriptor(no_leaks: None) -> Iterator[int]:
    """Any open file; the tests' programs do not read it."""
    descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    yield descriptor
    os.close(descriptor)


def _script(folder: Path, body: str, name: str = "fake-ffmpeg") -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def _output(command: list[str], descriptor: int, patience: Patience = QUICK) -> tuple[bytes, FfmpegProcess]:
    with FfmpegProcess(command, descriptor, patience) as process:
        return b"".join(process.output()), process


def test_ffmpeg_tells_its_version_and_whether_it_reads_descriptors(ffmpeg_build: Ffmpeg) -> None:
    number = int(ffmpeg_build.version.lstrip("n").partition(".")[0])
    assert ffmpeg_build.has_fd == (number >= 6)
    arguments = input_arguments(ffmpeg_build, 7, "error")
    assert arguments[0] == ffmpeg_build.path
    assert "file:/proc/self/fd/7" in arguments or sys.platform != "linux" or arguments[-3:] == ["7", "-i", "fd:"]


def test_the_path_is_searched_and_then_imageio_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARAKEET_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "imageio" in find_ffmpeg().path
    _script(tmp_path, 'echo "ffmpeg version 7.1.2 Copyright" >&2; echo "Input:\n  fd\n  file\nOutput:"', "ffmpeg")
    found = find_ffmpeg()
    assert found == Ffmpeg(str(tmp_path / "ffmpeg"), "7.1.2", has_fd=True)


def test_no_ffmpeg_at_all_is_told_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARAKEET_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "")
    monkeypatch.setattr("imageio_ffmpeg._utils.get_platform", lambda: "none")
    monkeypatch.setattr("imageio_ffmpeg._utils._is_valid_exe", lambda exe: False)
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", _not_found)
    with pytest.raises(FfmpegMissing, match="install it"):
        find_ffmpeg()


def _not_found() -> str:
    raise RuntimeError("No ffmpeg exe could be found.")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "cannot be run"),
        ("exit 0", "does not answer as ffmpeg does"),
        ("kill -ILL $$", "does not answer as ffmpeg does"),
        ('echo "ffmpeg version 3.4.8-0ubuntu0.2" >&2', "too old"),
    ],
)
def test_a_named_ffmpeg_that_does_not_serve_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str | None, said: str
) -> None:
    path = str(tmp_path / "gone") if body is None else _script(tmp_path, body)
    monkeypatch.setenv("PARAKEET_FFMPEG", path)
    with pytest.raises(FfmpegMissing, match=said):
        find_ffmpeg()


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are listed in /proc")
def test_the_child_gets_nothing_of_ours(tmp_path: Path, descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "1")
    other = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(other, True)
    script = _script(tmp_path, "env; echo files $(ls -A); readlink /proc/$$/fd/0; echo descriptors; ls /proc/$$/fd")
    output, process = _output([script], descriptor)
    os.close(other)
    text = output.decode()
    assert process.exit_code == 0
    assert "SECRET_KEY" not in text
    assert "LC_ALL=C" in text
    assert "files\n/dev/null\n" in text
    # 10 is where sh keeps the script itself.
    assert set(text.partition("descriptors")[2].split()) - {"10"} == {"0", "1", "2", str(descriptor)}


@pytest.mark.skipif(sys.platform != "linux", reason="limits are set with prlimit")
def test_the_child_has_limits(tmp_path: Path, descriptor: int) -> None:
    output, _ = _output([_script(tmp_path, "sleep 0.2; cat /proc/$$/limits")], descriptor)
    limits = {line[:25].strip(): line[25:].split()[0] for line in output.decode().splitlines()}
    assert limits["Max address space"] == str(1 << 30)
    assert limits["Max cpu time"] == "1800"
    assert limits["Max core file size"] == "0"
    assert limits["Max file size"] == "0"
    assert limits["Max open files"] == "64"


def test_a_child_for_which_the_system_has_no_room_is_no_missing_ffmpeg(
    tmp_path: Path, descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:  # a real limit on processes does not bind root
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", no_room)
    with pytest.raises(DecodeKilled, match="at present"):
        _output([_script(tmp_path, "exit 0")], descriptor)


def test_an_ffmpeg_that_cannot_be_asked_at_present_is_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or every recording of a server would fail for good, and the next engine be asked again."""
    name = str(_script(tmp_path, "kill -9 $$"))
    monkeypatch.setenv("PARAKEET_FFMPEG", name)
    with pytest.raises(DecodeKilled, match="killed from outside"):
        find_ffmpeg()

    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "run", no_room)
    with pytest.raises(DecodeKilled, match="at present"):
        find_ffmpeg()


def test_a_child_needs_no_folder_of_its_own(tmp_path: Path, descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk may be full, or somebody may have removed the folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    monkeypatch.setenv("PARAKEET_FFMPEG", str(_script(tmp_path, "echo ffmpeg version 7.0 >&2; echo Output:")))
    assert find_ffmpeg().version == "7.0"
    assert _output([_script(tmp_path, "pwd")], descriptor)[0] == b"/\n"


def test_a_child_that_makes_no_progress_is_stopped(tmp_path: Path, descriptor: int) -> None:
    began = time.monotonic()
    with pytest.raises(DecodeTimeout):
        _output([_script(tmp_path, "printf x; sleep 100")], descriptor)
    assert time.monotonic() - began < 1.5


def test_talking_without_output_is_no_progress(tmp_path: Path, descriptor: int) -> None:
    with pytest.raises(DecodeTimeout):
        _output([_script(tmp_path, "yes trouble >&2")], descriptor)


def test_a_child_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path, descriptor: int) -> None:
    script = _script(tmp_path, "trap '' TERM; sleep 100 & echo $!; wait; sleep 100")
    began = time.monotonic()
    with FfmpegProcess([script], descriptor, QUICK) as process:
        output = process.output()
        pid = int(next(output))
        with pytest.raises(DecodeTimeout):
            next(output)
    assert time.monotonic() - began < 2.5
    assert _is_gone(pid)


def _is_gone(pid: int) -> bool:
    for _ in range(100):
        status = Path(f"/proc/{pid}/stat")
        try:
            os.kill(pid, 0)
            if status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z":
                return True  # an orphan that this machine's first process has not reaped yet
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


def test_time_in_which_the_child_waits_for_us_does_not_count(tmp_path: Path, descriptor: int) -> None:
    script = _script(tmp_path, "head -c 1000000 /dev/zero")
    received = 0
    with FfmpegProcess([script], descriptor, Patience(0.3, 0.3, total_seconds=0.5)) as process:
        for number, data in enumerate(process.output()):
            received += len(data)
            if number in (0, 1, 2):
                time.sleep(0.4)
    assert received == 1_000_000


def test_the_total_wait_is_limited_and_grows_with_the_output(tmp_path: Path, descriptor: int) -> None:
    slow = _script(tmp_path, "for i in 1 2 3 4 5 6 7 8; do printf 0123456789; sleep 0.1; done")
    with pytest.raises(DecodeTimeout):
        _output([slow], descriptor, Patience(5, 0.3, total_seconds=0.3))
    output, _ = _output([slow], descriptor, Patience(5, 0.3, total_seconds=0.3, per_byte_seconds=0.1))
    assert len(output) == 80


def test_a_child_killed_from_outside_is_told_as_such(tmp_path: Path, descriptor: int) -> None:
    with pytest.raises(DecodeKilled):
        _output([_script(tmp_path, "printf x; kill -9 $$")], descriptor)


def test_a_crash_is_an_exit_code(tmp_path: Path, descriptor: int) -> None:
    output, process = _output([_script(tmp_path, "printf x; kill -SEGV $$")], descriptor)
    assert output == b"x"
    assert process.exit_code == -signal.SIGSEGV


def test_leaving_early_ends_a_child_that_writes_for_ever(tmp_path: Path, descriptor: int) -> None:
    began = time.monotonic()
    with FfmpegProcess([_script(tmp_path, "yes")], descriptor, Patience(30, 30)) as process:
        assert next(process.output()).startswith(b"y\ny\n")
    assert time.monotonic() - began < 2
    assert process.exit_code is None


def test_an_interruption_ends_a_silent_child_at_once_and_lets_none_start_again(tmp_path: Path, descriptor: int) -> None:
    interruption = Interruption()
    began = time.monotonic()
    with FfmpegProcess([_script(tmp_path, "sleep 60")], descriptor, Patience(30, 30), None, interruption) as process:
        threading.Timer(0.2, interruption.interrupt).start()
        with pytest.raises(Interrupted):
            next(process.output())
    assert time.monotonic() - began < 10  # neither no_progress_seconds nor the grace
    with (
        pytest.raises(Interrupted),
        FfmpegProcess([_script(tmp_path, "echo")], descriptor, QUICK, None, interruption),
    ):
        pytest.fail("it was started")


def test_an_interruption_ends_a_child_that_nobody_reads(tmp_path: Path, descriptor: int) -> None:
    interruption = Interruption()
    script = _script(tmp_path, "echo $$; exec yes")
    with FfmpegProcess([script], descriptor, Patience(30, 30), None, interruption) as process:
        child = int(next(process.output()).split()[0])
        interruption.interrupt()
        assert _is_gone(child)
        with pytest.raises(Interrupted):
            list(process.output())
    interruption.interrupt()  # what has ended is not ended again


def test_messages_are_counted_and_only_their_end_is_kept(tmp_path: Path, descriptor: int) -> None:
    script = _script(tmp_path, "i=0; while [ $i -lt 3000 ]; do echo line $i >&2; i=$((i+1)); done; printf last >&2")
    _, process = _output([script], descriptor)
    assert process.messages.count == 3001
    assert process.messages.tail[-1] == "last"
    assert 4000 < sum(map(len, process.messages.tail)) <= 8192


def test_an_endless_line_is_cut() -> None:
    messages = Messages()
    for _ in range(100):
        messages.feed(b"x" * 65_536)
    messages.feed(b"\nnext\n")
    assert [len(line) for line in messages.tail] == [4096, 4]


def test_a_command_that_cannot_start_is_missing_and_leaves_nothing(tmp_path: Path, descriptor: int) -> None:
    with pytest.raises(FfmpegMissing):
        _output([str(tmp_path / "gone")], descriptor)


def test_our_death_ends_a_child_that_writes(tmp_path: Path, descriptor: int) -> None:
    script = _script(tmp_path, "echo $$; exec yes")
    code = (
        "import os, sys\n"
        "from parakeet_cli.transcription.media.ffmpeg_process import FfmpegProcess, Patience\n"
        "descriptor = os.open(os.devnull, os.O_RDONLY)\n"
        f"with FfmpegProcess([{script!r}], descriptor, Patience(30, 2)) as process:\n"
        "    print(next(process.output()).split()[0].decode(), flush=True); os.kill(os.getpid(), 9)\n"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert _is_gone(int(ended.stdout))


_RUNS_UNTIL_ENDED = """
import os, sys, threading, time
from parakeet_cli.errors import DecodeKilled
from parakeet_cli.transcription.media import ffmpeg_process
from parakeet_cli.transcription.media.ffmpeg_process import FfmpegProcess, Patience, end_all

def decode():
    descriptor = os.open(os.devnull, os.O_RDONLY)
    while True:
        try:
            with FfmpegProcess([sys.argv[1]], descriptor, Patience(30, 30)) as process:
                for _ in process.output():
                    pass
        except DecodeKilled:
            pass  # and again, as who retries does

for _ in range(int(sys.argv[2])):
    threading.Thread(target=decode, daemon=True).start()
"""
_MARKS_ITSELF = "mkdir {folder}/$$; sleep 100 & mkdir {folder}/$!; wait"
"""Writes nothing; its number, and that of a child of its own, become names, as it may write no file."""


def _end_all_after(
    tmp_path: Path, threads: int, then: str, marked: str = _MARKS_ITSELF
) -> "tuple[subprocess.CompletedProcess[str], list[int]]":
    """In a process of its own: what it said, and the numbers of the children that it had, now or a moment later."""
    (tmp_path / "temporary").mkdir(exist_ok=True)
    started = tmp_path / "started"
    started.mkdir(exist_ok=True)
    script = _script(tmp_path, marked.format(folder=started))
    ended = subprocess.run(
        [sys.executable, "-c", _RUNS_UNTIL_ENDED + then, script, str(threads), str(started)],
        capture_output=True,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary")},
        timeout=20,
        check=False,
    )
    time.sleep(0.3)
    return ended, [int(path.name) for path in started.iterdir()]


def test_all_that_wait_silently_are_ended_at_once_and_leave_no_folder(tmp_path: Path) -> None:
    then = (
        "while len(os.listdir(sys.argv[3])) < 6: time.sleep(0.01)\n"
        "began = time.monotonic(); end_all(); end_all(); print(time.monotonic() - began, flush=True); os._exit(5)\n"
    )
    ended, children = _end_all_after(tmp_path, 3, then)
    assert ended.returncode == 5, ended.stderr
    assert float(ended.stdout) < 0.2
    assert len(children) == 6
    assert all(_is_gone(pid) for pid in children)
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("milliseconds", [0, 1, 3, 8, 20])
def test_none_slips_through_that_is_just_being_started(tmp_path: Path, milliseconds: int) -> None:
    ended, children = _end_all_after(
        tmp_path, 8, f"time.sleep({milliseconds / 1000}); end_all(); os._exit(5)\n", "mkdir {folder}/$$; exec sleep 100"
    )
    assert ended.returncode == 5, ended.stderr
    assert all(_is_gone(pid) for pid in children)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_none_is_started_after_all_were_ended(tmp_path: Path) -> None:
    then = "end_all(); threading.Thread(target=decode, daemon=True).start(); time.sleep(0.3); os._exit(5)\n"
    ended, children = _end_all_after(tmp_path, 0, then)
    assert ended.returncode == 5, ended.stderr
    assert children == []


def test_a_child_that_ended_by_itself_is_forgotten_as_its_number_may_be_anothers(tmp_path: Path) -> None:
    then = (
        "descriptor = os.open(os.devnull, os.O_RDONLY)\n"
        "killed = []\n"
        "os.killpg = lambda *call: killed.append(call)\n"
        "with FfmpegProcess([sys.argv[1]], descriptor, Patience(30, 30)) as process:\n"
        "    list(process.output())\n"
        "    end_all()\n"
        "end_all(); print(killed, flush=True)\n"
    )
    ended, _ = _end_all_after(tmp_path, 0, then, "true")
    assert (ended.returncode, ended.stdout) == (0, "[]\n"), ended.stderr


def test_a_signal_handler_may_end_all_while_its_own_thread_is_starting_one(tmp_path: Path) -> None:
    """It interrupts whoever holds the lock, which must not wait for itself."""
    then = (
        "import signal\n"
        "signal.signal(signal.SIGALRM, lambda *_: (end_all(), os._exit(5)))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.1)\n"
        "with ffmpeg_process._children.starting: time.sleep(5)\n"
    )
    began = time.monotonic()
    ended, _ = _end_all_after(tmp_path, 0, then)
    assert ended.returncode == 5, ended.stderr
    assert time.monotonic() - began < 4
