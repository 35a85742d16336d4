import json
import math
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.errors import AudioTooLong, EngineFailed, ModelCorrupt, NotMedia, ParakeetError
from parakeet_cli.settings import DecodingSettings, Dtype, RecognizerSettings, TranscriptionSettings, Vad
from parakeet_cli.transcript import Gap, Partial, Segment, Silence, Token, Transcript, Word
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.engine import Ended, Ready, Room, Saved
from parakeet_cli.transcription.engine.messages import (
    BadMessage,
    Beat,
    Cancel,
    Flush,
    Order,
    Orders,
    Report,
    Reports,
    Setup,
    Transcribe,
    Warned,
    pack,
    reports_of,
)
from parakeet_cli.transcription.events import Failed, Finished, Progress, Started
from parakeet_cli.transcription.media.probe import AudioTrack, MediaInfo, Probed
from parakeet_cli.transcription.savepoints import Savepoint

numbers = st.integers(0, 1 << 53)
seconds = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters())  # lone surrogates too
tokens = st.builds(Token, texts, seconds, seconds, seconds)
words = st.builds(
    Word, texts, seconds, seconds, st.none() | seconds, st.none() | texts, st.lists(tokens, max_size=3).map(tuple)
)
segments = st.builds(Segment, st.lists(words, min_size=1, max_size=3).map(tuple))
gaps = st.lists(st.builds(Gap, seconds, seconds, texts), max_size=3).map(tuple)
transcripts = st.builds(
    Transcript,
    st.lists(segments, max_size=120).map(tuple),
    seconds,
    st.none() | texts,
    texts,
    gaps,
    st.lists(st.builds(Silence, seconds, seconds), max_size=3).map(tuple),
    st.none() | st.builds(Partial, seconds, st.none() | seconds, numbers),
)
savepoints = st.builds(
    Savepoint,
    position=numbers,
    settled_until=numbers,
    kept=st.integers(0, 1_000_000),
    tokens=st.lists(st.builds(Token, st.text(st.characters(), max_size=200), seconds, seconds, seconds)).map(tuple),
    gaps=gaps,
    heard_seconds=seconds,
    spent_seconds=seconds,
    recognition_seconds=seconds,
    state=st.binary(),
)
reports = st.one_of(
    st.builds(Ready, texts, st.none() | texts, texts),
    st.builds(Started, numbers, st.none() | seconds, numbers, numbers, seconds),
    st.builds(Progress, numbers, seconds, st.lists(words, max_size=3).map(tuple)),
    st.builds(Saved, numbers, savepoints),
    st.builds(Finished, numbers, transcripts, seconds),
    st.builds(Beat, seconds, seconds, numbers, numbers),
    st.builds(Warned, st.text(st.characters(), max_size=2_000)),
    st.just(Room()),
)


def told(messages: Iterator[bytes], piece: int = 1 << 16) -> list[Report]:
    reader, stream = Reports(), b"".join(messages)
    return [report for start in range(0, len(stream), piece) for report in reader.feed(stream[start : start + piece])]


def tokens_of(report: Report) -> list[tuple[Token, ...]]:
    match report:
        case Progress(words=words):
            return [word.tokens for word in words]
        case Finished(transcript=transcript):
            return [word.tokens for word in transcript.words]
    return []


def framed(plain: object) -> bytes:
    body = json.dumps(plain).encode()
    return struct.pack(">I", len(body)) + body


@given(reports, st.integers(1, 5_000))
def test_whatever_an_engine_tells_arrives_as_it_was_told(report: Report, piece: int) -> None:
    arrived = told(reports_of(report), piece)
    assert arrived == [report]
    assert tokens_of(arrived[0]) == tokens_of(report)  # words are equal without them


@given(texts, st.text(st.characters(codec="utf-8")), st.sampled_from(Vad), st.sampled_from(Dtype), st.none() | seconds)
def test_an_order_arrives_as_it_was_given(name: str, track: str, vad: Vad, dtype: Dtype, end: float | None) -> None:
    settings = TranscriptionSettings(
        decoding=DecodingSettings(track=track, end=end), recognizer=RecognizerSettings(dtype=dtype)
    )
    settings = replace(settings, activity=replace(settings.activity, vad=vad, skip_silence_seconds=math.inf))
    file = Path("/tmp/b\udcff\n.mp3")
    probed = Probed("1:2", MediaInfo(end, (AudioTrack(0, 1, track, "aac", True, name),)))
    orders: list[Order] = [
        Setup(Checkpoint("demo", file, ("en", "de")), settings),
        Transcribe(1, file, ""),
        Transcribe(2, None, name, track, end, None, probed, True),
        Transcribe(3, file, "", 2, None, end),
        Flush(),
        Cancel(2),
    ]
    reader = Orders()
    assert list(reader.feed(b"".join(pack(order) for order in orders))) == orders


def test_many_words_at_once_arrive_in_several_reports_and_each_once() -> None:
    words = tuple(Word(str(i), i, i + 1) for i in range(2_500))
    arrived = told(reports_of(Progress(7, 3600.0, words)))
    assert len(arrived) == 3
    assert all(isinstance(report, Progress) and report.seconds == 3600.0 for report in arrived)
    assert tuple(word for report in arrived if isinstance(report, Progress) for word in report.words) == words


def test_two_transcripts_whose_parts_are_mixed_are_put_together_apart() -> None:
    def finished(number: int) -> Finished:
        segments = tuple(Segment((Word(f"{number}-{i}", i, i + 1),)) for i in range(120))
        return Finished(number, Transcript(segments, 120.0, None, "m"), 1.0)

    first, second = (list(reports_of(finished(number))) for number in (1, 2))
    assert len(first) > 2
    mixed = [message for pair in zip(first, second, strict=True) for message in pair]
    assert told(iter(mixed)) == [finished(1), finished(2)]


@pytest.mark.parametrize("error", [AudioTooLong("It is too long."), NotMedia("That is no media.")])
def test_the_error_of_a_recording_keeps_its_class_and_message(error: NotMedia | AudioTooLong) -> None:
    (failed,) = told(reports_of(Failed(3, error)))
    assert isinstance(failed, Failed)
    assert (type(failed.error), str(failed.error)) == (type(error), str(error))


@pytest.mark.parametrize(
    ("error", "kind"), [(ModelCorrupt("It is damaged."), ModelCorrupt), (EngineFailed("OOM"), EngineFailed)]
)
def test_the_error_of_the_engine_keeps_its_class_and_message(error: ParakeetError, kind: type) -> None:
    (ended,) = told(reports_of(Ended(error)))
    assert isinstance(ended, Ended)
    assert (type(ended.error), str(ended.error)) == (kind, str(error))


def test_an_end_that_was_asked_for_has_no_error() -> None:
    assert told(reports_of(Ended())) == [Ended()]


def test_an_error_of_a_code_that_nobody_knows_is_the_engines() -> None:
    (ended,) = Reports().feed(framed(["_Fault", [None, "news_from_the_future", "What?"]]))
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, EngineFailed)


def test_an_error_message_has_an_end() -> None:
    (failed,) = told(reports_of(Failed(3, NotMedia("x" * 100_000))))
    assert isinstance(failed, Failed)
    assert len(str(failed.error)) == 2_000


@pytest.mark.parametrize(
    "plain",
    [
        {},
        [],
        ["Ready"],
        ["Ready", ["m", None]],
        ["Ready", ["m", None, "cpu", 1]],
        ["Ready", ["m", 5, "cpu"]],
        ["Setup", []],
        ["os.system", ["id"]],
        [["Ready"], ["m", None, "cpu"]],
        ["Beat", [0.0, 0.0, True, 0]],
        ["Beat", [0.0, 0.0, 1.5, 0]],
        ["Beat", [0.0, 0.0, 1 << 60, 0]],
        ["Beat", ["0", 0.0, 1, 0]],
        ["Beat", [math.nan, 0.0, 1, 0]],
        ["Beat", [math.inf, 0.0, 1, 0]],
        ["Progress", [1, 1.0, {"text": "x"}]],
        ["Progress", [1, 1.0, [["x", 0.0, 1.0, None, None, "tokens"]]]],
        ["_Fault", [1, "engine_failed", "not of an input"]],
        ["_Segments", [1, [[]]]],
        ["Saved", [1, [0, 0, -1, [], [], 0.0, 0.0, 0.0, ""]]],
        ["Saved", [1, [0, 0, 1 << 40, [], [], 0.0, 0.0, 0.0, ""]]],
        ["Saved", [1, [0, 0, 0, [], [], 0.0, 0.0, 0.0, "A" * (2 << 20)]]],
        ["Saved", [1, [0, 0, 0, [["x" * 1_000, 0.0, 0.0, 0.0]], [], 0.0, 0.0, 0.0, ""]]],
        ["Saved", [1, [0, 0, 0, [], [], 0.0, 0.0, 0.0, "é"]]],
        ["Saved", [1, [0, 0, 0, [], [], 0.0, 0.0, 0.0, "AAA"]]],
    ],
)
def test_what_is_no_report_is_refused(plain: object) -> None:
    with pytest.raises(BadMessage):
        list(Reports().feed(framed(plain)))


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"{", b"[" * 100_000, b"9" * 10_000, b'["Beat",[1e999,0,0,0]]'], ids=range(5)
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadMessage):
        list(Reports().feed(struct.pack(">I", len(body)) + body))


def test_a_message_without_end_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadMessage, match="4294967295 bytes"):
        list(Reports().feed(b"\xff\xff\xff\xff"))


def test_a_transcript_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parakeet_cli.transcription.engine.messages._LONGEST_TRANSCRIPT", 10_000)
    reader = Reports()
    with pytest.raises(BadMessage, match="longer than any"):
        for _ in range(1_000):
            list(reader.feed(framed(["_Segments", [1, []]])))


@given(st.binary(max_size=200))
def test_noise_is_refused_or_waited_for_and_nothing_else(noise: bytes) -> None:
    reader = Reports()
    with suppress(BadMessage):
        assert list(reader.feed(noise)) == []
