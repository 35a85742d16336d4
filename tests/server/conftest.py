"""Servers for the tests: real processes, with the engine that hears beeps."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.server.asking import SPEECH
from tests.server.fronts import SETTINGS, Front, running_front
from tests.server.processes import RunningServer, running

KEY = "sk-key-of-the-tests-0123456789"
PAGE = "https://app.example"


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One for all tests that leave it as it was; no key, and one foreign page that may use it."""
    with running(tmp_path_factory.mktemp("shared"), "--cors-origin", f"{PAGE}/", sound=SPEECH) as server:
        yield server


@pytest.fixture
def server(shared_server: RunningServer) -> Iterator[RunningServer]:
    """The shared one; descriptors, threads and files must be as before when the test is over."""
    yield shared_server
    shared_server.assert_back_to_base()


@pytest.fixture(scope="session")
def shared_locked_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("locked"), "--api-key", KEY, "--max-upload", "1M", sound=SPEECH) as server:
        yield server


@pytest.fixture
def locked_server(shared_locked_server: RunningServer) -> Iterator[RunningServer]:
    """One that wants ``KEY`` and takes 1 MiB; it must be as before when the test is over."""
    yield shared_locked_server
    shared_locked_server.assert_back_to_base()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """``start_server(*options, sound=…, **environment)``: as ``processes.running``, stopped at the end."""
    with ExitStack() as servers:

        def start(*options: str, **more: object) -> RunningServer:
            return servers.enter_context(running(tmp_path, *options, **more))  # type: ignore[arg-type]

        yield start


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the uploads of an application in the tests' own process lie."""
    monkeypatch.setenv("PARAKEET_SPOOL", str(tmp_path))
    return tmp_path


@pytest.fixture
def front(spool: Path) -> Iterator[Front]:
    with running_front(SETTINGS) as front:
        yield front
