"""``stream=true`` as every official client reads it, and on the wire: cases B of the design."""

import json
from pathlib import Path

import pytest

from tests.fakes import beeps, write_wav
from tests.server.conformance.clients import Client, Event, Refused
from tests.server.conformance.clips import SAID, Clips
from tests.server.conformance.conftest import BATCH_SECONDS, ONE_TO_FIVE
from tests.server.conformance.hasty_server import PROGRAM as HASTY
from tests.server.conformance.odd_engine import REFUSED, WRITTEN
from tests.server.conformance.test_answers import words
from tests.server.conformance.wire import BOUNDARY, Part, ask, connect, form, send
from tests.server.processes import RunningServer, running, until

CANCELLED = 'parakeet_recordings_total{state="cancelled"}'
DELTA, DONE = "transcript.text.delta", "transcript.text.done"


def test_the_deltas_together_are_the_text(client: Client, clips: Clips, heard: str) -> None:
    events = client.stream(clips.speech)
    assert_whole(events, heard)
    assert events[-1].value.get("usage") is None or events[-1].value["usage"]["type"] == "tokens"


@pytest.mark.parametrize("response_format", ["text", "srt", "vtt", "verbose_json"])
def test_every_format_streams_the_same_events(
    newest_client: Client, clips: Clips, heard: str, response_format: str
) -> None:
    assert_whole(newest_client.stream(clips.speech, response_format=response_format), heard)


def test_speakers_are_refused_before_a_stream(either_client: Client, clips: Clips) -> None:
    with pytest.raises(Refused) as refused:
        either_client.stream(clips.speech, response_format="diarized_json", extra={"chunking_strategy": "auto"})
    assert (refused.value.status, refused.value.code) == (400, "unsupported_value")


def test_silence_streams_an_empty_text(either_client: Client, clips: Clips) -> None:
    assert_whole(either_client.stream(clips.silence), "")


def test_logprobs_stream_with_their_words(newest_client: Client, clips: Clips) -> None:
    events = newest_client.stream(clips.speech, extra={"include": ["logprobs"]})
    pieces = [piece for event in events[:-1] for piece in event.value["logprobs"]]
    assert words("".join(piece["token"] for piece in pieces)) == list(SAID)
    assert events[-1].value["logprobs"] == pieces


def test_what_is_no_audio_is_refused_before_a_stream(client: Client, clips: Clips) -> None:
    with pytest.raises(Refused) as refused:
        client.stream(clips.text)
    error = refused.value
    assert (error.name, error.status, error.param, error.attempts) == ("BadRequestError", 400, "file", 1)


def test_every_record_has_a_name_and_one_line_of_data(demo: str, clips: Clips) -> None:
    parts = [Part("model", "whisper-1"), Part("stream", "true"), Part("file", clips.speech.read_bytes(), "s.wav")]
    reply = ask(demo, "/v1/audio/transcriptions", parts)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert (reply.headers["cache-control"], reply.headers["x-accel-buffering"]) == ("no-cache", "no")
    *records, end, nothing = reply.text.split("\n\n")
    assert (end, nothing) == ("data: [DONE]", "")
    for record in records:
        name, data = record.split("\n")
        assert name == f"event: {json.loads(data.removeprefix('data: '))['type']}"


def test_a_stream_says_that_its_connection_ends_with_it(demo: str, clips: Clips) -> None:
    """waitress does so with all that it sends in chunks; a client that is told opens another connection in time."""
    parts = [Part("model", "whisper-1"), Part("stream", "true"), Part("file", clips.silence.read_bytes(), "s.wav")]
    assert ask(demo, "/v1/audio/transcriptions", parts).headers["connection"] == "close"


@pytest.mark.parametrize("value", ["true", "True", "1", "yes", "on"])
def test_a_stream_may_be_asked_for_in_many_words(demo: str, clips: Clips, value: str) -> None:
    assert stream_asked_with(demo, clips, value) == "text/event-stream"


@pytest.mark.parametrize("value", ["false", "False", "0", "no", ""])
def test_a_stream_may_be_declined_in_many_words(demo: str, clips: Clips, value: str) -> None:
    assert stream_asked_with(demo, clips, value) == "application/json"


def test_words_come_before_the_work_is_over(
    either_client: Client, slow_server: RunningServer, slow_beeps: Path
) -> None:
    events = either_client.at(slow_server.url).stream(slow_beeps)
    assert_whole(events, " ".join(WRITTEN[word] for word in ONE_TO_FIVE))
    assert len(events) > 3
    assert events[-1].at - events[0].at > BATCH_SECONDS


def test_comments_keep_a_client_waiting(newest_client: Client, tmp_path: Path) -> None:
    """One chunk takes longer than the client waits for a next byte; Node's has no such limit."""
    path = write_wav(tmp_path / "beeps.wav", beeps(["one", "two"]))
    with running(tmp_path, program=HASTY, BEEP_SECONDS="2.5", KEEP_ALIVE="0.2") as server:
        assert_whole(newest_client.at(server.url, timeout=1.5).stream(path), "één два")


def test_a_failure_after_the_first_words_is_an_error_for_every_client(
    anywhere: Client, slow_server: RunningServer, tmp_path: Path
) -> None:
    path = write_wav(tmp_path / "beeps.wav", beeps([*ONE_TO_FIVE[:3], REFUSED], beep=0.48, pause=3.52))
    with pytest.raises(Refused) as refused:
        anywhere.at(slow_server.url).stream(path)
    error = refused.value
    assert (error.name, error.status) == ("APIError", 200)
    assert "".join(event.value["delta"] for event in error.events).startswith("één")
    assert "refused" in error.message


def test_who_breaks_off_frees_the_place(anywhere: Client, slow_server: RunningServer, slow_beeps: Path) -> None:
    cancelled = slow_server.metric(CANCELLED)
    assert len(anywhere.at(slow_server.url).stream(slow_beeps, take=1)) == 1
    until(lambda: slow_server.metric("parakeet_running") == 0, "the place is free")
    assert slow_server.metric(CANCELLED) == cancelled + 1


def test_a_connection_that_is_cut_frees_the_place(slow_server: RunningServer, slow_beeps: Path) -> None:
    cancelled = slow_server.metric(CANCELLED)
    parts = [Part("model", "whisper-1"), Part("stream", "true"), Part("file", slow_beeps.read_bytes(), "s.wav")]
    headers = {"Host": "localhost", "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    with connect(slow_server.url) as connection:
        send(connection, "POST", "/v1/audio/transcriptions", headers, form(parts))
        while b"event:" not in connection.recv(65_536):
            pass
    until(lambda: slow_server.metric("parakeet_running") == 0, "the place is free")
    assert slow_server.metric(CANCELLED) == cancelled + 1


def stream_asked_with(demo: str, clips: Clips, value: str) -> str:
    """The media type of the answer."""
    parts = [Part("stream", value), Part("file", clips.speech.read_bytes(), "s.wav")]
    return ask(demo, "/v1/audio/transcriptions", parts).headers["content-type"].partition(";")[0]


def assert_whole(events: list[Event], text: str) -> None:
    kinds = [event.value["type"] for event in events]
    assert kinds[-1] == DONE
    assert set(kinds[:-1]) == {DELTA}
    assert "".join(event.value["delta"] for event in events[:-1]) == text
    assert events[-1].value["text"] == text
