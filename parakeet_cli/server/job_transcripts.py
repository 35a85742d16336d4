"""A transcript as it is kept in the database of jobs: our own JSON, and the tokens that it leaves out, compressed."""

import json
import math
import zlib
from dataclasses import replace
from typing import Any

from parakeet_cli.output.writers.json import JsonWriter, read_json
from parakeet_cli.transcript import Segment, Token, Transcript, Word

__all__ = ["pack", "unpack"]


def pack(transcript: Transcript) -> bytes:
    tokens = [[_fields(token) for token in word.tokens] for word in transcript.words]
    return zlib.compress(json.dumps({"transcript": JsonWriter().write(transcript), "tokens": tokens}).encode())


def unpack(packed: bytes) -> Transcript:
    """Times of words are to the millisecond, as they were written; all else is as it was."""
    document = json.loads(zlib.decompress(packed))
    transcript = read_json(document["transcript"])
    tokens = iter(document["tokens"])
    segments = (Segment(tuple(_with(next(tokens), word) for word in segment.words)) for segment in transcript.segments)
    return replace(transcript, segments=tuple(segments))


def _fields(token: Token) -> list[str | float | None]:
    """JSON has no NaN, which is the logprob of a token where it is not known."""
    return [token.text, token.start, token.end, None if math.isnan(token.logprob) else token.logprob]


def _with(tokens: list[list[Any]], word: Word) -> Word:
    return replace(word, tokens=tuple(_token(*token) for token in tokens))


def _token(text: str, start: float, end: float, logprob: float | None) -> Token:
    return Token(text, start, end, math.nan if logprob is None else logprob)
