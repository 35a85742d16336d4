"""What of a text counts when it is compared: which words, and how they are written."""

from collections.abc import Callable, Iterable
from enum import StrEnum

from parakeet_cli.errors import InvalidReference

__all__ = ["Normalize", "Normalizer", "choose_normalizer", "make_normalize"]

Normalize = Callable[[str], list[str]]
"""A text becomes the words that are compared; a word may hold a space where one written word stands for two."""

_WITHOUT_SPACES = frozenset({"ja", "zh", "th", "lo", "my", "km", "yue"})
"""ISO 639 codes of languages that are written without spaces between words."""


_APOSTROPHES = str.maketrans("‘’", "''")
"""Contractions are known by the straight one, and editors write the others."""


class Normalizer(StrEnum):
    """The rules of Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, appendix C."""

    AUTO = "auto"
    """By what the checkpoints know: see ``choose_normalizer``."""
    ENGLISH = "english"
    """Numbers, contractions, spelling and fillers too: what the Open ASR Leaderboard scores English with."""
    BASIC = "basic"
    """Any language: lower case, without punctuation and symbols."""
    CHARACTERS = "characters"
    """As basic, and every character counts as a word: for languages that are written without spaces."""
    NONE = "none"
    """As written, divided at spaces."""


def choose_normalizer(wanted: Normalizer, languages: Iterable[str | None]) -> Normalizer:
    """Decide what ``AUTO`` stands for by the only language of each checkpoint, None where it knows several.

    One set of rules serves all sides of a comparison; English holds for all where one of them knows nothing else.
    """
    if wanted is not Normalizer.AUTO:
        return wanted
    known = set(languages)
    if "en" in known:
        return Normalizer.ENGLISH
    return Normalizer.CHARACTERS if known & _WITHOUT_SPACES else Normalizer.BASIC


def make_normalize(normalizer: Normalizer) -> Normalize:
    """The function of these rules. It raises ``InvalidReference`` for a text that they cannot take."""
    rules = _rules(normalizer)

    def normalize(text: str) -> list[str]:
        try:
            return rules(text).split()
        except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
            raise InvalidReference(
                f"The {normalizer} normaliser cannot take this text ({text[:40]} …); pass --normalizer basic."
            ) from error

    return normalize


def _rules(normalizer: Normalizer) -> Callable[[str], str]:
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    match normalizer:
        case Normalizer.ENGLISH:
            english = EnglishTextNormalizer()
            return lambda text: str(english(text.translate(_APOSTROPHES)))
        case Normalizer.BASIC:
            return BasicTextNormalizer()  # type: ignore[no-any-return]
        case Normalizer.CHARACTERS:
            return BasicTextNormalizer(split_letters=True)  # type: ignore[no-any-return]
        case Normalizer.NONE:
            return str
        case Normalizer.AUTO:
            raise ValueError("auto is settled by choose_normalizer")
