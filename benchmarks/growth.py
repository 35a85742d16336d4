"""How cost grows with the length of a recording and with the number of files.

    python -m benchmarks.growth /tmp/growth --model demo

transcribes recordings of 10 seconds to 6 hours and folders of 1 to 1,000 files of 10 seconds, each with a cold process
of ``parakeet transcribe``, and prints a table: seconds of the clock and of the processors, the RTFx, memory, and what
each further second of sound cost beyond the row before. ``--seconds`` and ``--files`` take others. Recordings are ten
minutes of spoken digits, from the start or over and over; files are copies of their first ten seconds.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording, write_wav
from parakeet_cli.settings import SAMPLE_RATE

__all__ = ["Run", "main", "table"]

_PERIOD_SECONDS = 600
_CLIP_SECONDS = 10
_SECONDS = (10, 60, 600, 3600, 6 * 3600)
_FILES = (1, 10, 100, 1000)


class Run(NamedTuple):
    """One process. ``processor``: seconds of all its threads and of ffmpeg; ``memory``: bytes at its peak."""

    what: str
    audio: float
    """Seconds."""
    clock: float
    processor: float
    memory: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--seconds", type=int, nargs="*", default=_SECONDS)
    parser.add_argument("--files", type=int, nargs="*", default=_FILES)
    parser.add_argument("--options", default="", help="more options of parakeet transcribe, in quotes")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--model", arguments.model, *shlex.split(arguments.options)]
    recordings = [_recording(folder, seconds) for seconds in arguments.seconds]
    folders = [_files(folder, number) for number in arguments.files]
    _run("warming", folder / "warming", _recording(folder, _CLIP_SECONDS), _CLIP_SECONDS, options)
    runs = [
        _run(_spoken(seconds), folder / "out", path, seconds, options)
        for seconds, path in zip(arguments.seconds, recordings, strict=True)
    ]
    print(table(runs), end="\n\n", flush=True)
    runs = [
        _run(f"{number:,} file{'s' * (number > 1)}", folder / "out", path, number * _CLIP_SECONDS, options)
        for number, path in zip(arguments.files, folders, strict=True)
    ]
    print(table(runs))


def table(runs: Sequence[Run]) -> str:
    """Markdown; a row's last column is its further processor time for each further second of sound."""
    lines = [
        "| recorded | clock | processors | RTFx | memory | processors, ms for each further second |",
        "|---|---|---|---|---|---|",
    ]
    before: Run | None = None
    for run in runs:
        further = f"{1000 * (run.processor - before.processor) / (run.audio - before.audio):.1f}" if before else ""
        lines.append(
            f"| {run.what} | {run.clock:.1f} s | {run.processor:.1f} s | {run.audio / run.clock:.1f} "
            f"| {run.memory / 1e6:,.0f} MB | {further} |"
        )
        before = run
    return "\n".join(lines)


def _recording(folder: Path, seconds: int) -> Path:
    path = folder / f"{_spoken(seconds).replace(' ', '-')}.wav"
    if not path.exists():
        period = folder / "period.wav"
        if not period.exists():
            samples = make_recording(_PERIOD_SECONDS, 5, load_clips(DEFAULT_FOLDER), style="mixed").samples
            write_wav(period, samples)
        with wave.open(str(period)) as source, wave.open(str(path), "wb") as target:
            target.setparams(source.getparams())
            left = seconds * SAMPLE_RATE
            while left > 0:
                source.rewind()
                frames = source.readframes(min(left, source.getnframes()))
                target.writeframes(frames)
                left -= source.getnframes()
    return path


def _files(folder: Path, number: int) -> Path:
    files = folder / f"{number}-files"
    if not files.exists():
        clip = _recording(folder, _CLIP_SECONDS)
        files.mkdir()
        for index in range(number):
            shutil.copy(clip, files / f"{index:04}.wav")
    return files


def _run(what: str, out: Path, path: Path, seconds: float, options: Sequence[str]) -> Run:
    program = str(Path(sys.executable).parent / "parakeet")
    command = [program, "transcribe", str(path), "--format", "srt", "--output", str(out), "--overwrite", "--quiet"]
    began = time.perf_counter()
    with subprocess.Popen([*command, *options]) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{shlex.join(command)} ended with {process.returncode}.")
    clock = time.perf_counter() - began
    return Run(what, seconds, clock, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _spoken(seconds: int) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


if __name__ == "__main__":
    main()
