"""Where words are parted: by spaces, but for Japanese and Chinese, where a word is what the model writes in one go."""

import re
from collections.abc import Iterable

__all__ = ["are_parted", "continuation", "is_unspaced", "joined", "space_between"]

_UNSPACED = re.compile(
    "[\u3000-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff]"
)
"""Kana, ideographs, their punctuation and wide forms. Korean is written with spaces."""
_NEVER_FIRST = frozenset("ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶーゝゞヽヾ々〻")
"""Small kana and marks that prolong or repeat: no word begins with one, and no line (JIS X 4051)."""


def is_unspaced(text: str) -> bool:
    """Whether ``text`` begins with a character that no space stands before."""
    return bool(_UNSPACED.match(text))


def are_parted(left: str, right: str) -> bool:
    """Whether a word begins with ``right`` although it touches ``left``."""
    return (is_unspaced(right) or is_unspaced(left[-1:])) and right[:1] not in _NEVER_FIRST


def space_between(left: str, right: str) -> str:
    """A space, or nothing between two that are written without, and between one and a number or a Latin word in it."""
    borders = [character for character in (left[-1:], right[:1]) if character]
    spaced = [character for character in borders if not is_unspaced(character)]
    return "" if len(spaced) < len(borders) and all(map(_is_latin, spaced)) else " "


def joined(texts: Iterable[str]) -> str:
    """Words as a text, or texts as a longer one."""
    parts: list[str] = []
    for text in texts:
        if parts:
            parts.append(space_between(parts[-1], text))
        parts.append(text)
    return "".join(parts)


def continuation(text: str, words: Iterable[str]) -> str:
    """What comes after ``text``, where ``words`` follow."""
    more = joined(words)
    return space_between(text, more) + more if text and more else more


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()
