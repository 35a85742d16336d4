"""A transcript as the body of an answer, in the bytes that OpenAI's API has for each format.

Subtitles come from ``output.writers``; here they get OpenAI's ends: a blank line after the last cue of WebVTT, and two
after the last one of SubRip.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from parakeet_cli.output.exact import write_exact
from parakeet_cli.output.writers import Writer
from parakeet_cli.output.writers.cleaning import encodable
from parakeet_cli.output.writers.times import rounded
from parakeet_cli.server.model_names import GPT_TRANSCRIBE
from parakeet_cli.server.orders import Format, Order
from parakeet_cli.server.tokens import logprobs
from parakeet_cli.server.verbose import spoken_language, verbose
from parakeet_cli.transcript import Transcript

__all__ = ["JSON", "TEXT", "Answer", "answer", "duration_usage", "languages", "to_json"]

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

_LEGACY_LINE = "----..----"

Writers = Mapping[str, Writer]


@dataclass(frozen=True, slots=True)
class Answer:
    body: str
    content_type: str


def answer(transcript: Transcript, order: Order, writers: Writers) -> Answer:
    """The transcript in the format that was ordered; ``writers`` are those of ``output.writers.formats``."""
    if order.is_legacy:
        return Answer(_legacy(transcript, writers), TEXT)
    if order.format.is_json:
        return Answer(_json(transcript, order, writers), JSON)
    return Answer(_text(transcript, order.format, writers), TEXT)


def to_json(document: object) -> str:
    """Compact, and in UTF-8 rather than escapes; NaN and infinity, which JSON has not, are refused."""
    return encodable(json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def duration_usage(transcript: Transcript) -> dict[str, object]:
    """Whole seconds, rounded up."""
    return {"type": "duration", "seconds": math.ceil(rounded(transcript.duration))}


def languages(transcript: Transcript, order: Order) -> list[dict[str, str]] | None:
    """What ``gpt-transcribe`` tells of the languages: none where none is known. None for other models."""
    if order.model.lower() != GPT_TRANSCRIBE:
        return None
    code = spoken_language(transcript, order)
    return [{"code": code}] if code else []


def _json(transcript: Transcript, order: Order, writers: Writers) -> str:
    match order.format:
        case Format.PARAKEET_JSON:
            return writers["json"].write(transcript)
        case Format.PARAKEET_EXACT:
            return write_exact(transcript)
        case Format.VERBOSE_JSON:
            return to_json(verbose(transcript, order) | {"usage": duration_usage(transcript)})
        case _:
            return to_json(_plain(transcript, order))


def _text(transcript: Transcript, form: Format, writers: Writers) -> str:
    match form:
        case Format.TEXT:
            return encodable(transcript.text) + "\n"
        case Format.SRT | Format.VTT:
            return writers[form].write(transcript) + "\n"
        case _:
            return writers[form].write(transcript)


def _plain(transcript: Transcript, order: Order) -> dict[str, object]:
    fields: dict[str, object] = {"text": transcript.text}
    if (codes := languages(transcript, order)) is not None:
        fields["languages"] = codes
    if order.logprobs and (entries := logprobs(transcript.words)):
        fields["logprobs"] = entries
    return fields | {"usage": duration_usage(transcript)}


def _legacy(transcript: Transcript, writers: Writers) -> str:
    """What pyVideoTrans divides again into sentences of its own."""
    words = [
        {"start": rounded(word.start), "end": rounded(word.end), "word": encodable(word.text)}
        for word in transcript.words
    ]
    return writers["srt"].write(transcript) + _LEGACY_LINE + json.dumps(words, ensure_ascii=False)
