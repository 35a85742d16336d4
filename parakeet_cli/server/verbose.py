"""``verbose_json``: the transcript with its times, in the fields that Whisper gave a segment.

Clients refuse a segment in which a field is missing or null, so what a transducer does not have stands there with a
neutral value: ``seek`` and ``no_speech_prob`` are 0, ``tokens`` is empty, ``temperature`` is the request's.
``avg_logprob`` is the decoder's, and 0 where it is not known; ``compression_ratio`` is computed from the text.
"""

import zlib
from typing import Any

from parakeet_cli.output.writers.cleaning import encodable
from parakeet_cli.output.writers.json import account
from parakeet_cli.output.writers.times import rounded
from parakeet_cli.server.languages import language_name
from parakeet_cli.server.orders import Granularity, Order
from parakeet_cli.server.tokens import mean_logprob
from parakeet_cli.spacing import space_between
from parakeet_cli.transcript import Segment, Transcript, Word

__all__ = ["language_field", "segment_fields", "spoken_language", "verbose", "verbose_segments"]

_UNKNOWN = "unknown"


def verbose(transcript: Transcript, order: Order) -> dict[str, Any]:
    """The object but for its usage.

    Words alone are no reason for segments: they are there if they were asked for, or nothing was. What follows the
    ordinary fields is ours: ``gaps``, ``skipped`` and ``partial``, each only where there is something to tell.
    """
    fields: dict[str, Any] = {
        "task": "transcribe",
        "language": language_field(transcript, order),
        "duration": rounded(transcript.duration),
        "text": transcript.text,
    }
    if Granularity.SEGMENT in order.granularities:
        fields["segments"] = verbose_segments(transcript, order.temperature)
    if Granularity.WORD in order.granularities:
        fields["words"] = [_word_fields(word, transcript.duration) for word in transcript.words]
    return fields | {name: value for name, value in account(transcript).items() if value}


def verbose_segments(
    transcript: Transcript, temperature: float = 0.0, *, with_words: bool = False
) -> list[dict[str, Any]]:
    """With all of Whisper's fields; with words inside, as whisper.cpp and faster-whisper have them."""
    segments = []
    for number, segment in enumerate(transcript.segments):
        fields = segment_fields(number, segment, transcript.duration) | _whisper_fields(segment, temperature)
        if with_words:
            fields["words"] = [_inner_word(word, transcript.duration) for word in segment.words]
        segments.append(fields)
    return segments


def spoken_language(transcript: Transcript, order: Order) -> str | None:
    """The checkpoint's own if it knows only one, else the one that was asked for; none is detected."""
    return transcript.language or order.language


def language_field(transcript: Transcript, order: Order) -> str:
    """In English and lower case; never empty, as clients need a text."""
    code = spoken_language(transcript, order)
    return language_name(code) if code else _UNKNOWN


def segment_fields(number: int, segment: Segment, duration: float) -> dict[str, Any]:
    """The text starts with a space where its language has any, as Whisper's does: joined, they are the transcript's."""
    return {"id": number, **_times(segment, duration), "text": f"{space_between('', segment.text)}{segment.text}"}


def _word_fields(word: Word, duration: float) -> dict[str, Any]:
    """With the punctuation that the model wrote to it. ``confidence`` is ours, where it is known."""
    fields = {"word": word.text, **_times(word, duration)}
    return fields if word.confidence is None else fields | {"confidence": round(word.confidence, 4)}


def _inner_word(word: Word, duration: float) -> dict[str, Any]:
    fields = {"word": f" {word.text}", **_times(word, duration)}
    return fields if word.confidence is None else fields | {"probability": round(word.confidence, 4)}


def _times(piece: Segment | Word, duration: float) -> dict[str, float]:
    """Within the recording: the last word is given a frame's length even where less is left of it."""
    end = rounded(min(piece.end, duration))
    return {"start": min(rounded(piece.start), end), "end": end}


def _whisper_fields(segment: Segment, temperature: float) -> dict[str, Any]:
    mean = mean_logprob(segment.words)
    return {
        "seek": 0,
        "tokens": [],
        "temperature": temperature,
        "avg_logprob": 0.0 if mean is None else mean,
        "compression_ratio": _compression_ratio(segment.text),
        "no_speech_prob": 0.0,
    }


def _compression_ratio(text: str) -> float:
    """How much shorter zlib makes the text, as in openai-whisper; a loop of the decoder's compresses well."""
    encoded = encodable(text).encode()
    return len(encoded) / len(zlib.compress(encoded))
