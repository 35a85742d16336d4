"""What a real server process takes, and what it refuses before it reads a body (rows S01–S07, S21, S22, S29)."""

import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.server.asking import SPEECH
from tests.server.conftest import KEY
from tests.server.processes import RunningServer, form

ROUTE = "/v1/audio/transcriptions"
GOOD = {"Authorization": f"Bearer {KEY}"}
BODY, KIND = form(SPEECH)


def _post(*headers: str, body: bytes = BODY, host: str = "Host: localhost", version: str = "1.1") -> bytes:
    lines = [f"POST {ROUTE} HTTP/{version}", *([host] if host else []), f"Content-Type: {KIND}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"
CHUNKS = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"


def test_a_plain_and_a_chunked_request_are_answered(server: RunningServer) -> None:
    assert server.say(_post(LENGTH)).json()["text"] == "one two three"
    assert server.say(_post(CHUNKED, body=CHUNKS)).json()["text"] == "one two three"
    assert server.say(_post(LENGTH, "Connection: close", host="", version="1.0")).json()["text"] == "one two three"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, None),
        ({"Authorization": "Bearer wrong-key-that-is-quite-long"}, "invalid_api_key"),
        ({"Authorization": "Bearer clé\xff"}, "invalid_api_key"),
        ({"Authorization": KEY}, None),
        ({"Authorization": "Bearer"}, None),
        ({"Authorization": "Basic abc"}, None),
        ({"api-key": "wrong"}, "invalid_api_key"),
        ({"Authorization": f"Bearer {KEY}x"}, "invalid_api_key"),
        ({"Authorization": "Bearer wrong", "api-key": KEY}, "invalid_api_key"),
    ],
    ids=repr,
)
def test_without_the_key_no_byte_of_the_body_is_read(
    locked_server: RunningServer, headers: dict[str, str], code: str | None
) -> None:
    named = [f"{name}: {value}" for name, value in headers.items()]
    request = _post("Content-Length: 3000000", "Expect: 100-continue", *named, body=b"")
    answer = locked_server.say(request)
    assert (answer.status, answer.error["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert KEY not in answer.body.decode()
    assert locked_server.resources()["spooled"] == 0


def test_a_refusal_on_bazarrs_route_has_no_body_that_it_could_save(locked_server: RunningServer) -> None:
    answer = locked_server.say(b"POST /asr?output=srt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n")
    assert (answer.status, answer.body) == (401, b"")
    assert "API key" in answer.headers["x-parakeet-error"]


@pytest.mark.parametrize("route", ["/inference", "/load"])
def test_a_refusal_on_whisper_cpps_routes_is_a_text(locked_server: RunningServer, route: str) -> None:
    answer = locked_server.say(f"POST {route} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n".encode())
    assert answer.status == 401
    assert "API key" in json.loads(answer.body)["error"]


def test_two_authorization_headers_are_no_key(locked_server: RunningServer) -> None:
    both = locked_server.say(
        _post("Content-Length: 0", f"Authorization: Bearer {KEY}", "Authorization: Bearer x", body=b"")
    )
    assert both.status == 401
    assert locked_server.say(_post(LENGTH, f"api-key: {KEY}")).status == 200
    assert locked_server.say(_post(LENGTH, f"authorization: bearer {KEY}")).status == 200


def test_a_key_opens_the_api_and_only_health_is_open_without(locked_server: RunningServer) -> None:
    assert locked_server.transcribe(SPEECH, headers=GOOD).status == 200
    assert locked_server.ask("GET", "/health").status == 200
    for path in ("/v1/models", "/metrics", "/nothing"):
        assert locked_server.ask("GET", path).status == 401
    assert locked_server.ask("GET", "/metrics", headers=GOOD).status == 200
    assert locked_server.ask("GET", "/nothing", headers=GOOD).error["message"] == "Invalid URL (GET /nothing)"


def test_without_keys_any_key_is_ignored(server: RunningServer) -> None:
    assert server.transcribe(SPEECH, headers={"Authorization": "Bearer whatever"}).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "TRACE", "DELETE", "BREW"])
def test_other_methods_are_405_and_told_which_are_allowed(server: RunningServer, method: str) -> None:
    answer = server.say(f"{method} {ROUTE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert (answer.status, answer.error["code"]) == (405, "method_not_supported")
    assert answer.headers["allow"] == "OPTIONS, POST"


@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)], ids=["plain", "expect"])
def test_a_body_that_is_too_large_is_refused_by_its_length(
    locked_server: RunningServer, expect: tuple[str, ...]
) -> None:
    began = time.monotonic()
    request = _post("Content-Length: 2000000000", f"Authorization: Bearer {KEY}", *expect, body=b"x" * 100_000)
    answer = locked_server.say(request)
    assert (answer.status, answer.error["param"]) == (413, "file")
    assert time.monotonic() - began < 5
    assert locked_server.resources()["spooled"] == 0


def test_a_route_without_a_key_takes_no_large_body(locked_server: RunningServer) -> None:
    """Nor does it keep room for one, which others would lack."""
    head = b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    answer = locked_server.say(head + b"x" * 1000)
    assert (answer.status, answer.error["code"]) == (413, None)
    assert locked_server.resources()["spooled"] == 0


def test_a_transcript_is_bounded_as_what_is_held_in_memory_whatever_it_calls_itself(
    locked_server: RunningServer,
) -> None:
    head = f"POST /v1/subtitles HTTP/1.1\r\nHost: localhost\r\nContent-Type: {KIND}\r\n"
    allowed = f"Authorization: Bearer {KEY}\r\nContent-Length: {(64 << 20) + 1}\r\n\r\n"
    assert locked_server.say((head + allowed).encode()).status == 413


def test_a_body_that_grows_too_large_is_refused_at_the_limit(locked_server: RunningServer) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(400):
            sent += 65_536
            yield b"x" * 65_536

    with socket.create_connection(("127.0.0.1", locked_server.port), timeout=20) as connection:
        connection.sendall(_post(CHUNKED, f"Authorization: Bearer {KEY}", body=b""))
        for chunk in chunks():
            connection.sendall(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        assert connection.recv(12) == b"HTTP/1.1 413"  # although all of it was sent: the refusal is not lost to a reset


def test_the_limit_is_the_files_own(locked_server: RunningServer) -> None:
    padded = SPEECH + b"\0" * (1024 * 1024 - len(SPEECH))
    assert locked_server.transcribe(padded, headers=GOOD).status == 200
    answer = locked_server.transcribe(padded + b"\0", headers=GOOD)
    assert (answer.status, answer.error["param"]) == (413, "file")


SMUGGLED = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (_post(LENGTH, CHUNKED, body=CHUNKS), 400),
        (_post(CHUNKED, CHUNKED, body=CHUNKS), 400),
        (_post("Transfer-Encoding: chunked, chunked", body=CHUNKS), 400),
        (_post("Transfer-Encoding: gzip, chunked", body=CHUNKS), 501),
        (_post(CHUNKED, body=CHUNKS, version="1.0"), 400),
        (_post(LENGTH, LENGTH), 400),
        (_post("Content-Length: -1"), 400),
        (_post("Content-Length: 5, 6"), 400),
        (_post("Content-Length: +5"), 400),
        (_post(LENGTH, "Host: localhost"), 400),
        (_post(LENGTH, host=""), 400),
        (_post(LENGTH, "X-Folded: a", " b"), 400),
        (_post(LENGTH, "X-Nul: a\0b"), 400),
        (_post(LENGTH, "X-Bare: a\nb"), 400),
        (_post(LENGTH, "No colon"), 400),
        (_post(LENGTH, "Host : localhost", host=""), 400),
        (_post(LENGTH, f"X-Large: {'x' * 300_000}"), 431),
        (_post(CHUNKED, body=b"zz\r\n\r\n"), 400),
        (_post(f"Content-Length: {'1' * 5000}"), 400),
        (_post(CHUNKED, body=b"1;" + b"x" * 100_000), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n" + b"x" * 200, 400),
        (b"GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ],
    ids=lambda value: repr(value[:60]) if isinstance(value, bytes) else None,
)
def test_what_two_readers_may_read_in_two_ways_is_refused(
    server: RunningServer, request_bytes: bytes, status: int
) -> None:
    """And the connection closed, so that nothing behind it is taken for a request."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request_bytes + SMUGGLED)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while block := _receive(connection):
            received += block
    assert received.startswith(f"HTTP/1.1 {status} ".encode()) or received.startswith(f"HTTP/1.0 {status} ".encode())
    assert received.count(b"HTTP/1.") == 1
    assert b'"type": "invalid_request_error"' in received
    assert b"X-Request-Id: req_" in received


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.0.2.7", "[::2]", "127.0.0.1.nip.io"])
def test_a_foreign_host_name_is_refused(server: RunningServer, host: str) -> None:
    answer = server.ask("GET", "/v1/models", headers={"Host": host})
    assert (answer.status, answer.error["code"]) == (400, "host_not_allowed")
    assert server.ask("GET", "/health", headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1234", "127.0.0.1:80", "[::1]:5092", "localhost."])
def test_our_own_names_are_taken(server: RunningServer, host: str) -> None:
    assert server.ask("GET", "/v1/models", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://localhost"}, 200),
    ],
    ids=repr,
)
def test_a_page_of_another_site_may_not_send_files(server: RunningServer, headers: dict[str, str], status: int) -> None:
    assert server.transcribe(SPEECH, headers={"Host": "localhost", **headers}).status == status


def test_a_preflight_of_a_foreign_page_gets_no_leave(server: RunningServer) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = server.ask("OPTIONS", ROUTE, headers=asked)
    assert answer.status == 204
    assert not any(name.startswith("access-control-") for name in answer.headers)


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>.wav", "../../../etc/passwd", "a\0b.wav", "=cmd|calc!A1.wav"]
)
def test_a_hostile_name_is_only_a_name(server: RunningServer, name: str) -> None:
    body, kind = form(SPEECH, filename=name)
    answer = server.ask("POST", ROUTE, body, {"Content-Type": kind})
    assert (answer.status, answer.json()["text"]) == (200, "one two three")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_name_with_a_line_break_is_a_malformed_form(server: RunningServer) -> None:
    body, kind = form(SPEECH, filename="a.wav\r\nX-Evil: 1")
    answer = server.ask("POST", ROUTE, body, {"Content-Type": kind})
    assert (answer.status, answer.error["code"]) == (400, "invalid_multipart")
    assert "x-evil" not in answer.headers


def test_the_log_names_requests_and_no_key_and_no_text(locked_server: RunningServer) -> None:
    path = f"/v1/\x1b[31m%1b%0d%0aevil?key={KEY}"
    answer = locked_server.say(f"GET {path} HTTP/1.1\r\nHost: localhost\r\napi-key: {KEY}\r\n\r\n".encode())
    assert answer.status == 404
    locked_server.transcribe(SPEECH, headers=GOOD)
    log = locked_server.log
    assert answer.headers["x-request-id"] in log
    assert KEY not in log and "\x1b" not in log and "one two three" not in log


def test_many_parts_and_large_fields_cost_no_memory(server: RunningServer) -> None:
    before = server.memory()
    many, too_many = ({f"f{number}": "" for number in range(count)} for count in (65, 1001))
    forms = [
        (form(SPEECH, **many), 200),
        (form(SPEECH, prompt="p" * 70_000), 200),
        (form(SPEECH, filename="n" * 100_000), 200),
        (form(SPEECH, **too_many), 413),
    ]
    for (body, kind), status in forms:
        assert server.ask("POST", ROUTE, body, {"Content-Type": kind}).status == status
    assert server.memory() - before < 20 << 20
