"""What every test may ask for."""

import logging
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

import hypothesis
import imageio_ffmpeg
import pytest

ROOT = Path(__file__).parent.parent

# A busy machine is no failure.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA card")
    if item.get_closest_marker("nemo_unpacks") and not hasattr(tarfile, "data_filter"):
        pytest.skip("what NeMo's restore_from calls came to Python with 3.11.4; our own loading does not need it")


@pytest.fixture(autouse=True)
def all_records_are_captured(caplog: pytest.LogCaptureFixture) -> None:
    """NeMo's ``logging.setLevel`` reaches pytest's own handlers too, and what it sets there outlives a test."""
    caplog.handler.setLevel(logging.NOTSET)


def skip_for_want_of(tool: str) -> NoReturn:
    """Where ``.ci/run`` has installed the tools, a test that finds one missing fails."""
    if os.environ.get("TOOLS_ARE_INSTALLED"):
        pytest.fail(f"there is no {tool}, which .ci/run installs")
    pytest.skip(f"there is no {tool} on this machine")


@dataclass(frozen=True)
class Command:
    """``parakeet`` as a user starts it, in a folder and with state of its own; the recognizer hears beeps."""

    folder: Path
    environment: dict[str, str]
    user: int | None = None
    """Of another user who runs it, with a group of that number and no other; None runs it as ourselves."""

    def __call__(
        self,
        *arguments: str | bytes | Path,
        stdin: bytes = b"",
        timeout: float = 60,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.line(*arguments),
            cwd=self.folder,
            env={**self.environment, **environment},
            input=stdin.decode("latin-1"),
            capture_output=True,
            encoding="latin-1" if stdin else "utf-8",
            timeout=timeout,
            check=False,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )

    def start(self, *arguments: str | bytes | Path, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.line(*arguments),
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self, *arguments: str | bytes | Path) -> Sequence[str | bytes | Path]:
        return [sys.executable, "-m", "tests.beeping", *arguments]


@pytest.fixture
def parakeet(tmp_path: Path) -> Command:
    """Runs in ``tmp_path / "work"``; the journal, caches and claims are in ``tmp_path / "state"`` and its like."""
    return _command(tmp_path)


@pytest.fixture
def stranger(request: pytest.FixtureRequest) -> Iterator[Command]:
    """``parakeet`` run by another user, who may read what all may and write only in their own folder.

    Indirect parameter: the user's number, by default that of nobody.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # not tmp_path, whose parents are closed to others
        user = getattr(request, "param", 65_534)
        command = _command(Path(name), user)
        command.environment["HOME"] = name
        for path in (Path(name), command.folder):
            os.chown(path, user, user)
        try:
            could = command("--version")
        except OSError as error:
            pytest.skip(f"another user cannot be or may not run {sys.executable} ({error.strerror})")
        if could.returncode != 0:
            pytest.skip(f"another user may not read {sys.prefix} or {ROOT}")
        yield command


def _command(folder: Path, user: int | None = None) -> Command:
    work = folder / "work"
    work.mkdir()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PARAKEET_", "HF_")) and name not in ("CHUNK_MINITE",) and not name.startswith("BEEP_")
    }
    environment |= {
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error::ResourceWarning",
        "PARAKEET_STATE_DIR": str(folder / "state"),
        "PARAKEET_SPOOL": str(folder / "spool"),
        "PARAKEET_MODEL": "demo",
        "HF_HUB_OFFLINE": "1",
    }
    return Command(work, environment, user)


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    """An ffmpeg that makes media for tests."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())
