"""Servers and clients for the conformance cases: each started once, as a user would."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes import beeps, write_wav
from tests.server.conformance import clients
from tests.server.conformance.clients import NODES, PYTHONS, Client
from tests.server.conformance.clips import Clips
from tests.server.conformance.hasty_server import PROGRAM as HASTY
from tests.server.processes import RunningServer, form, running

PARAKEET = ("-c", "from parakeet_cli.cli.main import main; main()")
"""The command ``parakeet``, of this source rather than of what may be installed."""
KEY = "sk-key-of-the-conformance-cases"
MOST_BYTES = 4 << 20
"""That ``strict_server`` takes of a file."""
SHORT_CHUNKS = ("--chunk-seconds", "4", "--context-seconds", "1", "--batch-size", "1")
BATCH_SECONDS = 0.2
"""What such a chunk takes the slow servers."""
ONE_TO_FIVE = ("one", "two", "three", "four", "five")


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory, ffmpeg: str) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"), ffmpeg)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, clips: Clips, ffmpeg: str) -> Iterator[str]:
    """The address of a server with the demo checkpoint, which is loaded: the same text on every processor.

    A static ffmpeg starts four times as fast as one of many libraries.
    """
    with running(
        tmp_path_factory.mktemp("demo"),
        *("--model", "demo", "--dtype", "fp32"),
        program=PARAKEET,
        PARAKEET_FFMPEG=ffmpeg,
    ) as server:
        body, kind = form(clips.speech.read_bytes())
        assert server.ask("POST", "/v1/audio/transcriptions", body, {"Content-Type": kind}, timeout=300).status == 200
        yield server.url


@pytest.fixture(scope="session")
def slow_server(tmp_path_factory: pytest.TempPathFactory, slow_beeps: Path, ffmpeg: str) -> Iterator[RunningServer]:
    """Cuts chunks of 4 s and takes ``BATCH_SECONDS`` for each; says soon that it is alive."""
    with running(
        tmp_path_factory.mktemp("slow"),
        *SHORT_CHUNKS,
        program=HASTY,
        sound=slow_beeps.read_bytes(),
        PARAKEET_FFMPEG=ffmpeg,
        BEEP_SECONDS=str(BATCH_SECONDS),
        KEEP_ALIVE="0.1",
        HEARTBEAT_AFTER="0.3",
    ) as server:
        yield server


@pytest.fixture(scope="session")
def strict_server(tmp_path_factory: pytest.TempPathFactory, slow_beeps: Path, ffmpeg: str) -> Iterator[RunningServer]:
    """Wants ``KEY`` and a model's right name, takes ``MOST_BYTES``, and has one place and one to wait in."""
    with running(
        tmp_path_factory.mktemp("strict"),
        *("--api-key", KEY, "--strict-models", "--max-upload", "4M", "--concurrency", "1", "--queue", "1"),
        *SHORT_CHUNKS,
        program=HASTY,
        PARAKEET_FFMPEG=ffmpeg,
        BEEP_SECONDS=str(BATCH_SECONDS),
    ) as server:
        headers = {"Authorization": f"Bearer {KEY}"}
        assert server.transcribe(slow_beeps.read_bytes(), headers=headers, model="whisper-1").status == 200
        yield server


@pytest.fixture(scope="session")
def very_slow_beeps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``ONE_TO_FIVE`` four times: more than four seconds of work for the slow servers."""
    return write_wav(tmp_path_factory.mktemp("beeps") / "very slow.wav", beeps(ONE_TO_FIVE * 4, beep=0.48, pause=3.52))


@pytest.fixture(scope="session")
def slow_beeps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``ONE_TO_FIVE``, four seconds from one to the next."""
    return write_wav(tmp_path_factory.mktemp("beeps") / "slow.wav", beeps(ONE_TO_FIVE, beep=0.48, pause=3.52))


@pytest.fixture(scope="session")
def started_clients() -> Iterator[dict[str, Client]]:
    """Those that tests have asked for, by name."""
    started: dict[str, Client] = {}
    yield started
    for client in started.values():
        client.end()


@pytest.fixture(scope="session", params=[*PYTHONS, *NODES])
def client(request: pytest.FixtureRequest, demo: str, started_clients: dict[str, Client]) -> Client:
    """Each official client in turn, talking to ``demo``."""
    return _client(request.param, demo, started_clients)


@pytest.fixture(scope="session", params=[PYTHONS[0], NODES[0]])
def either_client(request: pytest.FixtureRequest, demo: str, started_clients: dict[str, Client]) -> Client:
    """The newest of either language: for what its versions read alike."""
    return _client(request.param, demo, started_clients)


@pytest.fixture(scope="session", params=[*PYTHONS, *NODES])
def anywhere(request: pytest.FixtureRequest, started_clients: dict[str, Client]) -> Client:
    """Each official client in turn; ``at`` says which server it talks to."""
    return _client(request.param, "http://127.0.0.1:9", started_clients)


@pytest.fixture(scope="session")
def named_client(started_clients: dict[str, Client]) -> Callable[[str], Client]:
    """An official client by its name; ``at`` says which server it talks to."""
    return lambda name: _client(name, "http://127.0.0.1:9", started_clients)


@pytest.fixture(scope="session", params=PYTHONS)
def python_client(request: pytest.FixtureRequest, demo: str, started_clients: dict[str, Client]) -> Client:
    return _client(request.param, demo, started_clients)


@pytest.fixture(scope="session", params=NODES)
def node_client(request: pytest.FixtureRequest, demo: str, started_clients: dict[str, Client]) -> Client:
    return _client(request.param, demo, started_clients)


@pytest.fixture(scope="session")
def newest_client(demo: str, started_clients: dict[str, Client]) -> Client:
    """Python's; it has what does not differ between clients."""
    return _client(PYTHONS[0], demo, started_clients)


@pytest.fixture(scope="session")
def heard(newest_client: Client, clips: Clips) -> str:
    """The text of ``clips.speech``."""
    return str(newest_client.transcribe(clips.speech).value["text"])


@pytest.fixture(scope="session")
def address_of_speech(clips: Clips) -> Iterator[str]:
    """``clips.speech`` on a web server."""
    handler = functools.partial(_Quiet, directory=str(clips.speech.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}/{clips.speech.name}"
        web.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def _client(name: str, server: str, started: dict[str, Client]) -> Client:
    if name not in started:
        started[name] = Client(name, server, clients.start(name))
    return started[name].at(server)
