"""What goes over the wire, and what is made of a server that fails."""

import json
import os
import shutil
import ssl
import subprocess
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from parakeet_cli.errors import ChangedMedia, Overloaded, ServerRefused
from parakeet_cli.output.exact import write_exact
from parakeet_cli.remote.address import read_address
from parakeet_cli.remote.client import Client
from parakeet_cli.remote.jobs import Jobs
from parakeet_cli.remote.transcriber import RemoteTranscriber, look_up
from parakeet_cli.remote.upload import Upload
from parakeet_cli.settings import RemoteSettings
from parakeet_cli.transcription.events import Event, Failed, Finished, Recording
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.media.interruption import Interruption
from parakeet_cli.transcription.media.media_file import open_media
from tests.conftest import skip_for_want_of
from tests.server.transcripts import TALK

QUICK = RemoteSettings(at_once=1, patience_seconds=0.5, longest_pause=0.1, silent_seconds=5.0)


def served(fingerprint: str) -> tuple[int, object]:
    return 200, {"data": [{"id": "demo", "fingerprint": fingerprint}]}


class Answers:
    """A server whose answers to each request are told one after the other; the last one stays."""

    def __init__(self, **answers: list[tuple[int, object] | None]) -> None:
        """By ``METHOD_last``, the last part of the path; None cuts the connection once the request is there."""
        self.answers: dict[str, list[tuple[int, object] | None]] = {"GET_models": [served("abc")], **answers}
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    def take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, object] | None:
        self.asked.append((f"{method} {path}", headers, body))
        left = self.answers[f"{method}_{path.partition('?')[0].rpartition('/')[2]}"]
        return left.pop(0) if len(left) > 1 else left[0]

    def requests(self, start: str) -> list[tuple[str, dict[str, str], bytes]]:
        return [asked for asked in self.asked if asked[0].startswith(start)]


@contextmanager
def answering(answers: Answers, certificate: Path | None = None) -> Iterator[str]:
    """The address; with ``certificate``, which holds its key too, of https."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer = answers.take(self.command, self.path, dict(self.headers), body)
            if answer is None:
                return
            status, content = answer
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_DELETE = do_GET  # noqa: N815 # as the base class names them

        def log_message(self, format: str, *arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"{'https' if certificate else 'http'}://localhost:{server.server_address[1]}"
        server.shutdown()


def job(status: str, error: object = None) -> dict[str, object]:
    return {"id": "job_1", "status": status, "duration": 60.5, "progress": {"seconds": 1.0}, "error": error}


def stream(*states: dict[str, object]) -> bytes:
    events = [f"event: job\ndata: {json.dumps(state)}\n\n" for state in states]
    return "".join([": keep-alive\n\n", *events, "data: [DONE]\n\n"]).encode()


def refused(code: str | None = None) -> dict[str, object]:
    return {"error": {"message": "Not now.", "code": code}}


@pytest.fixture
def transcribed(tmp_path: Path) -> Callable[[Answers], list[Event]]:
    """The events of one recording at a server that answers so."""

    def transcribe(answers: Answers) -> list[Event]:
        path = tmp_path / "talk.wav"
        path.write_bytes(b"sound" * 1000)
        with answering(answers) as url:
            jobs = Jobs(Client(read_address(url), "a-key", QUICK), QUICK)
            transcriber = RemoteTranscriber(jobs, "demo", "abc", QUICK, lambda *_: None, lambda *_: None)
            with closing(transcriber):
                events = list(transcriber.transcribe([Recording(0, FileMedia(path))]))
                transcriber.forget(0)
        return events

    return transcribe


def test_what_is_sent_again_is_the_same_under_the_same_key(transcribed: Callable[[Answers], list[Event]]) -> None:
    answers = Answers(
        POST_jobs=[None, (503, refused("server_is_overloaded")), (202, job("queued"))],
        GET_events=[None, (200, stream(job("in_progress"))), (200, stream(job("completed")))],
        GET_result=[(502, b"<html>"), (200, write_exact(TALK).encode())],
        DELETE_job_1=[(200, {})],
    )
    *_, finished = transcribed(answers)
    assert isinstance(finished, Finished) and finished.transcript == TALK
    posts = answers.requests("POST /v1/jobs")
    assert len(posts) == 3
    assert len({(headers["Idempotency-Key"], body) for _, headers, body in posts}) == 1
    assert all(headers["Authorization"] == "Bearer a-key" for _, headers, _ in answers.asked)
    assert answers.asked[-1][0] == "DELETE /v1/jobs/job_1"


def test_a_server_that_has_another_model_meanwhile_ends_the_run(
    transcribed: Callable[[Answers], list[Event]],
) -> None:
    """Else the journal would say that the file was made with what the server had before."""
    answers = Answers(
        POST_jobs=[(202, job("completed"))],
        GET_result=[(200, write_exact(TALK).encode())],
        GET_models=[served("def")],
        DELETE_job_1=[(200, {})],
    )
    with pytest.raises(ServerRefused, match="another model or other settings"):
        transcribed(answers)


def test_a_transcript_that_is_here_outlives_its_server(transcribed: Callable[[Answers], list[Event]]) -> None:
    answers = Answers(
        POST_jobs=[(202, job("completed"))],
        GET_result=[(200, write_exact(TALK).encode())],
        GET_models=[None],
        DELETE_job_1=[(200, {})],
    )
    assert isinstance(transcribed(answers)[-1], Finished)


def test_a_job_that_the_server_lost_is_made_anew_under_another_key(
    transcribed: Callable[[Answers], list[Event]],
) -> None:
    answers = Answers(
        POST_jobs=[(202, job("queued"))],
        GET_events=[(404, refused("job_not_found")), (200, stream(job("completed")))],
        GET_result=[(200, write_exact(TALK).encode())],
        DELETE_job_1=[(200, {})],
    )
    assert isinstance(transcribed(answers)[-1], Finished)
    assert len({headers["Idempotency-Key"] for _, headers, _ in answers.requests("POST")}) == 2


def test_a_recording_at_which_the_server_always_fails_fails_alone(
    transcribed: Callable[[Answers], list[Event]],
) -> None:
    (failed,) = transcribed(Answers(POST_jobs=[(500, refused())]))
    assert isinstance(failed, Failed) and failed.error.code == "recognition_failed"


def test_a_server_without_room_is_not_asked_for_ever(transcribed: Callable[[Answers], list[Event]]) -> None:
    with pytest.raises(Overloaded, match="cannot do it: Not now"):
        transcribed(Answers(POST_jobs=[(503, refused("server_is_overloaded"))]))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": []}', b'{"data": [{"id": "whisper-1"}]}'])
def test_another_program_is_told_from_ours(body: bytes) -> None:
    with answering(Answers(GET_models=[(200, body)])) as url, pytest.raises(ServerRefused, match="no parakeet serve"):
        look_up(Jobs(Client(read_address(url), None, QUICK), QUICK), None)


@pytest.fixture
def key_and_certificate(tmp_path: Path) -> Path:
    """A file with both, for localhost; the certificate alone is in ``c.pem`` beside it."""
    both = tmp_path / "localhost.pem"
    if not (openssl := shutil.which("openssl")):
        skip_for_want_of("openssl")
    for_localhost = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", *for_localhost]
    subprocess.run([*made, "-keyout", both, "-out", tmp_path / "c.pem"], check=True, capture_output=True)
    both.write_bytes(both.read_bytes() + (tmp_path / "c.pem").read_bytes())
    return both


def test_a_certificate_that_nobody_vouches_for_is_refused(
    key_and_certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(GET_models=[(200, {"data": [{"id": "demo", "fingerprint": "abc"}]})])
    with answering(answers, key_and_certificate) as url:
        with pytest.raises(ServerRefused, match=r"certificate .* does not hold"):
            look_up(Jobs(Client(read_address(url), "a-key", QUICK), QUICK), None)
        assert answers.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "c.pem"))
        assert look_up(Jobs(Client(read_address(url), "a-key", QUICK), QUICK), None).model == "demo"


def test_an_interruption_does_not_take_tls_from_who_still_sends(
    key_and_certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "c.pem"))
    interruption = Interruption()
    with answering(Answers(GET_models=[(200, {})]), key_and_certificate) as url:
        client = Client(read_address(url), "a-key", QUICK)
        with client.exchange("GET", "/v1/models", interruption) as response:
            connection = response.fp.raw._sock  # type: ignore[attr-defined]
            interruption.interrupt()
            assert connection.version() is not None
            with pytest.raises(ssl.SSLError):
                connection.sendall(b"of a recording")


def test_a_large_file_is_never_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    size = 256 << 20
    with path.open("wb") as file:
        file.truncate(size)
    with open_media(FileMedia(path)) as media:
        upload = Upload(media, 'fi"lm\r\n.mkv', "demo", "mark")
        tracemalloc.start()
        sent = sum(map(len, upload.blocks()))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sent == upload.length and size < sent < size + 1000
        assert peak < 4 << 20
        assert b'filename="fi_lm__.mkv"' in next(upload.blocks())


def test_a_file_that_changes_while_it_is_sent_is_not_sent_whole(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(b"sound" * 100)
    with open_media(FileMedia(path)) as media:
        upload = Upload(media, "talk.wav", "demo", "mark")
        blocks = upload.blocks()
        sent = [next(blocks), next(blocks)]
        os.utime(path, ns=(1, 1))
        with pytest.raises(ChangedMedia):
            sent += blocks
        assert sum(map(len, sent)) < upload.length


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:5092", "http://127.0.0.1:5092"),
        ("http://gpu.lan:5092/v1/", "http://gpu.lan:5092"),
        ("https://gpu.lan/speech/v1", "https://gpu.lan/speech"),
        ("http://[::1]:5092/", "http://[::1]:5092"),
        ("http://gpu.lan:0", "http://gpu.lan:0"),
    ],
)
def test_an_address_is_read_with_and_without_v1(text: str, address: str) -> None:
    assert str(read_address(text)) == address


@pytest.mark.parametrize(
    "text",
    ["gpu.lan:5092", "ftp://gpu.lan", "http://", "http://key@gpu.lan", "http://a:b", "http://a?b", "http://a b/"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:5092|password"):
        read_address(text)
