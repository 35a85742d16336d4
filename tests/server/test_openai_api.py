"""OpenAI's routes, as clients without the official library call them."""

import base64
import io
import json
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from parakeet_cli.server.openai_api import WARNING
from parakeet_cli.server.work import State
from parakeet_cli.settings import LifecycleSettings, ServerSettings, UploadSettings
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.recognizer import Frames
from tests.fakes import BeepRecognizer, beeps, silence, write_wav
from tests.server.asking import ROUTE, SPEECH, application, ask, wav

TEXT = "one two three"


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return application().test_client()


class SlowRecognizer(BeepRecognizer):
    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        time.sleep(2.0)
        return super().encode(chunks, exactly=exactly)


def error_of(answer: Any) -> dict[str, Any]:
    assert answer.content_type == "application/json"
    error: dict[str, Any] = answer.get_json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return error


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def endings(app: Flask) -> list[State]:
    """How recordings end, as they do."""
    ended: list[State] = []
    app.extensions["parakeet"].desk.watch(lambda work: ended.append(work.view.state))
    return ended


def events_of(answer: Any) -> list[Any]:
    assert answer.content_type.startswith("text/event-stream")
    return [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: {")]


def test_a_recording_becomes_text(client: FlaskClient) -> None:
    answer = ask(client, model="whisper-1")
    assert answer.get_json() == {"text": TEXT, "usage": {"type": "duration", "seconds": 2}}
    assert answer.content_type == "application/json"
    assert answer.headers["X-Request-Id"]
    assert WARNING not in answer.headers


@pytest.mark.parametrize("route", ["/audio/transcriptions", f"{ROUTE}/", "/audio/transcriptions/"])
def test_the_route_has_other_addresses(client: FlaskClient, route: str) -> None:
    assert ask(client, route).get_json()["text"] == TEXT


def test_azures_address_names_the_model(client: FlaskClient) -> None:
    answer = ask(client, "/openai/deployments/gpt-transcribe/audio/transcriptions?api-version=2025-04-01")
    assert answer.get_json()["languages"] == [{"code": "en"}]


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "text/html"])
def test_what_a_client_accepts_does_not_matter(client: FlaskClient, accept: str) -> None:
    data = {"file": (io.BytesIO(SPEECH), "x.wav"), "response_format": "srt"}
    answer = client.post(ROUTE, data=data, headers={"Accept": accept})
    assert answer.text == "1\n00:00:00,160 --> 00:00:01,500\none two three\n\n\n"
    assert answer.content_type == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "spelling",
    [
        {"timestamp_granularities[]": ["word", "segment"]},
        {"timestamp_granularities": ["segment", "word"]},
        {"timestamp_granularities": "word,segment"},
        {"timestamp_granularities": '["word","segment"]'},
        {"timestamp_granularities[0]": "word", "timestamp_granularities[1]": "segment"},
    ],
)
def test_granularities_come_in_all_spellings(client: FlaskClient, spelling: dict[str, Any]) -> None:
    made = ask(client, response_format="verbose_json", **spelling).get_json()
    assert [word["word"] for word in made["words"]] == TEXT.split()
    assert made["segments"][0]["text"] == f" {TEXT}"


def test_words_alone_have_a_form_that_buzz_reads(client: FlaskClient) -> None:
    """It breaks on segments without words inside, and finds nothing in empty ones."""
    made = ask(client, response_format="verbose_json", timestamp_granularities="word").get_json()
    assert "segments" not in made
    assert all(word["end"] >= word["start"] for word in made["words"])


@pytest.mark.parametrize("name", ["", "whisper-1", "gpt-4o-mini-transcribe", "beeps", "gpt-4o-transcribe-diarize"])
def test_names_of_the_model_are_taken_without_a_word(client: FlaskClient, name: str) -> None:
    answer = ask(client, model=name)
    assert answer.get_json()["text"] == TEXT
    assert WARNING not in answer.headers


def test_another_models_name_gets_a_warning(client: FlaskClient) -> None:
    answer = ask(client, model="größer\n")
    assert answer.status_code == 200
    assert "is not served here; beeps answered." in answer.headers[WARNING]


def test_a_strict_server_knows_no_other_model() -> None:
    strict = application(ServerSettings(strict_models=True)).test_client()
    answer = ask(strict, model="large-v3")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "model_not_found")
    assert ask(strict, model="whisper-1").status_code == 200


def test_the_models_are_ours_and_the_names_for_it(client: FlaskClient) -> None:
    made = client.get("/v1/models").get_json()
    assert made["object"] == "list"
    assert {"beeps", "whisper-1", "gpt-transcribe"} <= {model["id"] for model in made["data"]}
    assert all(isinstance(model["created"], int) for model in made["data"])
    assert {model["fingerprint"] for model in made["data"]} == {"beeps with the usual settings"}
    assert client.get("/v1/models/whisper-1").get_json()["object"] == "model"


def test_a_model_with_a_slash_is_found() -> None:
    client = application(model="parakeet-tdt-0.6b-v3", language=None).test_client()
    assert client.get("/v1/models/nvidia/parakeet-tdt-0.6b-v3").status_code == 200
    answer = client.get("/models/nvidia/nope")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("route", ["/v1/audio/translations", "/audio/translations"])
def test_a_translation_is_refused_and_not_faked(client: FlaskClient, route: str) -> None:
    answer = ask(client, route, model="whisper-1")
    assert answer.status_code == 400
    assert "cannot translate" in error_of(answer)["message"]


@pytest.mark.parametrize("form", ["json", "text", "srt", "verbose_json"])
def test_whoever_asks_for_a_stream_gets_events(client: FlaskClient, form: str) -> None:
    answer = ask(client, stream="true", response_format=form, model="whisper-1")
    *deltas, done = events_of(answer)
    assert "".join(event["delta"] for event in deltas) == done["text"] == TEXT
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("value", ["False", "false", "0", ""])
def test_no_stream_is_json(client: FlaskClient, value: str) -> None:
    assert ask(client, stream=value).get_json()["text"] == TEXT


@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty_file"), (b"This is a text.", "invalid_value"), (wav(silence(0.05)), "audio_too_short")],
)
def test_what_is_no_recording_is_an_error_before_any_event(
    client: FlaskClient, content: bytes, code: str, stream: str
) -> None:
    answer = ask(client, file=content, stream=stream)
    error = error_of(answer)
    assert (answer.status_code, error["param"], error["code"]) == (400, "file", code)


@pytest.mark.parametrize("form", ["json", "text", "srt", "vtt", "verbose_json"])
def test_silence_is_no_error(client: FlaskClient, form: str) -> None:
    answer = ask(client, file=wav(silence(2.0)), response_format=form)
    assert answer.status_code == 200


def test_a_recording_that_is_too_long_is_refused_by_its_own_claim() -> None:
    client = application(ServerSettings(uploads=UploadSettings(max_seconds=5))).test_client()
    answer = ask(client, file=wav(silence(12)))
    assert (answer.status_code, error_of(answer)["code"]) == (413, "audio_too_long")


@pytest.mark.parametrize(
    ("field", "value"),
    [("response_format", "xml"), ("temperature", "9"), ("timestamp_granularities[]", "phoneme"), ("language", "hh")],
)
def test_a_wrong_field_is_named(client: FlaskClient, field: str, value: str) -> None:
    fields: dict[str, Any] = {field: value}
    answer = ask(client, **fields)
    assert (answer.status_code, error_of(answer)["param"]) == (400, field.removesuffix("[]"))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"model": "whisper-1"}, "missing_required_parameter"),
        ({"file": "/home/me/talk.wav"}, "invalid_value"),
        ({}, "missing_required_parameter"),
    ],
)
def test_a_missing_file_is_told_apart_from_a_forgotten_at_sign(
    client: FlaskClient, data: dict[str, str], code: str
) -> None:
    answer = client.post(ROUTE, data=data)
    error = error_of(answer)
    assert (answer.status_code, error["param"], error["code"]) == (400, "file", code)


def inline(client: FlaskClient, document: Any) -> Any:
    return client.post(ROUTE, data=json.dumps(document), content_type="application/json")


@pytest.mark.parametrize("prefix", ["", "data:audio/wav;base64,"])
def test_json_may_carry_the_recording(client: FlaskClient, prefix: str) -> None:
    """As Open WebUI sends it, if it is set so."""
    audio = {"data": prefix + base64.b64encode(SPEECH).decode(), "format": "wav"}
    assert inline(client, {"model": "", "language": "en", "input_audio": audio}).get_json()["text"] == TEXT
    made = inline(
        client,
        {"input_audio": audio, "response_format": "verbose_json", "timestamp_granularities": ["word"], "stream": False},
    )
    assert "words" in made.get_json()


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"model": "whisper-1"}, 415),
        ({"input_audio": {"format": "wav"}}, 400),
        ({"input_audio": {"data": "%%%"}}, 400),
        ({"input_audio": {"data": ""}}, 400),
        ([], 400),
    ],
)
def test_json_without_a_recording_is_refused(client: FlaskClient, document: Any, status: int) -> None:
    answer = inline(client, document)
    assert answer.status_code == status
    error_of(answer)


def test_broken_json_is_told(client: FlaskClient) -> None:
    answer = client.post(ROUTE, data="{", content_type="application/json")
    assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_json")


def test_json_larger_than_memory_should_hold_is_refused() -> None:
    client = application(ServerSettings(uploads=UploadSettings(form_bytes=1000))).test_client()
    answer = inline(client, {"input_audio": {"data": "A" * 1000}})
    assert (answer.status_code, error_of(answer)["param"]) == (413, "input_audio")


def test_another_kind_of_body_is_refused(client: FlaskClient) -> None:
    answer = client.post(ROUTE, data=SPEECH, content_type="audio/wav")
    assert answer.status_code == 415
    error_of(answer)


def test_a_full_server_says_when_to_come_again(tmp_path: Path) -> None:
    settings = ServerSettings(lifecycle=LifecycleSettings(concurrency=1, waiting=0))
    app = application(settings, SlowRecognizer)
    app.extensions["parakeet"].desk.submit(FileMedia(write_wav(tmp_path / "first.wav", beeps(["one"]))))
    answer = ask(app.test_client())
    assert (answer.status_code, error_of(answer)["code"]) == (503, "server_is_overloaded")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_what_the_recognizer_cannot_do_is_no_reason_to_try_again() -> None:
    client = application(recognizer=lambda: BeepRecognizer(refuses=["one"])).test_client()
    answer = ask(client)
    assert (answer.status_code, error_of(answer)["param"]) == (400, "file")


def test_a_late_json_answer_begins_with_spaces() -> None:
    settings = ServerSettings(heartbeat_after_seconds=0.5, keep_alive_seconds=0.5)
    client = application(settings, SlowRecognizer).test_client()
    answer = ask(client)
    assert answer.text.startswith(" ")
    assert (answer.content_type, answer.get_json()["text"]) == ("application/json", TEXT)
    assert ask(client, response_format="srt").text.startswith("1\n")


def test_a_late_failure_is_an_object_in_the_body() -> None:
    settings = ServerSettings(heartbeat_after_seconds=0.0)
    client = application(settings, lambda: BeepRecognizer(refuses=["one"])).test_client()
    answer = ask(client)
    assert answer.status_code == 200
    assert error_of(answer)["param"] == "file"


def test_a_client_that_leaves_ends_the_work() -> None:
    settings = ServerSettings(lifecycle=LifecycleSettings(concurrency=1, waiting=1))
    app = application(settings, SlowRecognizer)
    ended = endings(app)
    gone_at = time.monotonic() + 0.5
    answer = app.test_client().post(
        ROUTE,
        data={"file": (io.BytesIO(SPEECH), "x.wav")},
        environ_overrides={"waitress.client_disconnected": lambda: time.monotonic() > gone_at},
    )
    assert answer.status_code == 499
    wait_for(lambda: ended == [State.CANCELLED])


def test_a_stream_that_nobody_reads_on_ends_the_work() -> None:
    app = application(ServerSettings(keep_alive_seconds=0.05), SlowRecognizer)
    ended = endings(app)
    data = {"file": (io.BytesIO(SPEECH), "x.wav"), "stream": "true"}
    answer = app.test_client().post(ROUTE, data=data)
    assert isinstance(answer.response, Iterator)
    assert next(answer.response) == b": keep-alive\n\n"
    answer.close()
    wait_for(lambda: ended == [State.CANCELLED])


def test_non_ascii_text_is_utf_8(client: FlaskClient) -> None:
    answer = ask(client, language="ελληνικά")
    assert "ελληνικά".encode() in answer.data


def test_a_duration_is_a_number_that_is_rounded_up_for_usage(client: FlaskClient) -> None:
    made = ask(client, response_format="verbose_json").get_json()
    assert isinstance(made["duration"], float)
    assert made["usage"]["seconds"] == math.ceil(made["duration"])


def test_litellm_finds_the_time_of_subtitles(client: FlaskClient) -> None:
    for form in ("srt", "vtt"):
        answer = ask(client, response_format=form, model="whisper-1")
        assert len(re.findall(r"\d{2}:\d{2}:\d{2}[.,]\d{3}", answer.text)) == 2


def test_pyvideotrans_gets_subtitles_and_words(client: FlaskClient) -> None:
    answer = ask(client, model="parakeet_srt_words", prompt="en", response_format="srt")
    subtitles, words = answer.text.split("----..----")
    assert subtitles.startswith("1\n00:00:00,160 --> ")
    assert [word["word"] for word in json.loads(words)] == TEXT.split()
