"""The command line of the server, and what it refuses before it listens."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from parakeet_cli.cli import serve_run
from parakeet_cli.cli.main import app
from parakeet_cli.settings import ServerSettings, TranscriptionSettings
from tests.conftest import Command


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``settings(*options, **environment)`` → what the server would be run with, or the message of the refusal."""
    for name in [name for name in os.environ if name.startswith("PARAKEET_")]:
        monkeypatch.delenv(name)

    def read(*options: str, **environment: str) -> tuple[ServerSettings, str, TranscriptionSettings] | str:
        taken: list[tuple[ServerSettings, str, TranscriptionSettings]] = []

        def run(server: ServerSettings, model: str, transcription: TranscriptionSettings, *, as_json: bool) -> int:
            taken.append((server, model, transcription))
            return 0

        monkeypatch.setattr(serve_run, "run", run)
        width: Mapping[str, str] = {"COLUMNS": "300", "TERM": "dumb", "NO_COLOR": "1"}
        result = CliRunner().invoke(app, ["serve", *options], env={**width, **environment})
        assert result.exit_code in (0, 2), result.output
        return taken[0] if result.exit_code == 0 else result.output

    return read


def test_the_defaults_are_those_of_the_settings(settings: Any) -> None:
    server, model, transcription = settings()
    assert server == ServerSettings()
    assert model == "parakeet-tdt-0.6b-v2"
    assert transcription.decoding.max_duration == 4 * 3600


def test_every_option_reaches_the_settings(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("third\n")
    server, model, transcription = settings(
        *("--host", "0.0.0.0", "--port", "80", "--api-key", "first", "--api-key", "second"),
        *("--api-keys-file", str(tmp_path / "keys"), "--insecure-no-auth"),
        *("--allow-host", "a.lan", "--allow-host", "b"),
        *("--cors-origin", "https://app.example/", "--strict-models", "--max-upload", "1.5M", "--max-duration", "none"),
        *("--concurrency", "2", "--queue", "3", "--idle-timeout", "0", "--eager", "--drain", "5", "--keep", "1:00:00"),
        *("--model", "demo", "--chunk-seconds", "20", "--no-audit"),
    )
    assert (server.host, server.port, server.keys) == ("0.0.0.0", 80, ("first", "second", "third"))
    assert (server.insecure_no_auth, server.hosts, server.origins) == (True, ("a.lan", "b"), ("https://app.example",))
    assert (server.strict_models, server.uploads.max_bytes) == (True, 1_572_864)
    assert server.uploads.max_seconds == float("inf")
    assert (server.lifecycle.concurrency, server.lifecycle.waiting, server.lifecycle.idle_seconds) == (2, 3, 0)
    assert (server.lifecycle.lazy, server.drain_seconds, server.keep_seconds) == (False, 5, 3600)
    assert (model, transcription.chunks.chunk_seconds, transcription.coverage.audit) == ("demo", 20, False)
    assert transcription.decoding.max_duration is None


def test_every_option_has_a_variable(settings: Any) -> None:
    server, model, transcription = settings(
        PARAKEET_HOST="::1",
        PARAKEET_PORT="81",
        PARAKEET_API_KEY="first second",
        PARAKEET_ALLOW_HOST="a.lan b.lan",
        PARAKEET_CORS_ORIGIN="https://a.example http://b.example:8080",
        PARAKEET_STRICT_MODELS="1",
        PARAKEET_MAX_UPLOAD="2GiB",
        PARAKEET_MAX_DURATION="90",
        PARAKEET_CONCURRENCY="1",
        PARAKEET_QUEUE="0",
        PARAKEET_IDLE_TIMEOUT="never",
        PARAKEET_LAZY="false",
        PARAKEET_DRAIN="1.5",
        PARAKEET_KEEP="never",
        PARAKEET_MODEL="v3",
        PARAKEET_BATCH_SIZE="4",
    )
    assert (server.host, server.port, server.keys) == ("::1", 81, ("first", "second"))
    assert (server.hosts, server.origins) == (("a.lan", "b.lan"), ("https://a.example", "http://b.example:8080"))
    assert (server.strict_models, server.uploads.max_bytes, server.uploads.max_seconds) == (True, 2 << 30, 90)
    assert (server.lifecycle.concurrency, server.lifecycle.waiting) == (1, 0)
    assert (server.lifecycle.idle_seconds, server.lifecycle.lazy) == (float("inf"), False)
    assert (server.drain_seconds, server.keep_seconds) == (1.5, float("inf"))
    assert (model, transcription.batch.batch_size) == ("v3", 4)


def test_the_originals_variables_are_understood(settings: Any) -> None:
    server, _, transcription = settings(
        CHUNK_MINITE="2", IDLE_TIMEOUT_MINUTES="5", ENABLE_LAZY_LOAD="false", API_KEY="sk-original"
    )
    assert transcription.chunks.chunk_seconds == 120
    assert (server.lifecycle.idle_seconds, server.lifecycle.lazy, server.keys) == (300, False, ("sk-original",))
    server, *_ = settings(IDLE_TIMEOUT_MINUTES="0", API_KEY="", ENABLE_LAZY_LOAD="true")
    assert (server.lifecycle.idle_seconds, server.lifecycle.lazy, server.keys) == (float("inf"), True, ())
    server, *_ = settings("--idle-timeout", "7", IDLE_TIMEOUT_MINUTES="5")
    assert server.lifecycle.idle_seconds == 7


@pytest.mark.parametrize(
    "options",
    [
        ("--cors-origin", "*"),
        ("--cors-origin", "app.example"),
        ("--cors-origin", "http://["),
        ("--cors-origin", "https://app.example/page"),
        ("--api-key", ""),
        ("--api-key", " key"),
        ("--api-keys-file", "/nonexistent"),
        ("--api-keys-file", "/dev/null"),
        ("--max-upload", "0"),
        ("--max-upload", "large"),
        ("--max-duration", "long"),
        ("--idle-timeout", "-1"),
        ("--port", "70000"),
        ("--concurrency", "0"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(settings: Any, options: tuple[str, str]) -> None:
    assert options[0] in settings(*options)


def test_a_public_address_needs_a_key(parakeet: Command) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        done = parakeet("serve", "--host", host, environment={"COLUMNS": "300"})
        assert done.returncode == 2
        assert "--insecure-no-auth" in done.stderr


def test_a_wrong_model_fails_before_the_port_opens(parakeet: Command) -> None:
    done = parakeet("serve", "--port", "0", "--model", "no-such-model")
    assert (done.returncode, done.stderr.count("\n")) == (5, 1)
    assert "no-such-model" in done.stderr


def test_an_address_that_cannot_be_had_is_one_sentence(parakeet: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = parakeet("serve", "--port", port)
    assert (done.returncode, done.stderr.count("\n")) == (9, 1)
    assert f"Port {port}" in done.stderr and "another program has it" in done.stderr
    done = parakeet("serve", "--host", "no-such-host.invalid", "--insecure-no-auth", "--port", "0")
    assert (done.returncode, done.stderr.count("\n")) == (9, 1)
