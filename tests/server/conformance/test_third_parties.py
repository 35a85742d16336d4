"""What programs other than OpenAI's clients send, byte for byte, and the rules by which they read the answer."""

import base64
import json
import re
from typing import Any

import jsonschema_rs
import pytest
import srt

from tests.server.conformance.clients import Client
from tests.server.conformance.clips import SAID, Clips
from tests.server.conformance.recorded import BAZARR, OPEN_WEBUI, SPEAKR, SUBTITLE_EDIT, VERCEL, WHISPER_CPP
from tests.server.conformance.test_answers import words
from tests.server.conformance.wire import Part, Reply, ask, replay

_NUMBERS = {name: {"type": "number"} for name in ("id", "seek", "start", "end", "temperature")}
_NUMBERS |= {name: {"type": "number"} for name in ("avg_logprob", "compression_ratio", "no_speech_prob")}
VERCEL_SCHEMA = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "text": {"type": "string"},
        "language": {"type": ["string", "null"]},
        "duration": {"type": ["number", "null"]},
        "words": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "required": ["word", "start", "end"],
                "properties": {"word": {"type": "string"}, "start": {"type": "number"}, "end": {"type": "number"}},
            },
        },
        "segments": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "required": [*_NUMBERS, "text", "tokens"],
                "properties": {
                    **_NUMBERS,
                    "text": {"type": "string"},
                    "tokens": {"type": "array", "items": {"type": "number"}},
                },
            },
        },
    },
}
"""What the zod schema of Vercel's AI SDK asks of a transcription."""


def test_open_webui_streams_its_form_and_names_no_model(demo: str, clips: Clips) -> None:
    reply = replay(demo, OPEN_WEBUI, AUDIO=clips.form("mp3").read_bytes())
    assert (reply.status, words(reply.json["text"])) == (200, list(SAID))


def test_open_webui_may_send_json(demo: str, clips: Clips) -> None:
    audio = {"data": base64.b64encode(clips.form("mp3").read_bytes()).decode(), "format": "mp3"}
    body = json.dumps({"model": "", "input_audio": audio, "language": "en"}).encode()
    reply = ask(demo, "/v1/audio/transcriptions", body, headers={"Content-Type": "application/json"})
    assert (reply.status, words(reply.json["text"])) == (200, list(SAID))


def test_subtitle_edit_gets_text_and_times_from_events_with_names(demo: str, clips: Clips) -> None:
    reply = replay(demo, SUBTITLE_EDIT, AUDIO=clips.speech.read_bytes(), STREAM=b"true")
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = events_with_names(reply.text)
    text = "".join(data["delta"] for name, data in events if name == "transcript.text.delta")
    assert words(text) == list(SAID)
    done = next(data for name, data in events if name == "transcript.text.done")
    assert "".join(segment["text"] for segment in done["segments"]).strip() == text.strip()
    assert all(segment["start"] < segment["end"] for segment in done["segments"])


def test_subtitle_edit_may_ask_for_json_with_granularities(demo: str, clips: Clips) -> None:
    reply = replay(demo, SUBTITLE_EDIT, AUDIO=clips.speech.read_bytes(), STREAM=b"false")
    assert (reply.status, words(reply.json["text"])) == (200, list(SAID))


@pytest.mark.parametrize("granularities", [("segment", "segment"), ("word", "word"), ("word", "segment")], ids="-".join)
def test_vercel_s_schema_takes_the_answer(demo: str, clips: Clips, granularities: tuple[str, str]) -> None:
    first, second = (granularity.encode() for granularity in granularities)
    reply = replay(demo, VERCEL, AUDIO=clips.speech.read_bytes(), FIRST=first, SECOND=second)
    jsonschema_rs.validate(VERCEL_SCHEMA, reply.json)
    assert reply.json["language"] == "english"
    assert ("words" in reply.json, "segments" in reply.json) == ("word" in granularities, "segment" in granularities)


def test_buzz_finds_words_as_it_looks_for_them(newest_client: Client, clips: Clips) -> None:
    """It takes whisper.cpp's nested words where there are segments, and OpenAI's words only where there are none."""
    body = newest_client.transcribe(
        clips.form("mp3"), response_format="verbose_json", timestamp_granularities=["word"], language="en"
    ).json
    assert "segments" not in body
    assert words(" ".join(word["word"] for word in body["words"])) == list(SAID)


@pytest.mark.parametrize("response_format", ["verbose_json", "srt", "vtt"])
def test_litellm_finds_the_length_that_it_bills(newest_client: Client, clips: Clips, response_format: str) -> None:
    """It asks through OpenAI's client, for verbose_json where the caller names no format, and searches subtitles."""
    answer = newest_client.transcribe(clips.speech, response_format=response_format)
    if response_format == "verbose_json":
        assert answer.json["duration"] > 8
        assert answer.json["usage"]["type"] in ("duration", "tokens")
    else:
        assert len(re.findall(r"\d{2}:\d{2}:\d{2}[.,]\d{3}", answer.value)) >= 2


@pytest.mark.parametrize("spelling", ["timestamp_granularities", "timestamp_granularities[]"])
def test_litellm_s_own_form_has_bare_names(demo: str, clips: Clips, spelling: str) -> None:
    parts = [
        Part("model", "whisper-large-v3"),
        Part("response_format", "verbose_json"),
        *(Part(spelling, granularity) for granularity in ("word", "segment")),
        Part("file", clips.speech.read_bytes(), "speech.wav", "audio/wav"),
    ]
    reply = ask(demo, "/v1/audio/transcriptions", parts, headers={"Authorization": "Bearer fake-api-key"})
    assert {"words", "segments"} <= set(reply.json)


def test_langchain_s_parser_takes_an_object_or_a_string(newest_client: Client, clips: Clips) -> None:
    """It sends MP3 pieces with any of the optional arguments, and takes ``.text`` or the string."""
    arguments: dict[str, Any] = {"language": "en", "prompt": "digits", "temperature": 0}
    for response_format in (None, "text", "srt"):
        asked = arguments | ({"response_format": response_format} if response_format else {})
        answer = newest_client.transcribe(clips.form("mp3"), **asked)
        text = answer.value if isinstance(answer.value, str) else answer.value["text"]
        assert words(text) == list(SAID)


@pytest.mark.parametrize("slash", ["/", "//"])
def test_bazarr_sends_samples_without_a_header_and_saves_subtitles(demo: str, clips: Clips, slash: str) -> None:
    """An address that was set with a slash at its end makes two."""
    path = f"{slash}asr?task=transcribe&language=en&output=srt&encode=false"
    reply = replay(demo, BAZARR.replace("PATH", path), AUDIO=clips.pcm())
    assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    assert "asr-engine" in reply.headers
    assert words(" ".join(cue.content for cue in srt.parse(reply.text))) == list(SAID)


def test_bazarr_gets_no_error_text_that_it_would_save_as_subtitles(demo: str) -> None:
    path = "/asr?task=transcribe&language=en&output=srt&encode=false"
    reply = replay(demo, BAZARR.replace("PATH", path), AUDIO=b"")
    assert reply.status >= 400
    assert reply.body == b""


@pytest.mark.parametrize("slash", ["/", "//"])
def test_bazarr_asks_for_the_language(demo: str, clips: Clips, slash: str) -> None:
    reply = replay(demo, BAZARR.replace("PATH", f"{slash}detect-language?encode=false"), AUDIO=clips.pcm())
    assert (reply.status, reply.json) == (200, {"detected_language": "english", "language_code": "en"})


@pytest.mark.parametrize(
    ("output", "expected"), [("txt", "Three"), ("vtt", "WEBVTT\n"), ("srt", "1\n00:"), ("tsv", "start\tend\ttext\n")]
)
def test_asr_has_whisper_s_formats(demo: str, clips: Clips, output: str, expected: str) -> None:
    parts = [Part("audio_file", clips.form("mp3").read_bytes(), "talk.mp3", "audio/mpeg")]
    reply = ask(demo, f"/asr?output={output}", parts)
    assert reply.text.startswith(expected)
    assert f".{output}" in reply.headers["content-disposition"]


def test_speakr_reads_segments_of_asr(demo: str, clips: Clips) -> None:
    reply = replay(demo, SPEAKR, AUDIO=clips.form("webm").read_bytes())
    assert {"text", "segments", "language"} <= set(json.loads(reply.text))
    assert words(json.loads(reply.text)["text"]) == list(SAID)
    assert all({"start", "end", "text"} <= set(segment) for segment in json.loads(reply.text)["segments"])


def test_speakr_finds_a_whisper_among_the_models(newest_client: Client) -> None:
    assert [model["id"] for model in newest_client.models().value if "whisper" in model["id"]]


@pytest.mark.parametrize(
    ("response_format", "expected"), [("srt", "1\n00:00:0"), ("vtt", "WEBVTT\n\n00:00:0"), ("text", "Three")]
)
def test_whisper_cpp_s_clients_get_files(demo: str, clips: Clips, response_format: str, expected: str) -> None:
    reply = replay(demo, WHISPER_CPP, AUDIO=clips.speech.read_bytes(), FORMAT=response_format.encode())
    assert (reply.status, reply.text.strip()[: len(expected)]) == (200, expected)


def test_whisper_cpp_s_clients_find_words_within_segments(demo: str, clips: Clips) -> None:
    reply = replay(demo, WHISPER_CPP, AUDIO=clips.speech.read_bytes(), FORMAT=b"verbose_json")
    nested = [word["word"] for segment in reply.json["segments"] for word in segment["words"]]
    assert words(" ".join(nested)) == list(SAID)


def test_whisper_cpp_s_clients_get_json_without_asking(demo: str, clips: Clips) -> None:
    reply = ask(demo, "/inference", [Part("file", clips.speech.read_bytes(), "talk.wav")])
    assert words(reply.json["text"]) == list(SAID)


def test_the_original_s_tools_get_subtitles_and_words(demo: str, clips: Clips) -> None:
    """pyVideoTrans names a model that means: SRT, a line of dots and dashes, and the words as JSON."""
    parts = [
        Part("file", clips.speech.read_bytes(), "speech.wav"),
        Part("model", "parakeet_srt_words"),
        Part("prompt", "en"),
    ]
    reply: Reply = ask(demo, "/v1/audio/transcriptions", parts)
    subtitles, _, timed = reply.text.partition("----..----")
    assert words(" ".join(cue.content for cue in srt.parse(subtitles))) == list(SAID)
    assert words(json.dumps([word["word"] for word in json.loads(timed)])) == list(SAID)


def test_a_key_that_nobody_asked_for_is_no_matter(newest_client: Client, demo: str) -> None:
    for key in ("sk-dummy", "not-needed", "x"):
        assert newest_client.at(demo, key).models().status == 200


def events_with_names(text: str) -> list[tuple[str, Any]]:
    """Those that Subtitle Edit sees: without an ``event:`` line there is no event for it."""
    records = (record.splitlines() for record in text.split("\n\n"))
    named = [
        (
            next((line[6:].strip() for line in record if line.startswith("event:")), ""),
            "".join(line[5:].strip() for line in record if line.startswith("data:")),
        )
        for record in records
    ]
    return [(name, json.loads(data)) for name, data in named if name and data]
