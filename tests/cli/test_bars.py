"""The progress bars, on a terminal that is one."""

import os
import re
import subprocess

from tests.conftest import Command
from tests.fakes import beeps, write_wav


def on_a_terminal(parakeet: Command, *arguments: str) -> tuple[int, str]:
    """Exit code, and all that was written to a terminal of 120 columns on stderr."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        parakeet.line("transcribe", *arguments),
        cwd=parakeet.folder,
        env=parakeet.environment | {"TERM": "xterm", "COLUMNS": "120", "BEEP_SECONDS": "0.3"},
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            data = os.read(ours, 65_536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not data:
            break
        written += data
    os.close(ours)
    return process.wait(), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())


def test_the_batch_and_the_file_under_way_have_bars_with_pace_and_time_left(parakeet: Command) -> None:
    for name in ("a.wav", "[red]b.wav"):
        write_wav(parakeet.folder / name, beeps(["one", "two"] * 10))
    code, shown = on_a_terminal(parakeet, ".", "--chunk-seconds", "2", "--batch-size", "1")
    assert code == 0
    assert "Loading demo" in shown
    assert "[red]b.wav" in shown
    assert re.search(r"1/2 files .* 0:\d\d / 0:16 RTFx \d+\.\d · ETA 0:\d\d", shown)
    assert "2 ok, 0 failed, 0 skipped" in shown
    paces = [float(pace) for pace in re.findall(r"files .* RTFx (\d+\.\d)", shown)]
    assert max(paces) < 30  # two seconds a chunk, 0.3 s a batch: nothing faster than 2.6 / 0.3 was possible
