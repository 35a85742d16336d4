"""The routes of whisper.cpp's server."""

import pytest
from flask.testing import FlaskClient

from parakeet_cli.settings import ServerSettings
from tests.server.asking import SPEECH, application, ask


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return application(ServerSettings(strict_models=True)).test_client()


@pytest.mark.parametrize(
    ("form", "content_type", "body"),
    [
        ("text", "text/html; charset=utf-8", "one two three\n"),
        ("srt", "application/x-subrip", "1\n00:00:00,160 --> 00:00:01,500\none two three\n\n"),
        ("vtt", "text/vtt", "WEBVTT\n\n00:00:00.160 --> 00:00:01.500\none two three\n"),
        ("json", "application/json", '{"text":"one two three","usage":{"type":"duration","seconds":2}}'),
    ],
)
def test_formats_have_the_types_of_whisper_cpp(client: FlaskClient, form: str, content_type: str, body: str) -> None:
    answer = ask(client, "/inference", response_format=form, temperature="0.0", temperature_inc="0.2")
    assert (answer.content_type, answer.text) == (content_type, body)


def test_words_stand_inside_the_segments(client: FlaskClient) -> None:
    made = ask(client, "/inference", response_format="verbose_json").get_json()
    assert "words" not in made
    words = made["segments"][0]["words"]
    assert "".join(word["word"] for word in words) == made["segments"][0]["text"]
    assert words[0].keys() == {"word", "start", "end", "probability"}


@pytest.mark.parametrize(
    ("content", "fields"),
    [(b"no sound", {}), (SPEECH, {"translate": "true"}), (SPEECH, {"response_format": "xml"})],
)
def test_errors_are_texts(client: FlaskClient, content: bytes, fields: dict[str, str]) -> None:
    answer = ask(client, "/inference", content, **fields)
    assert answer.status_code == 400
    assert answer.get_json().keys() == {"error"}
    assert isinstance(answer.get_json()["error"], str)


def test_no_other_model_is_loaded(client: FlaskClient) -> None:
    answer = client.post("/load", data={"model": "/etc/passwd"})
    assert answer.status_code == 400
    assert "passwd" not in answer.get_json()["error"]
