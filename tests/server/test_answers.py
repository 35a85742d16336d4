"""The bytes of each format."""

import json
import re
import zlib
from dataclasses import replace
from typing import Any

import pytest
import srt
import webvtt

from parakeet_cli.errors import InvalidTranscript
from parakeet_cli.output.exact import read_exact
from parakeet_cli.output.writers import FORMATS, read_json
from parakeet_cli.server.answers import answer
from parakeet_cli.server.orders import Format, Granularity, Order
from parakeet_cli.transcript import Segment, Transcript, Word
from tests.server.transcripts import EMPTY, TALK

WORD, SEGMENT = Granularity.WORD, Granularity.SEGMENT

TEXT_TYPE = "text/plain; charset=utf-8"


def body(transcript: Transcript, form: Format, **fields: Any) -> str:
    return answer(transcript, Order(format=form, **fields), FORMATS).body


def document(transcript: Transcript, form: Format, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(body(transcript, form, **fields))
    return made


GOLDEN = {
    Format.JSON: '{"text":"Hellé 世界. A<b> -->","usage":{"type":"duration","seconds":61}}',
    Format.TEXT: "Hellé 世界. A<b> -->\n",
    Format.SRT: ("1\n00:00:00,080 --> 00:00:01,260\nHellé 世界.\n\n2\n00:01:00,000 --> 00:01:01,000\nA<b> ->\n\n\n"),
    Format.VTT: (
        "WEBVTT\n\n00:00:00.080 --> 00:00:01.260\nHellé 世界.\n\n00:01:00.000 --> 00:01:01.000\nA&lt;b&gt; -&gt;\n\n"
    ),
    Format.TSV: "start\tend\ttext\n80\t960\tHellé 世界.\n60000\t60580\tA<b> -->\n",
}

GOLDEN_EMPTY = {
    Format.JSON: '{"text":"","usage":{"type":"duration","seconds":5}}',
    Format.TEXT: "\n",
    Format.SRT: "\n",
    Format.VTT: "WEBVTT\n\n",
    Format.TSV: "start\tend\ttext\n",
    Format.VERBOSE_JSON: (
        '{"task":"transcribe","language":"english","duration":5.0,"text":"","segments":[],'
        '"usage":{"type":"duration","seconds":5}}'
    ),
}


@pytest.mark.parametrize(("form", "golden"), GOLDEN.items())
def test_each_format_has_its_bytes(form: Format, golden: str) -> None:
    assert body(TALK, form) == golden


@pytest.mark.parametrize(("form", "golden"), GOLDEN_EMPTY.items())
def test_silence_is_an_answer_too(form: Format, golden: str) -> None:
    assert body(EMPTY, form) == golden


def test_silence_has_no_words() -> None:
    made = document(EMPTY, Format.VERBOSE_JSON, granularities=frozenset({WORD}))
    assert (made["words"], "segments" in made) == ([], False)


@pytest.mark.parametrize("form", list(Format))
def test_types_are_json_or_plain_text(form: Format) -> None:
    made = answer(TALK, Order(format=form), FORMATS)
    assert made.content_type == ("application/json" if form.is_json else TEXT_TYPE)


def test_a_segment_has_all_fields_of_whisper() -> None:
    made = document(TALK, Format.VERBOSE_JSON, temperature=0.2)["segments"]
    text = "Hellé 世界.".encode()
    assert made[0] == {
        "id": 0,
        "seek": 0,
        "start": 0.08,
        "end": 0.96,
        "text": " Hellé 世界.",
        "tokens": [],
        "temperature": 0.2,
        "avg_logprob": -0.5,
        "compression_ratio": len(text) / len(zlib.compress(text)),
        "no_speech_prob": 0.0,
    }
    assert "".join(segment["text"] for segment in made).strip() == TALK.text


def test_times_stay_within_the_recording() -> None:
    granularities = frozenset({WORD, SEGMENT})
    made = document(TALK, Format.VERBOSE_JSON, granularities=granularities)
    assert made["duration"] == 60.52
    assert made["segments"][-1]["end"] == 60.52
    assert made["words"][-1] == {"word": "-->", "start": 60.5, "end": 60.52, "confidence": 0.9}


@pytest.mark.parametrize(
    ("granularities", "segments", "words"),
    [({SEGMENT}, True, False), ({WORD}, False, True), ({WORD, SEGMENT}, True, True)],
)
def test_there_is_what_was_asked_for(granularities: set[Granularity], segments: bool, words: bool) -> None:
    made = document(TALK, Format.VERBOSE_JSON, granularities=frozenset(granularities))
    assert ("segments" in made, "words" in made) == (segments, words)


def test_what_was_not_heard_is_told() -> None:
    made = document(TALK, Format.VERBOSE_JSON)
    assert made["gaps"] == [{"start": 10.0, "end": 20.0, "reason": "music"}]
    assert made["skipped"] == [{"start": 30.0, "end": 50.0}]
    assert made["partial"] == {"decoded_seconds": 60.52, "expected_seconds": 90.0, "decode_errors": 2}


@pytest.mark.parametrize(
    ("known", "asked", "told"), [("en", None, "english"), (None, "el", "greek"), (None, None, "unknown")]
)
def test_a_language_is_known_or_asked_for_but_never_made_up(known: str | None, asked: str | None, told: str) -> None:
    assert document(replace(TALK, language=known), Format.VERBOSE_JSON, language=asked)["language"] == told


@pytest.mark.parametrize(("known", "told"), [("en", [{"code": "en"}]), (None, [])])
def test_gpt_transcribe_tells_languages(known: str | None, told: list[dict[str, str]]) -> None:
    assert document(replace(TALK, language=known), Format.JSON, model="gpt-transcribe")["languages"] == told


def test_logprobs_are_the_decoders() -> None:
    made = document(TALK, Format.JSON, logprobs=True)["logprobs"]
    assert made[0] == {"token": " He", "logprob": -0.25, "bytes": [32, 72, 101]}
    assert "".join(entry["token"] for entry in made).strip() == TALK.text


def test_logprobs_that_nobody_knows_are_left_out() -> None:
    silent = Transcript((Segment((Word("Hello", 0, 1),)),), 1.0, "en", "beeps")
    assert "logprobs" not in document(silent, Format.JSON, logprobs=True)
    assert document(silent, Format.VERBOSE_JSON)["segments"][0]["avg_logprob"] == 0.0


def test_the_legacy_answer_is_subtitles_a_line_and_words() -> None:
    subtitles, line, words = body(TALK, Format.JSON, model="parakeet_srt_words").partition("----..----")
    assert len(list(srt.parse(subtitles))) == 2
    assert line
    assert json.loads(words)[0] == {"start": 0.08, "end": 0.4, "word": "Hellé"}


def test_subtitles_are_read_by_others() -> None:
    cues = list(srt.parse(body(TALK, Format.SRT)))
    assert [cue.index for cue in cues] == [1, 2]
    assert len(webvtt.from_string(body(TALK, Format.VTT)).captions) == 2


def test_hours_have_two_digits_where_a_biller_looks_for_them() -> None:
    """LiteLLM finds the length of a recording with this expression."""
    for form in (Format.SRT, Format.VTT):
        assert re.findall(r"\d{2}:\d{2}:\d{2}[.,]\d{3}", body(TALK, form))[-1][:8] == "00:01:01"


def test_our_own_json_comes_back() -> None:
    made = read_json(body(TALK, Format.PARAKEET_JSON))
    assert made.text == TALK.text


def test_an_exact_transcript_comes_back_with_tokens_and_unrounded_times() -> None:
    made = read_exact(body(TALK, Format.PARAKEET_EXACT))
    assert made == TALK
    assert made.words[2].start == 59.9996
    assert [word.tokens for word in made.words] == [word.tokens for word in TALK.words]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"transcript": {}, "exact": {}}', body(TALK, Format.PARAKEET_JSON)])
def test_what_is_no_exact_transcript_is_refused(text: str) -> None:
    with pytest.raises(InvalidTranscript, match="parakeet_exact"):
        read_exact(text)


def test_an_exact_transcript_with_a_word_too_few_is_refused() -> None:
    fields = json.loads(body(TALK, Format.PARAKEET_EXACT))
    fields["exact"]["words"].pop()
    with pytest.raises(InvalidTranscript):
        read_exact(json.dumps(fields))


def test_half_a_character_does_not_break_an_answer() -> None:
    broken = Transcript((Segment((Word("a\ud800b", 0, 1),)),), 1.0, "en", "beeps")
    for form in Format:
        body(broken, form).encode()
