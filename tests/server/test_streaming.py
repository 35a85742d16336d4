"""Server-sent events and late JSON, from work that the test itself drives."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from parakeet_cli.errors import EngineFailed, NotMedia
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.following import ClientGone, settle
from parakeet_cli.server.orders import Order
from parakeet_cli.server.streaming import late_json, text_events
from parakeet_cli.server.work import State, Work
from parakeet_cli.transcript import Transcript, Word
from parakeet_cli.transcription.events import Progress
from parakeet_cli.transcription.media.inputs import DescriptorMedia
from tests.server.transcripts import EMPTY, TALK


def stays() -> bool:
    return False


def leaves() -> bool:
    return True


class Driven:
    """Work without a desk; cancelling it is noted."""

    def __init__(self) -> None:
        self.was_cancelled = False
        self.work = Work(0, DescriptorMedia(0, "x"), None, False, self._cancel)

    def hear(self, words: Sequence[Word], seconds: float = 1.0) -> None:
        self.work.hear(Progress(0, seconds, tuple(words)))

    def finish(self, transcript: Transcript) -> None:
        self.work.change(state=State.FINISHED, transcript=transcript)

    def fail(self) -> None:
        self.work.change(state=State.FAILED, error=EngineFailed("CUDA is gone from /dev/nvidia0."))

    def _cancel(self, work: Work) -> None:
        self.was_cancelled = True
        work.change(state=State.CANCELLED)


def records(blocks: Sequence[bytes]) -> list[tuple[str, Any]]:
    """What Subtitle Edit reads of a stream: it drops whatever has no event line."""
    found = []
    for record in b"".join(blocks).decode().split("\n\n"):
        lines = record.split("\n")
        if lines[0].startswith("event: "):
            assert len(lines) == 2
            found.append((lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))))
    return found


def deltas(blocks: Sequence[bytes]) -> list[str]:
    return [data["delta"] for kind, data in records(blocks) if kind == "transcript.text.delta"]


def stream(driven: Driven, order: Order | None = None, keep_alive: float = 10.0) -> Iterator[bytes]:
    return text_events(driven.work, order or Order(), stays, keep_alive)


@pytest.mark.parametrize("heard", [0, 1, 3, 4])
def test_deltas_are_together_the_text(heard: int) -> None:
    driven = Driven()
    driven.hear(TALK.words[:heard])
    driven.finish(TALK)
    blocks = list(stream(driven))
    kind, done = records(blocks)[-1]
    assert kind == done["type"] == "transcript.text.done"
    assert "".join(deltas(blocks)) == done["text"] == TALK.text
    assert blocks[-1] == b"data: [DONE]\n\n"


def test_words_are_told_as_they_settle() -> None:
    driven = Driven()
    events = stream(driven)
    driven.hear(TALK.words[:1])
    assert deltas([next(events)]) == ["Hellé"]
    driven.hear(TALK.words[1:2])
    assert deltas([next(events)]) == [" 世界."]
    driven.finish(TALK)
    assert deltas(list(events)) == [" A<b> -->"]


def test_silence_is_one_empty_delta() -> None:
    driven = Driven()
    driven.finish(EMPTY)
    assert [kind for kind, _ in records(list(stream(driven)))] == ["transcript.text.delta", "transcript.text.done"]


def test_done_has_usage_in_tokens_and_times() -> None:
    driven = Driven()
    driven.finish(TALK)
    done = records(list(stream(driven)))[-1][1]
    assert done["usage"] == {
        "type": "tokens",
        "input_tokens": 757,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 757},
        "output_tokens": 6,
        "total_tokens": 763,
    }
    assert done["segments"][0] == {"id": 0, "start": 0.08, "end": 0.96, "text": " Hellé 世界."}
    assert (done["language"], done["duration"]) == ("english", 60.52)


def test_logprobs_come_with_the_deltas() -> None:
    driven = Driven()
    driven.hear(TALK.words[:2])
    driven.finish(TALK)
    found = records(list(stream(driven, Order(logprobs=True))))
    told = [entry for kind, data in found if kind == "transcript.text.delta" for entry in data["logprobs"]]
    assert told == found[-1][1]["logprobs"]


def test_nothing_to_tell_is_told_with_comments() -> None:
    driven = Driven()
    events = stream(driven, keep_alive=0.05)
    assert [next(events), next(events)] == [b": keep-alive\n\n"] * 2
    driven.finish(TALK)
    assert "".join(deltas(list(events))) == TALK.text


def test_a_failure_before_the_first_event_is_an_error_of_its_own() -> None:
    driven = Driven()
    driven.work.change(state=State.FAILED, error=NotMedia("speech.wav is no audio."))
    with pytest.raises(ApiError) as raised:
        next(stream(driven))
    assert (raised.value.status, raised.value.param) == (400, "file")


def test_a_failure_in_the_stream_is_an_event_without_secrets() -> None:
    driven = Driven()
    events = stream(driven)
    driven.hear(TALK.words[:1])
    blocks = [next(events)]
    driven.fail()
    blocks += events
    kind, data = records(blocks)[-1]
    assert kind == data["type"] == "error"
    assert data["error"].keys() == {"message", "type", "param", "code"}
    assert "/dev" not in data["error"]["message"]
    assert blocks[-1] == b"data: [DONE]\n\n"


def test_a_client_that_leaves_ends_the_work() -> None:
    driven = Driven()
    assert list(text_events(driven.work, Order(), leaves, 10.0)) == []
    assert driven.was_cancelled


def test_a_client_that_leaves_ends_work_that_is_waited_for() -> None:
    driven = Driven()
    with pytest.raises(ClientGone):
        settle(driven.work, leaves)
    assert driven.was_cancelled


def test_a_line_end_of_unicode_does_not_end_a_line() -> None:
    driven = Driven()
    driven.hear([Word("a\u2028b\x85c", 0, 1)])
    block = next(stream(driven)).decode()
    assert len(block.splitlines()) == 3
    assert deltas([block.encode()]) == ["a\u2028b\x85c"]


def later(act: Callable[[], None], seconds: float = 0.3) -> threading.Thread:
    def run() -> None:
        time.sleep(seconds)
        act()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_late_json_begins_with_white_space() -> None:
    driven = Driven()
    thread = later(lambda: driven.finish(TALK))
    made = b"".join(late_json(driven.work, lambda transcript: f'{{"text":"{transcript.text}"}}', stays, 0.05))
    thread.join()
    assert made.startswith(b"  ")
    assert json.loads(made) == {"text": TALK.text}


@pytest.mark.parametrize("is_bug", [False, True])
def test_late_json_that_fails_is_an_error_object(is_bug: bool) -> None:
    driven = Driven()
    thread = later(lambda: driven.finish(TALK) if is_bug else driven.fail(), 0.1)
    made = b"".join(late_json(driven.work, lambda transcript: str(1 // 0), stays, 10.0))
    thread.join()
    assert made.startswith(b" ")
    assert json.loads(made)["error"]["type"] == "server_error"
