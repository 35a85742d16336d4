"""The official client for Python, with strict validation, against a real server process."""

import io
import json
from collections.abc import Callable, Iterator

import openai
import pytest
from openai.types.audio import TranscriptionTextDoneEvent, TranscriptionVerbose

from tests.fakes import beeps, silence
from tests.server.asking import SPEECH, wav
from tests.server.processes import RunningServer, until

TEXT = "one two three"

FILE = ("speech.wav", SPEECH)


@pytest.fixture
def client(server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{server.url}/v1", api_key="sk-any", max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


def test_json_has_text_and_usage_and_nothing_else(client: openai.OpenAI) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(file=FILE, model="whisper-1")
    assert json.loads(raw.content) == {"text": TEXT, "usage": {"type": "duration", "seconds": 2}}
    made = raw.parse()
    assert made.text == TEXT
    assert made._request_id


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("text", f"{TEXT}\n"),
        ("srt", f"1\n00:00:00,160 --> 00:00:01,500\n{TEXT}\n\n\n"),
        ("vtt", f"WEBVTT\n\n00:00:00.160 --> 00:00:01.500\n{TEXT}\n\n"),
    ],
)
def test_texts_are_texts(client: openai.OpenAI, form: str, body: str) -> None:
    made = client.audio.transcriptions.create(file=FILE, model="whisper-1", response_format=form)  # type: ignore[call-overload]
    assert made == body


@pytest.mark.parametrize(("granularities", "has_segments"), [(["word"], False), (["segment", "word"], True)])
def test_verbose_json_holds_against_the_schema(
    client: openai.OpenAI, granularities: list[str], has_segments: bool
) -> None:
    made: TranscriptionVerbose = client.audio.transcriptions.create(  # type: ignore[call-overload]
        file=FILE, model="whisper-1", response_format="verbose_json", timestamp_granularities=granularities
    )
    assert (made.language, made.text) == ("english", TEXT)
    assert [word.word for word in made.words or []] == TEXT.split()
    assert (made.segments is not None) == has_segments


def test_silence_holds_against_the_schema(client: openai.OpenAI) -> None:
    file = ("silence.wav", wav(silence(1.0)))
    made = client.audio.transcriptions.create(file=file, model="whisper-1", response_format="verbose_json")
    assert (made.text, made.segments) == ("", [])


def test_a_stream_is_events_of_known_types(client: openai.OpenAI) -> None:
    events = list(
        client.audio.transcriptions.create(
            file=FILE, model="gpt-4o-transcribe", stream=True, include=["logprobs"], language="en"
        )
    )
    *deltas, done = events
    assert isinstance(done, TranscriptionTextDoneEvent)
    assert "".join(event.delta for event in deltas if event.type == "transcript.text.delta") == done.text == TEXT
    assert done.usage is not None
    assert done.usage.output_tokens == len(done.logprobs or []) == 3


def test_all_fields_at_once_change_nothing(client: openai.OpenAI) -> None:
    made = client.audio.transcriptions.create(
        file=io.BytesIO(SPEECH),
        model="gpt-transcribe",
        language="en",
        prompt="Names: Ada.",
        temperature=0.2,
        include=["logprobs"],
        chunking_strategy={"type": "server_vad", "threshold": 0.4},
        extra_body={"keywords": ["a", "b"], "languages": ["en", "fr"], "hotwords": "z", "flag": True},
    )
    assert made.text == TEXT
    assert [language.code for language in made.languages or []] == ["en"]
    assert len(made.logprobs or []) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_recording_is_a_bad_request(client: openai.OpenAI, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.audio.transcriptions.create(file=("x.wav", b"not audio"), model="whisper-1", stream=stream)
    assert (raised.value.param, raised.value.type) == ("file", "invalid_request_error")


def test_models_are_listed_and_found(client: openai.OpenAI) -> None:
    assert "whisper-1" in [model.id for model in client.models.list()]
    assert client.models.retrieve("whisper-1").object == "model"
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve("org/nope")
    assert raised.value.code == "model_not_found"


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_translation_is_a_bad_request(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="cannot translate"):
        client.audio.translations.create(file=FILE, model="whisper-1")


def test_words_come_while_the_work_goes_on_and_leaving_ends_it(start_server: Callable[..., RunningServer]) -> None:
    server = start_server(BEEP_SECONDS="1")
    file = ("long.wav", wav(beeps(["one"] * 1500)))
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-any", max_retries=0) as client,
        client.audio.transcriptions.create(file=file, model="whisper-1", stream=True) as stream,
    ):
        first = next(iter(stream))
    assert first.type == "transcript.text.delta"
    assert first.delta.startswith("one one")
    until(lambda: server.metric('parakeet_recordings_total{state="cancelled"}') == 1, "the work is given up")
