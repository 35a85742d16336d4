"""The routes of whisper-asr-webservice."""

import json

import pytest
from flask.testing import FlaskClient

from tests.fakes import BeepRecognizer, beeps
from tests.server.asking import SPEECH, application, ask, raw_samples

SRT = "1\n00:00:00,160 --> 00:00:01,500\none two three\n\n"

RAW = raw_samples(beeps(["one", "two", "three"]))


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return application().test_client()


def test_bazarr_gets_subtitles_for_raw_samples(client: FlaskClient) -> None:
    query = "/asr?task=transcribe&language=en&output=srt&encode=false&video_file=%2Ffilms%2Fa.mkv"
    answer = ask(client, query, RAW, name="audio_file")
    assert answer.text == SRT
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["Asr-Engine"] == "parakeet"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="speech.wav.srt"'


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", "one two three\n"),
        ("?output=txt&vad_filter=true&initial_prompt=x", "one two three\n"),
        ("?output=srt", SRT),
        ("?output=vtt", "WEBVTT\n\n00:00:00.160 --> 00:00:01.500\none two three\n"),
        ("?output=tsv", "start\tend\ttext\n160\t1200\tone two three\n"),
    ],
)
def test_media_are_decoded_unless_told_otherwise(client: FlaskClient, query: str, body: str) -> None:
    assert ask(client, f"/asr{query}", name="audio_file").text == body


@pytest.mark.parametrize("words", ["true", "false"])
def test_json_has_segments_and_on_request_words_in_them(client: FlaskClient, words: str) -> None:
    made = ask(client, f"/asr?output=json&diarize=False&word_timestamps={words}", name="audio_file").get_json()
    assert (made["text"], made["language"]) == ("one two three", "en")
    assert made["segments"][0]["text"] == " one two three"
    assert ("words" in made["segments"][0]) == (words == "true")


@pytest.mark.parametrize(
    ("query", "content", "status"),
    [
        ("?output=srt", b"This is a text.", 400),
        ("?output=srt&encode=false", b"", 400),
        ("?output=srt&task=translate", SPEECH, 400),
        ("?output=srt&language=fr", SPEECH, 400),
        ("?output=docx", SPEECH, 400),
    ],
)
def test_a_failure_has_no_body_that_could_be_saved_as_subtitles(
    client: FlaskClient, query: str, content: bytes, status: int
) -> None:
    answer = ask(client, f"/asr{query}", content, name="audio_file")
    assert (answer.status_code, answer.data) == (status, b"")
    assert answer.headers["X-Parakeet-Error"]


def test_a_missing_file_has_no_body_either(client: FlaskClient) -> None:
    assert (client.post("/asr").status_code, client.post("/asr").data) == (400, b"")


def test_the_address_tells_people_how_to_use_it(client: FlaskClient) -> None:
    answer = client.get("/asr")
    assert "audio_file" in answer.text


@pytest.mark.parametrize(("query", "content"), [("", SPEECH), ("?encode=false", RAW)])
def test_the_only_language_is_told_without_a_made_up_confidence(
    client: FlaskClient, query: str, content: bytes
) -> None:
    answer = ask(client, f"/detect-language{query}", content, name="audio_file")
    assert answer.get_json() == {"detected_language": "english", "language_code": "en"}


def test_one_language_of_several_is_not_guessed() -> None:
    client = application(model="parakeet-tdt-0.6b-v3", language=None).test_client()
    answer = ask(client, "/detect-language", name="audio_file")
    assert answer.status_code == 400
    assert "language_code" not in json.loads(answer.data)


def test_of_several_languages_the_answer_names_the_one_that_was_asked_for() -> None:
    class Multilingual(BeepRecognizer):
        language = None  # type: ignore[assignment] # as of a checkpoint that knows several

    client = application(recognizer=Multilingual, model="parakeet-tdt-0.6b-v3", language=None).test_client()
    made = ask(client, "/asr?output=json&language=fr", name="audio_file").get_json()
    assert made["language"] == "fr"
