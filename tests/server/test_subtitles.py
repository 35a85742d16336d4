"""A corrected transcript is laid out as any other."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from parakeet_cli.output.writers import FORMATS
from parakeet_cli.transcript import Segment, Transcript, Word
from tests.server.asking import application

SAID = "She said that nobody had ever told her so before, and that she would not have believed it either."
WORDS = tuple(Word(text, 0.3 * index, 0.3 * index + 0.25) for index, text in enumerate(SAID.split()))
TRANSCRIPT = Transcript((Segment(WORDS),), 6.0, "en", "beeps")


@pytest.fixture
def client() -> FlaskClient:
    return application().test_client()


def document() -> dict[str, Any]:
    return dict(json.loads(FORMATS["json"].write(TRANSCRIPT)))


@pytest.mark.parametrize(("name", "writer"), [("srt", "srt"), ("vtt", "vtt"), ("text", "txt"), ("tsv", "tsv")])
def test_the_layout_is_the_same_as_after_a_transcription(client: FlaskClient, name: str, writer: str) -> None:
    response = client.post(f"/v1/subtitles?format={name}", json=document())
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.text.rstrip() == FORMATS[writer].write(TRANSCRIPT).rstrip()


def test_words_that_were_corrected_are_in_the_subtitles(client: FlaskClient) -> None:
    corrected = document()
    corrected["segments"][0]["words"][1] = {"text": "swore", "start": 0.3, "end": 0.55, "confidence": None}
    text = client.post("/v1/subtitles", json=corrected).text
    assert "She swore that" in text.replace("\n", " ")
    assert "said" not in text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"schema": 1}', b"\xff\xfe", b'{"schema": 99}'])
def test_what_is_no_transcript_is_refused_in_a_sentence(client: FlaskClient, body: bytes) -> None:
    response = client.post("/v1/subtitles?format=srt", data=body, content_type="application/json")
    assert response.status_code == 400
    assert response.json["error"]["message"].endswith(".")  # type: ignore[index]
    assert response.json["error"]["code"] in ("invalid_transcript", "invalid_value")  # type: ignore[index]


@pytest.mark.parametrize("name", ["verbose_json", "json", "docx"])
def test_a_format_that_has_no_layout_is_refused(client: FlaskClient, name: str) -> None:
    response = client.post(f"/v1/subtitles?format={name}", json=document())
    assert response.status_code == 400
    assert response.json["error"]["param"] == "format"  # type: ignore[index]
