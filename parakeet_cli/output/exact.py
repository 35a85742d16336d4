"""A transcript with nothing left out: our own JSON, and beside it what that rounds or does not have.

So it goes from a server to who writes files of it, which then come out as if they had been written where it was made,
and so it lies in the database of jobs.
"""

import json
import math
from dataclasses import replace
from typing import Any

from parakeet_cli.errors import InvalidTranscript
from parakeet_cli.output.writers.cleaning import encodable
from parakeet_cli.output.writers.json import document, read_document
from parakeet_cli.transcript import Segment, Token, Transcript, Word

__all__ = ["read_exact", "write_exact"]


def write_exact(transcript: Transcript) -> str:
    """JSON on one line. Raises ``ValueError`` for what JSON cannot have, as an infinite time."""
    exact = {
        "duration": transcript.duration,
        "words": [[word.start, word.end, [_fields(token) for token in word.tokens]] for word in transcript.words],
        "gaps": [[gap.start, gap.end] for gap in transcript.gaps],
        "skipped": [[silence.start, silence.end] for silence in transcript.skipped],
    }
    fields = {"transcript": document(transcript), "exact": exact}
    return encodable(json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def read_exact(text: str) -> Transcript:
    """The transcript as it was, but for lone surrogates. Raises InvalidTranscript on anything else."""
    try:
        fields = json.loads(text)
        return _precise(read_document(fields["transcript"]), fields["exact"])
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise InvalidTranscript(
            "Not a whole transcript of parakeet; give what format=parakeet_exact answers."
        ) from error


def _precise(transcript: Transcript, exact: dict[str, Any]) -> Transcript:
    if len(exact["words"]) != len(transcript.words):
        raise ValueError("as many words were expected as the transcript has")
    words = iter(exact["words"])
    segments = tuple(
        Segment(tuple(_word(word, *next(words)) for word in segment.words)) for segment in transcript.segments
    )
    gaps = zip(transcript.gaps, exact["gaps"], strict=True)
    skipped = zip(transcript.skipped, exact["skipped"], strict=True)
    return replace(
        transcript,
        segments=segments,
        duration=_seconds(exact["duration"]),
        gaps=tuple(replace(gap, start=_seconds(start), end=_seconds(end)) for gap, (start, end) in gaps),
        skipped=tuple(replace(silence, start=_seconds(start), end=_seconds(end)) for silence, (start, end) in skipped),
    )


def _word(word: Word, start: Any, end: Any, tokens: list[list[Any]]) -> Word:
    return replace(word, start=_seconds(start), end=_seconds(end), tokens=tuple(_token(*token) for token in tokens))


def _fields(token: Token) -> list[str | float | None]:
    """JSON has no NaN, which is the logprob of a token where it is not known."""
    return [token.text, token.start, token.end, None if math.isnan(token.logprob) else token.logprob]


def _token(text: str, start: Any, end: Any, logprob: float | None) -> Token:
    return Token(str(text), _seconds(start), _seconds(end), math.nan if logprob is None else float(logprob))


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a number of seconds was expected")
    return float(value)
