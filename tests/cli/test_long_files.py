"""Long files cost a window of memory, and hours pass 24 (row C06)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import srt

from tests.conftest import Command
from tests.fakes import beeps, write_wav

MEGABYTE = 1024  # ru_maxrss counts kilobytes


def long_file(parakeet: Command, ffmpeg: str, hours: float) -> Path:
    """Beeps, silence for so long, beeps again, as FLAC."""
    edge = write_wav(parakeet.folder / "edge.wav", beeps(["one", "two", "three"]))
    path = parakeet.folder / f"{hours:g}h.flac"
    silence = f"anullsrc=r=16000:cl=mono:d={hours * 3600}"
    subprocess.run(
        [
            *(ffmpeg, "-v", "error", "-i", edge, "-f", "lavfi", "-i", silence, "-i", edge),
            *("-filter_complex", "[0][1][2]concat=n=3:v=0:a=1", "-c:a", "flac", path),
        ],
        check=True,
    )
    return path


def peak_megabytes(parakeet: Command, module: str, path: Path, *options: str) -> float:
    """Transcribe a file in a process of its own; its peak resident size."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, "transcribe", path, "-f", "srt,json", "-o", "out", *options],
        cwd=parakeet.folder,
        env=parakeet.environment,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / MEGABYTE


@pytest.mark.parametrize("hours", [2, pytest.param(24, marks=pytest.mark.prove)])
def test_a_long_file_costs_a_window_of_memory_and_its_last_words_have_their_times(
    parakeet: Command, ffmpeg: str, hours: int
) -> None:
    short = peak_megabytes(parakeet, "tests.beeping", long_file(parakeet, ffmpeg, 0.1))
    long = peak_megabytes(parakeet, "tests.beeping", long_file(parakeet, ffmpeg, hours))
    assert long - short < 50  # the PCM of two hours alone is 230 MB
    cues = list(srt.parse((parakeet.folder / f"out/{hours}h.srt").read_text()))
    assert [cue.content for cue in cues] == ["one two three"] * 2
    assert cues[1].start.total_seconds() == pytest.approx(hours * 3600 + 1.36 + 0.16, abs=0.08)
    assert f"{hours:02}:00:01,5" in (parakeet.folder / f"out/{hours}h.srt").read_text()


@pytest.mark.prove
@pytest.mark.model
def test_six_hours_of_speech_cost_at_most_300_megabytes_more_than_ten_minutes(parakeet: Command, ffmpeg: str) -> None:
    from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording

    speech = make_recording(600, 3, load_clips(DEFAULT_FOLDER), style="mixed").samples
    ten_minutes = write_wav(parakeet.folder / "ten.wav", speech)
    six_hours = parakeet.folder / "six.flac"
    subprocess.run([ffmpeg, "-v", "error", "-stream_loop", "35", "-i", ten_minutes, six_hours], check=True)
    short = peak_megabytes(parakeet, "parakeet_cli", ten_minutes)
    long = peak_megabytes(parakeet, "parakeet_cli", six_hours)
    print(f"peak: {short:.0f} MB for ten minutes, {long:.0f} MB for six hours")  # noqa: T201 # the figure is the point
    assert long - short < 300
