"""Our own JSON: all that a transcript knows, and the way back from it.

Times are written to the millisecond; all other values come back as they were, but for lone surrogates, which
have no UTF-8 form and become U+FFFD. ``text`` and the times of segments are for people and not read back.
"""

import json
import math
from dataclasses import dataclass
from typing import Any, ClassVar

from parakeet_cli.errors import InvalidTranscript
from parakeet_cli.output.confidence import is_low
from parakeet_cli.output.writers.cleaning import encodable
from parakeet_cli.output.writers.times import rounded
from parakeet_cli.transcript import Gap, Partial, Segment, Silence, Transcript, Word

__all__ = ["SCHEMA", "JsonWriter", "account", "document", "read_document", "read_json"]

SCHEMA = 1
"""Changes when a reader of the old form would misunderstand the new one."""

_LARGEST = 1e12
"""No number of ours is near; milliseconds of larger ones are not exact."""


@dataclass(frozen=True, slots=True)
class JsonWriter:
    """Words under ``least_confidence`` are marked."""

    least_confidence: float = 0.0
    extension: ClassVar[str] = "json"

    def write(self, transcript: Transcript, rtfx: float | None = None) -> str:
        """``rtfx`` is seconds of audio for each second of work, or None where it was not measured."""
        fields = document(transcript, rtfx, self.least_confidence)
        return encodable(json.dumps(fields, ensure_ascii=False, allow_nan=False, indent=2)) + "\n"


def document(transcript: Transcript, rtfx: float | None = None, least_confidence: float = 0.0) -> dict[str, Any]:
    """The object that is written, by the fields that ``docs/cli.md`` describes."""
    return {
        "schema": SCHEMA,
        "model": transcript.model,
        "language": transcript.language,
        "duration": rounded(transcript.duration),
        "rtfx": rtfx if rtfx is not None and math.isfinite(rtfx) else None,
        "text": transcript.text,
        "segments": [_segment(segment, least_confidence) for segment in transcript.segments],
        **account(transcript),
    }


def account(transcript: Transcript) -> dict[str, Any]:
    """What has no words, and why: ``gaps``, ``skipped`` and ``partial``."""
    return {
        "gaps": [
            {"start": rounded(gap.start), "end": rounded(gap.end), "reason": gap.reason} for gap in transcript.gaps
        ],
        "skipped": [{"start": rounded(silence.start), "end": rounded(silence.end)} for silence in transcript.skipped],
        "partial": _partial(transcript.partial),
    }


def read_json(text: str) -> Transcript:
    """The transcript that ``JsonWriter`` wrote. Raises InvalidTranscript on anything else."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _invalid("it is not JSON") from error
    return read_document(fields)


def read_document(fields: object) -> Transcript:
    """The same of an object that was JSON."""
    if not isinstance(fields, dict) or "schema" not in fields:
        raise _invalid("it has no schema number")
    if fields["schema"] != SCHEMA or isinstance(fields["schema"], bool):
        raise _invalid(f"its schema is {fields['schema']!r:.20} and not {SCHEMA}")
    return _read_transcript(_Fields(fields, ""))


def _segment(segment: Segment, least_confidence: float) -> dict[str, Any]:
    return {
        "start": rounded(segment.start),
        "end": rounded(segment.end),
        "text": segment.text,
        "words": [_word(word, least_confidence) for word in segment.words],
    }


def _word(word: Word, least_confidence: float) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "text": word.text,
        "start": rounded(word.start),
        "end": rounded(word.end),
        "confidence": word.confidence,
    }
    if is_low(word, least_confidence):
        fields["low_confidence"] = True
    return fields if word.speaker is None else {**fields, "speaker": word.speaker}


def _partial(partial: Partial | None) -> dict[str, Any] | None:
    if partial is None:
        return None
    return {
        "decoded_seconds": partial.decoded_seconds,
        "expected_seconds": partial.expected_seconds,
        "decode_errors": partial.decode_errors,
    }


def _read_transcript(fields: "_Fields") -> Transcript:
    partial = fields.object_or_none("partial")
    return Transcript(
        segments=tuple(_read_segment(segment) for segment in fields.objects("segments")),
        duration=fields.number("duration"),
        language=fields.text_or_none("language"),
        model=fields.text("model"),
        gaps=tuple(Gap(*gap.times(), gap.text("reason")) for gap in fields.objects("gaps")),
        skipped=tuple(Silence(*silence.times()) for silence in fields.objects("skipped")),
        partial=None if partial is None else _read_partial(partial),
    )


def _read_segment(fields: "_Fields") -> Segment:
    words = tuple(_read_word(word) for word in fields.objects("words"))
    if not words:
        raise fields.fault("words", "empty")
    return Segment(words)


def _read_word(fields: "_Fields") -> Word:
    return Word(
        fields.text("text"),
        *fields.times(),
        confidence=fields.number_or_none("confidence"),
        speaker=fields.text_or_none("speaker") if fields.has("speaker") else None,
    )


def _read_partial(fields: "_Fields") -> Partial:
    errors = fields.number("decode_errors")
    if not errors.is_integer():
        raise fields.fault("decode_errors", "not a whole number")
    return Partial(fields.number("decoded_seconds"), fields.number_or_none("expected_seconds"), int(errors))


class _Fields:
    """A JSON object that is asked for fields of a type and says where it has none."""

    def __init__(self, fields: object, place: str) -> None:
        if not isinstance(fields, dict):
            raise _invalid(f"{place} is not an object")
        self._fields: dict[str, object] = fields
        self._place = place

    def fault(self, name: str, what: str) -> InvalidTranscript:
        return _invalid(f"{self._path(name)} is {what}")

    def has(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str) -> str:
        value = self._value(name)
        if not isinstance(value, str):
            raise self.fault(name, "not a text")
        return value

    def number(self, name: str) -> float:
        """A finite number that is not negative, which all of ours are."""
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fault(name, "not a number")
        if not 0 <= value <= _LARGEST:
            raise self.fault(name, "negative, not finite or too large")
        return float(value)

    def times(self) -> tuple[float, float]:
        start, end = self.number("start"), self.number("end")
        if end < start:
            raise self.fault("end", "before its start")
        return start, end

    def objects(self, name: str) -> "list[_Fields]":
        value = self._value(name)
        if not isinstance(value, list):
            raise self.fault(name, "not a list")
        return [_Fields(item, f"{self._path(name)}[{index}]") for index, item in enumerate(value)]

    def text_or_none(self, name: str) -> str | None:
        return None if self._value(name) is None else self.text(name)

    def number_or_none(self, name: str) -> float | None:
        return None if self._value(name) is None else self.number(name)

    def object_or_none(self, name: str) -> "_Fields | None":
        value = self._value(name)
        return None if value is None else _Fields(value, self._path(name))

    def _value(self, name: str) -> object:
        if name not in self._fields:
            raise self.fault(name, "missing")
        return self._fields[name]

    def _path(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name


def _invalid(what: str) -> InvalidTranscript:
    return InvalidTranscript(f"Not a transcript of parakeet: {what}; give a JSON file that parakeet wrote.")
