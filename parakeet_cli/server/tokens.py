"""What the decoder said of its tokens, for clients that ask how sure it was."""

import math
from collections.abc import Iterable, Sequence

from parakeet_cli.output.writers.cleaning import encodable
from parakeet_cli.settings import SHORTEST_AUDIO
from parakeet_cli.transcript import Token, Transcript, Word

__all__ = ["logprobs", "mean_logprob", "token_usage"]


def logprobs(words: Iterable[Word]) -> list[dict[str, object]]:
    """An entry for each token, in order; none for words of which the tokens are not known, as from a file."""
    return [
        {"token": encodable(token.text), "logprob": token.logprob, "bytes": list(encodable(token.text).encode())}
        for token in _tokens(words)
        if math.isfinite(token.logprob)
    ]


def mean_logprob(words: Iterable[Word]) -> float | None:
    """Of the tokens; None where none is known."""
    known = [token.logprob for token in _tokens(words) if math.isfinite(token.logprob)]
    return sum(known) / len(known) if known else None


def token_usage(transcript: Transcript) -> dict[str, object] | None:
    """The encoder's frames as input and the decoder's tokens as output; None where these are not known."""
    tokens = _tokens(transcript.words)
    if transcript.segments and not tokens:
        return None
    frames = math.ceil(transcript.duration / SHORTEST_AUDIO)
    return {
        "type": "tokens",
        "input_tokens": frames,
        "input_token_details": {"text_tokens": 0, "audio_tokens": frames},
        "output_tokens": len(tokens),
        "total_tokens": frames + len(tokens),
    }


def _tokens(words: Iterable[Word]) -> Sequence[Token]:
    return [token for word in words for token in word.tokens]
