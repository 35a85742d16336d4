"""What every official client makes of a refusal, and refusals on the wire: cases C of the design."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes import beeps, write_wav
from tests.server.conformance.clients import Client, Refused, Upload
from tests.server.conformance.clips import SAID, Clips
from tests.server.conformance.conftest import KEY, MOST_BYTES, ONE_TO_FIVE
from tests.server.conformance.odd_engine import WRITTEN
from tests.server.conformance.test_answers import words
from tests.server.conformance.wire import BOUNDARY, Part, Reply, ask, connect, form, read_reply, send
from tests.server.processes import RunningServer

ROUTE = "/v1/audio/transcriptions"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
RETRYING: dict[str, Any] = {"max_retries": 2}


@pytest.mark.parametrize("key", ["sk-wrong-key-that-nobody-has", "x"])
def test_a_wrong_key_is_refused_at_once(anywhere: Client, strict_server: RunningServer, clips: Clips, key: str) -> None:
    with pytest.raises(Refused) as refused:
        anywhere.at(strict_server.url, key, **RETRYING).transcribe(clips.silence)
    error = refused.value
    assert (error.name, error.status, error.attempts) == ("AuthenticationError", 401, 1)
    assert (error.code, error.type) == ("invalid_api_key", "invalid_request_error")
    assert key not in error.raw or len(key) < 4
    assert error.request_id == error.headers["x-request-id"]


@pytest.mark.parametrize(
    ("value", "code"), [(None, None), ("Bearer", None), ("Bearer ", None), (KEY, None), ("Basic c2s=", None)], ids=repr
)
def test_a_missing_key_is_refused(strict_server: RunningServer, value: str | None, code: str | None) -> None:
    reply = ask(strict_server.url, "/v1/models", method="GET", headers={"Authorization": value} if value else {})
    assert (reply.status, reply.error["code"], reply.headers["www-authenticate"]) == (401, code, "Bearer")


@pytest.mark.parametrize("header", [("Authorization", "bearer"), ("authorization", "BEARER"), ("api-key", "")])
def test_the_key_may_be_given_in_other_letters(strict_server: RunningServer, header: tuple[str, str]) -> None:
    name, scheme = header
    reply = ask(strict_server.url, "/v1/models", method="GET", headers={name: f"{scheme} {KEY}".strip()})
    assert reply.status == 200


def test_a_request_without_a_file_says_so(demo: str) -> None:
    error = refusal(ask(demo, ROUTE, [Part("model", "whisper-1")]))
    assert (error["param"], error["code"]) == ("file", "missing_required_parameter")


@pytest.mark.parametrize("content", ["/home/me/talk.wav", b"RIFF0000WAVE"], ids=["a path", "no filename"])
def test_a_file_that_is_sent_as_text_is_explained(demo: str, content: bytes) -> None:
    error = refusal(ask(demo, ROUTE, [Part("file", content), Part("model", "whisper-1")]))
    assert error["param"] == "file"
    assert "filename" in error["message"]


def test_a_form_that_breaks_off_is_no_empty_form(demo: str, clips: Clips) -> None:
    body = form([Part("model", "whisper-1"), Part("file", clips.speech.read_bytes(), "s.wav")])[:100_000]
    error = refusal(ask(demo, ROUTE, body, headers=FORM))
    assert (error["param"], error["code"]) == ("file", "invalid_multipart")


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=other"])
def test_a_form_with_another_boundary_is_refused(demo: str, clips: Clips, kind: str) -> None:
    body = form([Part("file", clips.silence.read_bytes(), "s.wav")])
    assert refusal(ask(demo, ROUTE, body, headers={"Content-Type": kind}))["param"] == "file"


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", None])
def test_an_empty_body_is_refused(demo: str, kind: str | None) -> None:
    reply = ask(demo, ROUTE, headers={"Content-Type": kind} if kind else {})
    assert refusal(reply)["param"] == "file"


@pytest.mark.parametrize("kind", ["text/plain", "audio/wav", "application/xml"])
def test_another_kind_of_body_is_refused(demo: str, clips: Clips, kind: str) -> None:
    reply = ask(demo, ROUTE, clips.silence.read_bytes(), headers={"Content-Type": kind})
    assert (reply.status, reply.error["type"]) == (415, "invalid_request_error")


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"response_format": "xml"}, "response_format", "invalid_value"),
        ({"temperature": "abc"}, "temperature", "invalid_value"),
        ({"temperature": 9}, "temperature", "invalid_value"),
        ({"timestamp_granularities": ["phoneme"]}, "timestamp_granularities", "invalid_value"),
        ({"language": "hh"}, "language", "invalid_language_format"),
        ({"stream": "perhaps"}, "stream", "invalid_value"),
        ({"include": ["everything"]}, "include", "invalid_value"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_field_that_cannot_be_understood_is_named(
    anywhere: Client, demo: str, clips: Clips, fields: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        anywhere.at(demo, **RETRYING).transcribe(clips.silence, extra=fields)
    error = refused.value
    assert (error.name, error.status, error.attempts) == ("BadRequestError", 400, 1)
    assert (error.param, error.code, error.type) == (param, code, "invalid_request_error")
    assert error.body == {"message": error.body["message"], "type": error.type, "param": param, "code": code}


@pytest.mark.parametrize(
    ("sound", "code"),
    [
        ("text", "invalid_value"),
        ("empty", "empty_file"),
        ("truncated", "invalid_value"),
        ("picture", "invalid_value"),
        ("short", "audio_too_short"),
    ],
)
def test_what_holds_no_sound_is_refused_at_once(client: Client, clips: Clips, sound: str, code: str) -> None:
    found = getattr(clips, sound)
    path = found() if callable(found) else found
    with pytest.raises(Refused) as refused:
        client.at(client.server, **RETRYING).transcribe(path)
    error = refused.value
    assert (error.name, error.status, error.attempts) == ("BadRequestError", 400, 1)
    assert (error.param, error.code) == ("file", code)
    assert "/tmp" not in error.message


def test_a_header_that_promises_too_much_is_no_bomb(newest_client: Client, clips: Clips) -> None:
    with pytest.raises(Refused) as refused:
        newest_client.transcribe(clips.bomb())
    assert refused.value.status == 400


def test_an_unknown_model_is_not_found_where_names_are_strict(
    anywhere: Client, strict_server: RunningServer, clips: Clips
) -> None:
    with pytest.raises(Refused) as refused:
        anywhere.at(strict_server.url, KEY, **RETRYING).transcribe(clips.silence, model="whisper-9")
    error = refused.value
    assert (error.name, error.status, error.code, error.attempts) == ("NotFoundError", 404, "model_not_found", 1)
    assert "whisper-9" in error.message


def test_an_unknown_model_is_stood_in_for_where_they_are_not(newest_client: Client, clips: Clips) -> None:
    answer = newest_client.transcribe(clips.speech, model="Systran/faster-whisper-large-v3")
    assert words(answer.value["text"]) == list(SAID)
    assert "faster-whisper-large-v3" in answer.headers["x-parakeet-warning"]


@pytest.mark.parametrize("size", [MOST_BYTES - 1, MOST_BYTES])
def test_a_file_up_to_the_limit_is_taken(
    newest_client: Client, strict_server: RunningServer, tmp_path: Path, size: int
) -> None:
    sound = write_wav(tmp_path / "beeps.wav", beeps(["one"])).read_bytes()
    path = tmp_path / "padded.wav"
    path.write_bytes(sound + bytes(size - len(sound)))
    answer = newest_client.at(strict_server.url, KEY).transcribe(path)
    assert answer.value["text"] == WRITTEN["one"]


@pytest.mark.parametrize("size", [MOST_BYTES + 1, 16 * MOST_BYTES])
def test_a_file_over_the_limit_is_too_large_and_no_lost_connection(
    anywhere: Client, strict_server: RunningServer, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "large.wav"
    path.write_bytes(b"\0" * size)
    ways = ["as documented", "bytes"] if anywhere.is_python else ["as documented", "File"]
    for way in ways:
        with pytest.raises(Refused) as refused:
            anywhere.at(strict_server.url, KEY, **RETRYING).transcribe(Upload(path, way))
        error = refused.value
        assert (error.status, error.param, error.attempts) == (413, "file", 1), str(error)
        assert str(MOST_BYTES) in error.message


def test_a_long_recording_of_a_voice_may_be_a_field(newest_client: Client, clips: Clips) -> None:
    voice = "data:audio/wav;base64," + "A" * 3_000_000
    extra = {"known_speaker_references": [voice], "known_speaker_names": ["me"]}
    assert words(newest_client.transcribe(clips.speech, extra=extra).value["text"]) == list(SAID)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", ROUTE, 405, "method_not_supported"),
        ("PUT", ROUTE, 405, "method_not_supported"),
        ("PATCH", ROUTE, 405, "method_not_supported"),
        ("DELETE", "/v1/models/whisper-1", 405, "method_not_supported"),
        ("POST", "/v1/nope", 404, None),
        ("POST", "/v1/audio/speech", 404, None),
        ("POST", "/v1/chat/completions", 404, None),
        ("GET", "/v1/audio/models", 404, None),
    ],
)
def test_what_is_not_served_is_said_in_the_same_shape(
    demo: str, method: str, path: str, status: int, code: str | None
) -> None:
    reply = ask(demo, path, method=method)
    assert (reply.status, reply.error["code"], reply.error["type"]) == (status, code, "invalid_request_error")


def test_a_full_queue_says_when_to_come_back_and_the_client_does(
    strict_server: RunningServer, slow_beeps: Path, named_client: Callable[[str], Client]
) -> None:
    clients = {
        named_client("python-3"): Upload(slow_beeps, "bytes"),
        named_client("node-6"): Upload(slow_beeps, "File"),
    }
    with full(strict_server, slow_beeps):
        for client, upload in clients.items():
            with pytest.raises(Refused) as refused:
                client.at(strict_server.url, KEY).transcribe(upload)
            error = refused.value
            assert (error.name, error.status, error.code) == ("InternalServerError", 503, "server_is_overloaded")
            assert re.fullmatch(r"[1-9]|[1-5]\d|60", error.headers["retry-after"])
        for client, upload in clients.items():
            answer = client.at(strict_server.url, KEY, max_retries=9).transcribe(upload)
            assert answer.value["text"] == " ".join(WRITTEN[word] for word in ONE_TO_FIVE)
            assert client.name != "python-3" or answer.attempts >= 2


def test_while_the_model_is_loaded_requests_wait_as_long_as_there_is_room(
    newest_client: Client, start_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    server = start_server("--eager", "--concurrency", "1", "--queue", "1", BEEP_LOAD_SECONDS="3", BEEP_SECONDS="4")
    path = write_wav(tmp_path / "beeps.wav", beeps(["one"]))
    health = ask(server.url, "/health", method="GET")
    assert (health.status, health.json["status"]) == (503, "loading model")
    with full(server, path), pytest.raises(Refused) as refused:
        newest_client.at(server.url).transcribe(path)
    assert (refused.value.status, refused.value.code) == (503, "server_is_overloaded")
    assert 1 <= int(refused.value.headers["retry-after"]) <= 60
    assert ask(server.url, "/health", method="GET").status == 200


def test_a_bug_of_ours_is_told_without_its_traceback(
    newest_client: Client, start_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    server = start_server(BEEP_FAULT="raise@1")
    path = write_wav(tmp_path / "beeps.wav", beeps(["one"]))
    with pytest.raises(Refused) as refused:
        newest_client.at(server.url).transcribe(path)
    error = refused.value
    assert (error.name, error.status, error.type) == ("InternalServerError", 500, "server_error")
    assert error.request_id
    assert not re.search(r"Traceback|Assertion|/\w+/|a bug", error.raw)
    assert server.stop() == 0  # before the fixture does, which wants a log without a traceback


@pytest.mark.parametrize(
    "parts",
    [
        [Part("timestamp_granularities[]", "word"), Part("timestamp_granularities[]", "segment")],
        [Part("timestamp_granularities", "word"), Part("timestamp_granularities", "segment")],
        [Part("timestamp_granularities[0]", "word"), Part("timestamp_granularities[1]", "segment")],
        [Part("timestamp_granularities", '["word", "segment"]')],
        [Part("timestamp_granularities[]", '["segment","word"]')],
        [Part("timestamp_granularities", "word,segment")],
    ],
    ids=["brackets", "bare", "indexed", "JSON", "JSON in brackets", "commas"],
)
def test_granularities_have_many_spellings(demo: str, clips: Clips, parts: list[Part]) -> None:
    sound = Part("file", clips.silence.read_bytes(), "s.wav")
    assert {"words", "segments"} <= set(ask(demo, ROUTE, [sound, Part("response_format", "verbose_json"), *parts]).json)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_the_order_of_the_fields_is_no_matter(demo: str, clips: Clips, heard: str, place: int) -> None:
    parts = [Part("model", "whisper-1"), Part("language", "en"), Part("response_format", "text")]
    parts.insert(place, Part("file", clips.speech.read_bytes(), "s.wav"))
    assert ask(demo, ROUTE, parts).text == f"{heard}\n"


@pytest.mark.parametrize(("count", "statuses"), [(900, {200}), (1_500, {400, 413})])
def test_a_form_may_have_many_parts_but_not_any_number(demo: str, clips: Clips, count: int, statuses: set[int]) -> None:
    parts = [Part(f"field {number}", "x") for number in range(count)]
    reply = ask(demo, ROUTE, [*parts, Part("file", clips.silence.read_bytes(), "s.wav")])
    assert reply.status in statuses
    assert reply.status == 200 or reply.error


def test_a_prompt_may_be_long(demo: str, clips: Clips) -> None:
    parts = [Part("prompt", "blah " * 200_000), Part("file", clips.silence.read_bytes(), "s.wav")]
    assert ask(demo, ROUTE, parts).status == 200


def test_a_text_keeps_its_letters_in_every_format(slow_server: RunningServer, tmp_path: Path) -> None:
    said = ("one", "two", "three", "four", "five", "six", "seven")
    sound = write_wav(tmp_path / "beeps.wav", beeps(said)).read_bytes()
    text = " ".join(WRITTEN[word] for word in said)
    for response_format in ("json", "text", "verbose_json", "srt", "vtt"):
        parts = [Part("response_format", response_format), Part("file", sound, "s.wav")]
        reply = ask(slow_server.url, ROUTE, parts)
        assert reply.status == 200
        assert WRITTEN["two"].encode() in reply.body
        if "json" in response_format:
            assert reply.json["text"] == text
            assert b"\\u04" not in reply.body
    stream = ask(slow_server.url, ROUTE, [Part("stream", "true"), Part("file", sound, "s.wav")])
    assert WRITTEN["two"].encode() in stream.body


@contextmanager
def full(server: RunningServer, path: Path) -> Iterator[None]:
    """A server with one place and one to wait in, both taken; at the end both are answered."""
    headers = {"Host": urlsplit(server.url).netloc, "Authorization": f"Bearer {KEY}", **FORM}
    body = form([Part("model", "whisper-1"), Part("file", path.read_bytes(), "s.wav")])
    connections = [connect(server.url) for _ in range(2)]
    try:
        for connection in connections:
            send(connection, "POST", ROUTE, headers, body)
        end = time.monotonic() + 20
        while (server.metric("parakeet_running", headers), server.metric("parakeet_waiting", headers)) != (1.0, 1.0):
            assert time.monotonic() < end, "the places were never taken"
            time.sleep(0.02)
        yield
        for connection in connections:
            assert read_reply(connection).status == 200
    finally:
        for connection in connections:
            connection.close()


def refusal(reply: Reply) -> Any:
    assert reply.status == 400, reply.body
    assert reply.error["type"] == "invalid_request_error"
    return reply.error
