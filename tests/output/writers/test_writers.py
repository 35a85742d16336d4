"""Each format, to the character."""

import json
from typing import Any

import pytest

from parakeet_cli.errors import InvalidTranscript
from parakeet_cli.output.presets import PRESETS
from parakeet_cli.output.writers import FORMATS, formats, read_json
from parakeet_cli.output.writers.times import clock, milliseconds, rounded
from parakeet_cli.transcript import Gap, Partial, Segment, Transcript, Word

HOSTILE = Transcript(
    segments=(
        Segment((Word("<b>Hi</b>", 0.0, 0.5, 0.5, "A > B"), Word("&\x1b[31m", 0.5, 1.0), Word("-->", 1.0, 1.25))),
        Segment(
            (
                Word("=cmd", 90_000.0, 90_000.5),
                Word("two\n\nlines", 90_001.0, 90_002.0),
                Word("\0", 90_002.0, 90_002.0),
            )
        ),
    ),
    duration=90_010.0,
    language="en",
    model="tdt",
    gaps=(Gap(10.0, 20.0, "music"),),
    partial=Partial(90_010.0, None, 3),
)
EMPTY = Transcript((), duration=3.0, language=None, model="tdt")


def document(**changes: object) -> str:
    """A valid transcript with some of its fields replaced."""
    valid: dict[str, Any] = json.loads(FORMATS["json"].write(HOSTILE))
    return json.dumps(valid | changes)


def test_formats_are_named_by_their_extension_and_sorted() -> None:
    assert list(FORMATS) == ["json", "srt", "tsv", "txt", "vtt"]
    assert all(writer.extension == name for name, writer in FORMATS.items())


def test_subrip_of_a_hostile_transcript() -> None:
    assert FORMATS["srt"].write(HOSTILE) == (
        "1\n00:00:00,000 --> 00:00:00,500\n<b>Hi</b>\n\n"
        "2\n00:00:00,500 --> 00:00:01,550\n&[31m ->\n\n"
        "3\n25:00:00,000 --> 25:00:02,300\n=cmd two lines\n\n"
    )


def test_webvtt_of_a_hostile_transcript() -> None:
    assert FORMATS["vtt"].write(HOSTILE) == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:00.500\n<v A &gt; B>&lt;b&gt;Hi&lt;/b&gt;\n\n"
        "00:00:00.500 --> 00:00:01.550\n&amp;[31m -&gt;\n\n"
        "25:00:00.000 --> 25:00:02.300\n=cmd two lines\n"
    )


def test_tsv_of_a_hostile_transcript() -> None:
    assert FORMATS["tsv"].write(HOSTILE) == (
        "start\tend\ttext\n0\t1250\t<b>Hi</b> &[31m -->\n90000000\t90002000\t'=cmd two lines\n"
    )


def test_plain_text_of_a_hostile_transcript() -> None:
    assert FORMATS["txt"].write(HOSTILE) == "<b>Hi</b> &[31m -->\n=cmd two lines\n"


@pytest.mark.parametrize(
    ("name", "text"), [("srt", ""), ("vtt", "WEBVTT\n"), ("txt", ""), ("tsv", "start\tend\ttext\n")]
)
def test_silence_is_a_valid_file(name: str, text: str) -> None:
    assert FORMATS[name].write(EMPTY) == text


def test_silence_is_a_json_document_without_segments() -> None:
    assert json.loads(FORMATS["json"].write(EMPTY)) == {
        "schema": 1,
        "model": "tdt",
        "language": None,
        "duration": 3.0,
        "rtfx": None,
        "text": "",
        "segments": [],
        "gaps": [],
        "skipped": [],
        "partial": None,
    }


def test_json_has_all_that_is_known_and_reads_back() -> None:
    text = FORMATS["json"].write(HOSTILE, rtfx=120.5)
    written = json.loads(text)
    assert written["rtfx"] == 120.5
    assert written["segments"][0]["words"][0] == {
        "text": "<b>Hi</b>",
        "start": 0.0,
        "end": 0.5,
        "confidence": 0.5,
        "speaker": "A > B",
    }
    assert "speaker" not in written["segments"][0]["words"][1]
    assert written["partial"] == {"decoded_seconds": 90010.0, "expected_seconds": None, "decode_errors": 3}
    assert read_json(text) == HOSTILE
    assert read_json(FORMATS["json"].write(EMPTY)) == EMPTY


def test_json_writes_other_scripts_as_they_are() -> None:
    transcript = Transcript((Segment((Word("Дом 🦜", 0, 1),)),), 1.0, "ru", "tdt")
    assert "Дом 🦜" in FORMATS["json"].write(transcript)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is not JSON"),
        ("\x00", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it has no schema number"),
        ('{"text": "whisper", "segments": []}', "it has no schema number"),
        (document(schema=2), "its schema is 2 and not 1"),
        (document(schema=True), "its schema is True and not 1"),
        (document(schema="1"), "its schema is '1' and not 1"),
        ('{"schema": 1}', "partial is missing"),
        (document(segments={}), "segments is not a list"),
        (document(segments=[1]), "segments[0] is not an object"),
        (document(segments=[{"words": []}]), "segments[0].words is empty"),
        (document(segments=[{"words": [{"text": 5}]}]), "segments[0].words[0].text is not a text"),
        (document(duration=float("nan")), "duration is negative, not finite or too large"),
        (document(duration=float("inf")), "duration is negative, not finite or too large"),
        (document(duration=10**400), "duration is negative, not finite or too large"),
        (document(duration=-1), "duration is negative, not finite or too large"),
        (document(duration="3"), "duration is not a number"),
        (document(duration=True), "duration is not a number"),
        (document(language=5), "language is not a text"),
        (document(gaps=[{"start": 2, "end": 1, "reason": ""}]), "gaps[0].end is before its start"),
        (document(partial=[]), "partial is not an object"),
        (
            document(partial={"decoded_seconds": 1, "expected_seconds": None, "decode_errors": 0.5}),
            "partial.decode_errors is not a whole number",
        ),
    ],
)
def test_what_is_not_ours_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidTranscript) as caught:
        read_json(text)
    assert str(caught.value) == f"Not a transcript of parakeet: {reason}; give a JSON file that parakeet wrote."


def test_subtitles_follow_the_rules_they_are_given() -> None:
    words = tuple(Word("seven77", 0.5 * index, 0.5 * index + 0.4) for index in range(12))
    transcript = Transcript((Segment(words),), 6.0, None, "tdt")
    for name in ("srt", "vtt"):
        text = formats(PRESETS["shorts"])[name].write(transcript)
        assert text.count("seven77 seven77\n") == 6


@pytest.mark.parametrize(
    ("seconds", "time", "text"),
    [
        (0.0, 0, "00:00:00,000"),
        (-0.08, 0, "00:00:00,000"),
        (0.0004, 0, "00:00:00,000"),
        (1.9996, 2000, "00:00:02,000"),
        (3599.9999, 3_600_000, "01:00:00,000"),
        (360_000.5, 360_000_500, "100:00:00,500"),
    ],
)
def test_seconds_are_rounded_once_and_hours_go_on(seconds: float, time: int, text: str) -> None:
    assert milliseconds(seconds) == time
    assert clock(time, ",") == text
    assert rounded(seconds) == time / 1000
