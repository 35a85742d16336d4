"""Servers that hear beeps, for clients that are real commands."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.server.processes import RunningServer, running

KEY = "sk-key-of-the-tests-0123456789"
DEAF = "8-11"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("server"), BEEP_DEAF=DEAF) as started:
        yield started


@pytest.fixture(scope="session")
def locked_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """It wants ``KEY``, and takes 1 MiB."""
    with running(tmp_path_factory.mktemp("locked"), "--api-key", KEY, "--max-upload", "1M") as started:
        yield started


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """``start_server(*options, **environment)``: stopped at the end."""
    with ExitStack() as servers:

        def start(*options: str, **environment: str) -> RunningServer:
            folder = tmp_path / f"server-{len(list(tmp_path.glob('server-*')))}"
            folder.mkdir()
            return servers.enter_context(running(folder, *options, **environment))  # type: ignore[arg-type] # all are text

        yield start


def jobs_of(server: RunningServer) -> int:
    """How many the server knows, in whatever state."""
    database = server.log_path.parent / "state" / "jobs" / "jobs.sqlite"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])


def files_in(folder: Path) -> dict[str, bytes]:
    """What was written, but for the pace, by name."""
    return {
        path.name: b"".join(line for line in path.read_bytes().splitlines(True) if b'"rtfx"' not in line)
        for path in sorted(folder.iterdir())
    }
