"""A server from its start to its end: signals, restarts, addresses, what it imports (rows S14, S15, S23, S27)."""

import http.client
import json
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes import ODD, beeps
from tests.server.asking import SPEECH, wav
from tests.server.processes import Answer, RunningServer, form, until

Start = Callable[..., RunningServer]
LONG = wav(beeps(["one", "two", "three", "four"] * 50))
"""80 s, which is several chunks."""


def _is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and ") Z" not in Path(f"/proc/{pid}/stat").read_text()


def test_a_signal_lets_those_finish_who_wait_and_takes_nobody_else(start_server: Start) -> None:
    server = start_server("--concurrency", "1", BEEP_SECONDS="0.7", sound=SPEECH)
    with (
        ThreadPoolExecutor(8) as clients,
        closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as kept,
    ):
        kept.connect()
        answers = [clients.submit(server.transcribe, SPEECH) for _ in range(4)]
        until(lambda: server.metric("parakeet_waiting") == 3, "one runs and three wait")
        (engine,) = server.engines()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: not _takes_connections(server), "the listener is closed")
        assert all(not answer.done() for answer in answers)
        for path, status in (("/health/ready", 503), ("/health/live", 200), ("/v1/models", 503)):
            kept.request("GET", path)
            response = kept.getresponse()
            assert (path, response.status) == (path, status)
            response.read()
        assert _texts(answers) == ["one two three"] * 4
    assert server.process.wait(15) == 0
    assert not _is_alive(engine)


def test_what_is_not_done_when_the_drain_ends_is_told_so_and_jobs_wait_for_the_next_start(
    start_server: Start,
) -> None:
    server = start_server("--concurrency", "1", "--drain", "1", BEEP_SECONDS="5", sound=None)
    body, headers = _form(SPEECH)
    job = server.ask("POST", "/v1/jobs", body, headers)
    assert job.status == 202
    with ThreadPoolExecutor(8) as clients:
        answers = [clients.submit(server.transcribe, SPEECH) for _ in range(2)]
        until(lambda: server.metric("parakeet_waiting") == 2, "they wait behind the job")
        began = time.monotonic()
        assert server.stop() == 0
        assert 1 <= time.monotonic() - began < 15
        for answer in answers:
            assert answer.result().status == 503
            assert 1 <= int(answer.result().headers["retry-after"]) <= 60
    again = start_server()
    until(lambda: again.ask("GET", job.headers["location"]).json()["status"] == "completed", "the job is done")


def test_a_job_that_has_come_whole_gets_an_answer_from_a_server_that_stops(
    start_server: Start, tmp_path: Path, ffmpeg: str
) -> None:
    """It is looked at meanwhile, which takes a while for a large film."""
    (tmp_path / "slow-ffmpeg").write_text(f'#!/bin/sh\nsleep 2\nexec {ffmpeg} "$@"\n')
    (tmp_path / "slow-ffmpeg").chmod(0o755)
    server = start_server(PARAKEET_FFMPEG=str(tmp_path / "slow-ffmpeg"), sound=None)
    body, headers = _form(SPEECH + ODD)
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(server.ask, "POST", "/v1/jobs", body, headers)
        time.sleep(1.0)
        assert not answer.done()
        assert server.stop() == 0
        assert answer.result().status == 503
        assert 1 <= int(answer.result().headers["retry-after"]) <= 60


@pytest.mark.parametrize(("first", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_it_at_once(start_server: Start, first: int, code: int) -> None:
    server = start_server("--concurrency", "1", BEEP_SECONDS="20")
    with ThreadPoolExecutor(2) as clients:
        answer = clients.submit(_or_none, server)
        until(lambda: server.metric("parakeet_running") == 1 and len(server.engines()) == 1, "it runs")
        (engine,) = server.engines()
        server.process.send_signal(first)
        until(lambda: "Stopping" in server.log, "it drains")
        began = time.monotonic()
        assert server.stop(signal.SIGTERM) == code
        assert time.monotonic() - began < 5
        assert answer.result() is None
    until(lambda: not _is_alive(engine), "the engine is gone")


def test_after_a_kill_the_next_start_finds_nothing_in_its_way(start_server: Start, tmp_path: Path) -> None:
    first = start_server(BEEP_SECONDS="5", sound=None)
    with ThreadPoolExecutor(2) as clients:
        answer = clients.submit(_or_none, first)
        until(lambda: first.metric("parakeet_running") == 1 and len(first.engines()) == 1, "it runs")
        (engine,) = first.engines()
        first.process.kill()
        first.process.wait()
        assert answer.result() is None
    (left,) = first.spool.glob("boot-*")
    (left / "unpacked").write_bytes(b"by an engine")
    second = start_server("--port", str(first.port))
    assert second.port == first.port
    assert not left.exists()
    until(lambda: not _is_alive(engine), "the first one's engine is gone")
    start_server()  # beside it, with the same spool
    assert len(list(second.spool.glob("boot-*"))) == 2
    assert second.transcribe(SPEECH).status == 200


def test_the_servers_process_imports_neither_torch_nor_nemo(server: RunningServer) -> None:
    assert server.transcribe(SPEECH).status == 200
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "numpy" in maps
    assert not any(name in maps for name in ("libtorch", "/torch/", "/nemo/", "libcudart", "onnxruntime"))


def test_asking_for_health_wakes_no_engine_and_the_log_can_be_json(start_server: Start) -> None:
    server = start_server("--log-format", "json")
    for path in ("/health", "/healthz", "/health/live", "/readyz", "/health/ready", "/metrics"):
        assert server.ask("GET", path).status == 200
    assert server.ask("GET", "/health").json() == {"status": "ok"}
    assert server.engines() == []
    assert server.metric('parakeet_engine_state{state="unloaded"}') == 1
    assert server.transcribe(SPEECH).status == 200
    assert server.metric('parakeet_engine_state{state="ready"}') == 1
    assert server.metric('parakeet_recordings_total{state="completed"}') == 1
    assert server.metric("parakeet_audio_seconds_total") == pytest.approx(1.36)
    assert server.metric("parakeet_recognition_seconds_total") > 0
    assert server.metric("parakeet_rtfx") > 0
    listening, *others = [json.loads(line) for line in server.log.splitlines()]
    assert (listening["event"], listening["address"]) == ("listening", server.url)
    requests = [(line["method"], line["path"], line["status"]) for line in others if line["event"] == "request"]
    assert ("GET", "/healthz", 200) in requests  # each is written after its answer, so a later one may come first


def test_metrics_count_failures_and_who_left(start_server: Start) -> None:
    server = start_server("--concurrency", "1", BEEP_SECONDS="1")
    assert server.transcribe(b"this is no sound" * 100).status == 400
    with ThreadPoolExecutor(1) as clients:
        running = clients.submit(server.transcribe, LONG)
        until(lambda: server.metric("parakeet_running") == 1, "it runs")
        with pytest.raises(TimeoutError):
            server.ask("POST", "/v1/audio/transcriptions", *_form(SPEECH), timeout=0.5)
        until(lambda: server.metric('parakeet_recordings_total{state="cancelled"}') == 1, "who left is cancelled")
        assert running.result().status == 200
    route = "/v1/audio/transcriptions"
    assert server.metric(f'parakeet_requests_total{{method="POST",route="{route}",status="400"}}') == 1
    until(
        lambda: server.metric(f'parakeet_requests_total{{method="POST",route="{route}",status="499"}}') == 1,
        "who left is counted",
    )


def test_few_descriptors_are_shared_out_and_come_back(start_server: Start) -> None:
    limited = ("sh", "-c", 'ulimit -n 128; exec "$@"', "sh")
    server = start_server(launcher=limited, sound=SPEECH)
    connections = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(100)]
    time.sleep(1)
    assert server.process.poll() is None
    for connection in connections:
        connection.close()
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: server.transcribe(SPEECH), range(8)))
    assert {answer.status for answer in answers} <= {200, 503}
    assert server.transcribe(SPEECH).json()["text"] == "one two three"
    server.assert_back_to_base()


def _form(sound: bytes) -> tuple[bytes, dict[str, str]]:
    body, kind = form(sound)
    return body, {"Content-Type": kind}


def _texts(answers: "list[Future[Answer]]") -> list[str]:
    return [answer.result().json().get("text", answer.result().body) for answer in answers]


def _or_none(server: RunningServer) -> Answer | None:
    """None if the connection breaks off."""
    try:
        return server.transcribe(SPEECH)
    except OSError:
        return None


def _takes_connections(server: RunningServer) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
    except OSError:
        return False
    return True
