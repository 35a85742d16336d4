"""What every official client makes of a transcription by the demo checkpoint: cases A of the design."""

import io
import math
import re
from itertools import pairwise
from pathlib import Path

import pytest
import srt
import webvtt

from tests.server.conformance.clients import Client, Json, Refused, Upload
from tests.server.conformance.clips import FORMS, SAID, Clips
from tests.server.conformance.wire import Part, ask

SEGMENT = {
    "id": int,
    "seek": int,
    "start": float,
    "end": float,
    "text": str,
    "tokens": list,
    "temperature": float,
    "avg_logprob": float,
    "compression_ratio": float,
    "no_speech_prob": float,
}
OURS = {"gaps", "skipped", "partial"}
"""Fields that OpenAI does not have, each only where there is something to tell."""
WHISPER_FORMATS = ("json", "text", "srt", "vtt", "verbose_json")
OPENAI_MODELS = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe-diarize",
)
SECONDS = 8.054
"""Of ``clips.speech``."""


def test_a_plain_call_gets_the_text_and_the_length_that_counts(client: Client, clips: Clips) -> None:
    answer = client.transcribe(clips.speech)
    assert words(answer.value["text"]) == list(SAID)
    assert answer.json == {"text": answer.value["text"], "usage": {"type": "duration", "seconds": math.ceil(SECONDS)}}
    assert type(answer.json["usage"]["seconds"]) is int
    assert answer.content_type == "application/json"


def test_every_answer_has_an_id_and_the_time_that_it_took(either_client: Client, clips: Clips) -> None:
    answer, other = either_client.transcribe(clips.silence), either_client.transcribe(clips.silence)
    assert answer.request_id == answer.headers["x-request-id"]
    assert answer.request_id != other.request_id
    assert int(answer.headers["openai-processing-ms"]) > 0
    assert "openai-version" in answer.headers


def test_text_is_a_string_with_one_newline_at_its_end(either_client: Client, clips: Clips, heard: str) -> None:
    answer = either_client.transcribe(clips.speech, response_format="text")
    assert (answer.type, answer.content_type) == ("str", "text/plain; charset=utf-8")
    assert answer.value == f"{heard}\n"


def test_srt_is_a_string_that_subtitle_libraries_read(client: Client, clips: Clips) -> None:
    answer = client.transcribe(clips.speech, response_format="srt")
    assert (answer.type, answer.content_type) == ("str", "text/plain; charset=utf-8")
    cues = list(srt.parse(answer.value))
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    assert words(" ".join(cue.content for cue in cues)) == list(SAID)
    assert len(re.findall(r"(?m)^\d{2}:\d{2}:\d{2},\d{3} --> \d{2}:\d{2}:\d{2},\d{3}$", answer.value)) == len(cues)
    assert "\r" not in answer.value
    assert answer.value.endswith("\n\n")


def test_vtt_is_a_string_that_subtitle_libraries_read(either_client: Client, clips: Clips) -> None:
    answer = either_client.transcribe(clips.speech, response_format="vtt")
    assert (answer.type, answer.content_type) == ("str", "text/plain; charset=utf-8")
    assert answer.value.startswith("WEBVTT\n\n")
    cues = webvtt.from_buffer(io.StringIO(answer.value)).captions
    assert words(" ".join(cue.text for cue in cues)) == list(SAID)
    assert len(re.findall(r"(?m)^\d{2}:\d{2}:\d{2}\.\d{3} --> \d{2}:\d{2}:\d{2}\.\d{3}$", answer.value)) == len(cues)


def test_verbose_json_has_whole_segments_and_no_words(client: Client, clips: Clips) -> None:
    answer = client.transcribe(clips.speech, response_format="verbose_json")
    body = answer.json
    assert set(body) - OURS == {"task", "language", "duration", "text", "segments", "usage"}
    assert (body["task"], body["language"]) == ("transcribe", "english")
    assert body["duration"] == pytest.approx(SECONDS, abs=0.05)
    assert body["usage"] == {"type": "duration", "seconds": math.ceil(SECONDS)}
    assert_segments(body)
    assert answer.value.get("words") is None
    assert len(answer.value["segments"]) == len(body["segments"])


def test_words_alone_come_without_segments(client: Client, clips: Clips) -> None:
    answer = client.transcribe(clips.speech, response_format="verbose_json", timestamp_granularities=["word"])
    assert set(answer.json) - OURS == {"task", "language", "duration", "text", "words", "usage"}
    assert_words(answer.json)
    assert [word["word"] for word in answer.value["words"]] == answer.json["text"].split()


def test_words_and_segments_come_together(either_client: Client, clips: Clips) -> None:
    both = ["word", "segment"]
    answer = either_client.transcribe(clips.speech, response_format="verbose_json", timestamp_granularities=both)
    assert_words(answer.json)
    assert_segments(answer.json)


def test_the_order_of_granularities_is_no_matter(newest_client: Client, clips: Clips) -> None:
    bodies = [
        newest_client.transcribe(clips.speech, response_format="verbose_json", timestamp_granularities=order).json
        for order in (["word", "segment"], ["segment", "word"])
    ]
    assert bodies[0] == bodies[1]


def test_segments_alone_are_the_default(newest_client: Client, clips: Clips) -> None:
    asked = newest_client.transcribe(clips.speech, response_format="verbose_json", timestamp_granularities=["segment"])
    assert asked.json == newest_client.transcribe(clips.speech, response_format="verbose_json").json


def test_speakers_are_refused_until_there_are_any(either_client: Client, clips: Clips) -> None:
    with pytest.raises(Refused) as refused:
        either_client.transcribe(clips.speech, response_format="diarized_json", extra={"chunking_strategy": "auto"})
    error = refused.value
    assert (error.name, error.status, error.attempts) == ("BadRequestError", 400, 1)
    assert (error.param, error.code) == ("response_format", "unsupported_value")


def test_every_field_at_once_changes_nothing(client: Client, clips: Clips, heard: str) -> None:
    answer = client.transcribe(
        clips.speech,
        language="en",
        prompt="Some digits.",
        temperature=0.2,
        response_format="json",
        extra={
            "include": ["logprobs"],
            "chunking_strategy": {"type": "server_vad", "threshold": 0.4},
            "keywords": ["a", "b"],
            "languages": ["en", "fr"],
            "known_speaker_names": ["x"],
            "hotwords": "z",
            "flag": True,
        },
    )
    assert answer.value["text"] == heard


def test_logprobs_are_those_of_the_tokens_of_the_text(either_client: Client, clips: Clips) -> None:
    answer = either_client.transcribe(
        clips.speech, model="gpt-4o-transcribe", response_format="json", extra={"include": ["logprobs"]}
    )
    pieces = answer.json["logprobs"]
    assert all(set(piece) == {"token", "logprob", "bytes"} and piece["logprob"] <= 0 for piece in pieces)
    assert all(bytes(piece["bytes"]).decode() == piece["token"] for piece in pieces)
    assert "".join(piece["token"] for piece in pieces).strip() == answer.json["text"]


@pytest.mark.parametrize("way", ["bytes", "stream", "path", "another name", "another type", "an unusual name"])
def test_python_may_hand_the_file_over_in_any_way(newest_client: Client, clips: Clips, way: str) -> None:
    upload = {
        "another name": Upload(clips.speech, "named", "x.mp3"),
        "another type": Upload(clips.speech, "named", "x.wav", "audio/mpeg"),
        "an unusual name": Upload(clips.named('héllo "wörld" 你好.mp3'), "as documented"),
    }.get(way) or Upload(clips.speech, way)
    assert words(newest_client.transcribe(upload).value["text"]) == list(SAID)


@pytest.mark.parametrize("way", ["as documented", "File", "bytes", "another name", "fetch", "an unusual name"])
def test_node_may_hand_the_file_over_in_any_way(
    node_client: Client, clips: Clips, way: str, address_of_speech: str
) -> None:
    upload = {
        "another name": Upload(clips.speech, "named", "x.mp3"),
        "an unusual name": Upload(clips.named('héllo "wörld" 你好.mp3'), "as documented"),
        "fetch": Upload(clips.speech, "fetch", address_of_speech),
    }.get(way) or Upload(clips.speech, way)
    assert words(node_client.transcribe(upload).value["text"]) == list(SAID)


@pytest.mark.parametrize("form", FORMS)
def test_any_container_and_codec_is_heard(newest_client: Client, clips: Clips, form: str) -> None:
    body = newest_client.transcribe(clips.form(form), response_format="verbose_json").json
    assert words(body["text"]) == list(SAID)
    assert body["duration"] == pytest.approx(SECONDS, abs=0.05 if form != "mp4 video" else 0.25)


@pytest.mark.parametrize(("response_format", "expected"), [("text", "\n"), ("srt", "\n"), ("vtt", "WEBVTT\n\n")])
def test_silence_is_an_empty_text(newest_client: Client, clips: Clips, response_format: str, expected: str) -> None:
    answer = newest_client.transcribe(clips.silence, response_format=response_format)
    assert answer.value == expected


def test_silence_is_an_empty_transcript(client: Client, clips: Clips) -> None:
    assert client.transcribe(clips.silence).json["text"] == ""
    both = ["word", "segment"]
    body = client.transcribe(clips.silence, response_format="verbose_json", timestamp_granularities=both).json
    assert (body["text"], body["segments"], body["words"], body["duration"]) == ("", [], [], 5.0)


@pytest.mark.parametrize("language", ["EN", "en-US", "en_US", "eng", "English", "", "auto"])
def test_english_has_many_names(newest_client: Client, clips: Clips, language: str) -> None:
    body = newest_client.transcribe(clips.speech, language=language, response_format="verbose_json").json
    assert (words(body["text"]), body["language"]) == (list(SAID), "english")


@pytest.mark.parametrize("model", ["", *OPENAI_MODELS])
def test_openai_s_models_are_names_of_ours(newest_client: Client, clips: Clips, model: str) -> None:
    answer = newest_client.transcribe(clips.speech, model=model)
    assert words(answer.value["text"]) == list(SAID)
    assert answer.json.get("languages") == ([{"code": "en"}] if model == "gpt-transcribe" else None)


@pytest.mark.parametrize("response_format", WHISPER_FORMATS)
def test_every_model_name_has_every_format(newest_client: Client, clips: Clips, response_format: str) -> None:
    answers = [
        newest_client.transcribe(clips.speech, model=model, response_format=response_format)
        for model in ("whisper-1", "gpt-4o-transcribe-diarize", "demo")
    ]
    assert len({answer.raw for answer in answers}) == 1


@pytest.mark.parametrize("response_format", ["json", "srt"])
def test_a_translation_is_refused_by_a_model_that_cannot(client: Client, clips: Clips, response_format: str) -> None:
    with pytest.raises(Refused) as refused:
        client.translate(clips.silence, response_format=response_format)
    error = refused.value
    assert (error.name, error.status, error.param, error.attempts) == ("BadRequestError", 400, "model", 1)
    assert "cannot translate" in error.message


def test_granularities_without_times_to_give_are_left_out_and_said_so(newest_client: Client, clips: Clips) -> None:
    """Subtitle Edit asks for them with json, and so does many a script."""
    answer = newest_client.transcribe(clips.speech, response_format="json", timestamp_granularities=["word"])
    assert answer.json == newest_client.transcribe(clips.speech).json
    assert "timestamp_granularities" in answer.headers["x-parakeet-warning"]


@pytest.fixture(scope="session")
def conversations(newest_client: Client, clips: Clips) -> dict[Path, str]:
    """What is heard in each of eight recordings."""
    files = [clips.conversation(number) for number in range(8)]
    texts = {file: str(newest_client.transcribe(file).value["text"]) for file in files}
    assert len(set(texts.values())) == 8
    return texts


def test_eight_calls_at_once_do_not_mix(client: Client, conversations: dict[Path, str]) -> None:
    """Nor is any of them refused: Node's client 4 hangs when it sends a form again, and later ones cannot."""
    answers = client.transcribe_in_parallel(list(conversations))
    assert {answer.attempts for answer in answers} == {1}
    assert [answer.value["text"] for answer in answers] == list(conversations.values())


def test_the_models_are_listed(client: Client) -> None:
    listed = client.models()
    models = {model["id"]: model for model in listed.value}
    assert "whisper-1" in models
    assert any("demo" in name for name in models)
    assert listed.json["object"] == "list"
    assert all(type(model["created"]) is int and model["object"] == "model" for model in listed.json["data"])


def test_a_model_is_shown(either_client: Client, clips: Clips) -> None:
    listed = either_client.models().json["data"]
    for model in listed:
        assert either_client.model(model["id"]).json == model


@pytest.mark.parametrize("name", ["nope", "org/name"])
def test_an_unknown_model_is_not_found(either_client: Client, name: str) -> None:
    with pytest.raises(Refused) as refused:
        either_client.model(name)
    error = refused.value
    assert (error.name, error.status, error.param) == ("NotFoundError", 404, "model")
    assert (error.code, error.type) == ("model_not_found", "invalid_request_error")
    assert name in error.message


@pytest.mark.parametrize("base", ["/v1/", "", "/"])
def test_the_address_may_be_given_in_other_forms(either_client: Client, demo: str, base: str) -> None:
    assert either_client.at(demo, base=base).models().value


@pytest.mark.parametrize("path", ["/audio/transcriptions", "/v1/audio/transcriptions/", "/audio/transcriptions/"])
def test_the_route_may_be_written_in_other_forms(demo: str, clips: Clips, heard: str, path: str) -> None:
    assert ask(demo, path, [Part("file", clips.speech.read_bytes(), "s.wav")]).json["text"] == heard


def test_a_model_need_not_be_named(demo: str, clips: Clips, heard: str) -> None:
    parts = [Part("file", clips.speech.read_bytes(), "s.wav")]
    assert ask(demo, "/v1/audio/transcriptions", parts).json["text"] == heard


def words(text: str) -> list[str]:
    """In lower case, without punctuation."""
    return re.findall(r"[a-z]+", text.lower())


def assert_segments(body: Json) -> None:
    segments = body["segments"]
    assert len(segments) >= 2
    for number, segment in enumerate(segments):
        assert set(segment) == set(SEGMENT)
        assert segment["id"] == number
        for name, kind in SEGMENT.items():
            assert isinstance(segment[name], (int, float) if kind is float else kind), name
            assert not isinstance(segment[name], bool)
        assert segment["text"].startswith(" ")
        assert segment["avg_logprob"] < 0
        assert 0 <= segment["start"] < segment["end"] <= body["duration"]
    assert all(before["end"] <= after["start"] for before, after in pairwise(segments))
    assert "".join(segment["text"] for segment in segments).strip() == body["text"]


def assert_words(body: Json) -> None:
    assert all(set(word) - {"confidence"} == {"word", "start", "end"} for word in body["words"])
    assert " ".join(word["word"] for word in body["words"]) == body["text"]
    assert all(0 <= word["start"] < word["end"] <= body["duration"] for word in body["words"])
    assert all(before["start"] <= after["start"] for before, after in pairwise(body["words"]))


def test_the_length_that_the_cases_count_with_is_right(clips: Clips) -> None:
    assert Path(clips.speech).stat().st_size == pytest.approx(SECONDS * 32_000, rel=0.001)
