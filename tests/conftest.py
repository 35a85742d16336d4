"""What every test may ask for."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import imageio_ffmpeg
import pytest

ROOT = Path(__file__).parent.parent


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA card")


@dataclass(frozen=True)
class Command:
    """``parakeet`` as a user starts it, in a folder and with state of its own; the recognizer hears beeps."""

    folder: Path
    environment: dict[str, str]

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
    work = tmp_path / "work"
    work.mkdir()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PARAKEET_", "HF_")) and name != "CHUNK_MINITE"
    }
    environment |= {
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error::ResourceWarning",
        "PARAKEET_STATE_DIR": str(tmp_path / "state"),
        "PARAKEET_SPOOL": str(tmp_path / "spool"),
        "PARAKEET_MODEL": "demo",
        "HF_HUB_OFFLINE": "1",
    }
    return Command(work, environment)


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    """An ffmpeg that makes media for tests."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())
