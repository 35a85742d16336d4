"""How often ffmpeg is started for a recording: a start costs more than decoding a short clip."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.fakes import ODD
from tests.server.asking import SPEECH
from tests.server.processes import RunningServer, form, until


@pytest.fixture
def starts(tmp_path: Path, ffmpeg: str) -> Path:
    """A folder in which ``ffmpeg`` leaves a file a start: it may write none, but make empty ones."""
    folder = tmp_path / "starts"
    folder.mkdir()
    script = tmp_path / "ffmpeg"
    script.write_text(
        f"""#!/bin/sh
        case "$*" in
            *framecrc*) mktemp {folder}/probe.XXXXXX >/dev/null ;;
            *s16le*) mktemp {folder}/decode.XXXXXX >/dev/null ;;
            *-protocols*) ;;
            *) mktemp {folder}/other.XXXXXX >/dev/null ;;
        esac
        exec {shutil.which("ffmpeg") or ffmpeg} "$@"
        """
    )
    script.chmod(0o755)
    return folder


def kinds(starts: Path) -> list[str]:
    return sorted(path.stem for path in starts.iterdir())


def test_a_request_and_a_job_are_probed_once_and_decoded_once(
    start_server: Callable[..., RunningServer], starts: Path, tmp_path: Path
) -> None:
    server = start_server(PARAKEET_FFMPEG=str(tmp_path / "ffmpeg"))
    assert server.transcribe(SPEECH + ODD).json()["text"] == "one two three"
    assert kinds(starts) == ["decode", "probe"]
    body, kind = form(SPEECH + ODD)
    location = server.ask("POST", "/v1/jobs", body, {"Content-Type": kind}).headers["location"]
    until(lambda: server.ask("GET", location).json()["status"] == "completed", "the job is done")
    assert kinds(starts) == ["decode", "decode", "probe", "probe"]


def test_samples_as_they_are_wanted_need_no_ffmpeg(
    start_server: Callable[..., RunningServer], parakeet: Command, starts: Path, tmp_path: Path
) -> None:
    server = start_server(PARAKEET_FFMPEG=str(tmp_path / "ffmpeg"))
    assert server.transcribe(SPEECH).json()["text"] == "one two three"
    (parakeet.folder / "one.wav").write_bytes(SPEECH)
    done = parakeet("transcribe", "one.wav", environment={"PARAKEET_FFMPEG": str(tmp_path / "ffmpeg")})
    assert done.returncode == 0
    assert kinds(starts) == []


def test_a_file_of_several_tracks_is_probed_once(parakeet: Command, ffmpeg: str, starts: Path, tmp_path: Path) -> None:
    (parakeet.folder / "one.wav").write_bytes(SPEECH)
    maps = ("-i", "one.wav", "-map", "0", "-map", "0", "-map", "0")
    subprocess.run([ffmpeg, "-v", "error", *maps, "three.mka"], cwd=parakeet.folder, check=True)
    done = parakeet(
        *("transcribe", "three.mka", "--track", "all"), environment={"PARAKEET_FFMPEG": str(tmp_path / "ffmpeg")}
    )
    assert done.returncode == 0
    assert kinds(starts) == ["decode"] * 3 + ["probe"]
