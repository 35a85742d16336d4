"""A transcript as it is kept in the database of jobs: our own JSON, and the tokens that it leaves out, compressed."""

import json
import math
import zlib
from dataclasses import replace

from parakeet_cli.output.writers.json import JsonWriter, read_json
from parakeet_cli.transcript import Segment, Token, Transcript, Word

__all__ = ["pack", "unpack"]


def pack(transcript: Transcript, *, with_tokens: bool) -> tuple[bytes, bytes | None]:
    """The transcript, and its tokens if somebody will ask for their probabilities."""
    tokens = [[_numbers(token) for token in word.tokens] for word in transcript.words] if with_tokens else None
    packed = zlib.compress(JsonWriter().write(transcript).encode())
    return packed, None if tokens is None else zlib.compress(json.dumps(tokens).encode())


def unpack(packed: bytes, tokens: bytes | None) -> Transcript:
    """Times of words are to the millisecond, as they were written."""
    transcript = read_json(zlib.decompress(packed).decode())
    if tokens is None:
        return transcript
    known = iter(json.loads(zlib.decompress(tokens)))
    return replace(
        transcript,
        segments=tuple(
            Segment(tuple(_with_tokens(word, next(known)) for word in segment.words)) for segment in transcript.segments
        ),
    )


def _numbers(token: Token) -> list[str | float | None]:
    """JSON has no NaN, which is the logprob of a token that was not decoded."""
    return [token.text, token.start, token.end, None if math.isnan(token.logprob) else token.logprob]


def _with_tokens(word: Word, tokens: list[list[str | float | None]]) -> Word:
    return replace(word, tokens=tuple(_token(*token) for token in tokens))  # type: ignore[arg-type]


def _token(text: str, start: float, end: float, logprob: float | None) -> Token:
    return Token(text, start, end, math.nan if logprob is None else logprob)
