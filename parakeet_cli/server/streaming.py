"""Answers that begin before the work is over: server-sent events, and JSON that white space keeps waiting for.

A client that hears nothing gives up: Node's after five minutes without a header.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence

from parakeet_cli.output.writers.cleaning import encodable
from parakeet_cli.output.writers.times import rounded
from parakeet_cli.server.answers import languages, to_json
from parakeet_cli.server.errors import SERVER_ERROR, ApiError
from parakeet_cli.server.following import ClientGone, IsGone, follow, transcript_of
from parakeet_cli.server.http_errors import INTERNAL
from parakeet_cli.server.orders import Order
from parakeet_cli.server.tokens import logprobs, token_usage
from parakeet_cli.server.verbose import language_field, segment_fields
from parakeet_cli.server.work import Work
from parakeet_cli.spacing import continuation
from parakeet_cli.transcript import Transcript, Word

__all__ = ["DONE", "EVENT_STREAM", "KEEP_ALIVE", "STREAM_HEADERS", "error_event", "event", "late_json", "text_events"]

_LOG = logging.getLogger(__name__)

EVENT_STREAM = "text/event-stream; charset=utf-8"

STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""So that no proxy holds events back."""

KEEP_ALIVE = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"

_DELTA = "transcript.text.delta"
_DONE = "transcript.text.done"

_LINE_ENDS = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"})
"""What some clients take for the end of a line, and JSON does not escape."""


def text_events(work: Work, order: Order, is_gone: IsGone, keep_alive: float) -> Iterator[bytes]:
    """The events of ``stream=true``: deltas as words settle, which together are the text; one done; the end.

    Comments fill every ``keep_alive`` seconds in which there is no word. What fails before anything was yielded is
    raised as ApiError; later it is an event.
    """
    has_begun = False
    try:
        for block in _events(work, order, is_gone, keep_alive):
            yield block
            has_begun = True
    except ClientGone:
        return
    except Exception as error:
        if not has_begun:
            raise
        yield error_event(_told(error))
    yield DONE


def late_json(work: Work, body: Callable[[Transcript], str], is_gone: IsGone, keep_alive: float) -> Iterator[bytes]:
    """A space at once and every ``keep_alive`` seconds, then ``body``, or the error as an object."""
    try:
        told = -math.inf
        for _ in follow(work, is_gone):
            if time.monotonic() - told >= keep_alive:
                told = time.monotonic()
                yield b" "
        yield body(transcript_of(work.view)).encode()
    except ClientGone:
        return
    except Exception as error:
        yield to_json(_told(error).body()).encode()


def event(kind: str, fields: dict[str, object]) -> bytes:
    """One event whose data is an object with that ``type``."""
    return f"event: {kind}\ndata: {to_json({'type': kind, **fields}).translate(_LINE_ENDS)}\n\n".encode()


def error_event(error: ApiError) -> bytes:
    return event("error", {**error.body()})


def _events(work: Work, order: Order, is_gone: IsGone, keep_alive: float) -> Iterator[bytes]:
    text, count, told = "", 0, time.monotonic()
    for _ in follow(work, is_gone):
        if words := work.words(count):
            count += len(words)
            delta = continuation(text, (word.text for word in words))
            text += delta
            yield _delta(delta, words, order)
        elif time.monotonic() - told >= keep_alive:
            yield KEEP_ALIVE
        else:
            continue
        told = time.monotonic()
    transcript = transcript_of(work.view)
    rest = transcript.text[len(text) :]
    if rest or not text:
        yield _delta(rest, transcript.words[count:], order)
    yield event(_DONE, _done(transcript, order))


def _delta(delta: str, words: Sequence[Word], order: Order) -> bytes:
    fields: dict[str, object] = {"delta": encodable(delta)}
    if order.logprobs and (entries := logprobs(words)):
        fields["logprobs"] = entries
    return event(_DELTA, fields)


def _done(transcript: Transcript, order: Order) -> dict[str, object]:
    """OpenAI's fields, then ours: with them a client that streams has times too."""
    fields: dict[str, object] = {"text": transcript.text}
    if order.logprobs and (entries := logprobs(transcript.words)):
        fields["logprobs"] = entries
    if (codes := languages(transcript, order)) is not None:
        fields["languages"] = codes
    if (usage := token_usage(transcript)) is not None:
        fields["usage"] = usage
    duration = transcript.duration
    return fields | {
        "language": language_field(transcript, order),
        "duration": rounded(duration),
        "segments": [segment_fields(number, part, duration) for number, part in enumerate(transcript.segments)],
    }


def _told(error: Exception) -> ApiError:
    if isinstance(error, ApiError):
        return error
    _LOG.error("an answer that had begun failed", exc_info=error)
    return ApiError(500, INTERNAL, kind=SERVER_ERROR)
