"""Which words a reader should doubt."""

from parakeet_cli.transcript import Word

__all__ = ["is_low"]


def is_low(word: Word, least_confidence: float) -> bool:
    """Whether the decoder was less sure than that; a word of unknown confidence is not called doubtful."""
    return word.confidence is not None and word.confidence < least_confidence
