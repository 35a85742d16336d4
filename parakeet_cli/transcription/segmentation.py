"""Tokens become words, and words become segments, while the recording is still being decoded.

Both are generators that hold one word or one sentence: a day of speech streams through. The order of tokens
is what the decoder is sure of, so words are never sorted; times that contradict the order are moved.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from parakeet_cli.punctuation import (
    ends_clause,
    ends_sentence,
    forbids_break,
    is_dash,
    is_opening,
    is_punctuation,
)
from parakeet_cli.settings import SegmentSettings
from parakeet_cli.spacing import are_parted, is_unspaced
from parakeet_cli.transcript import Segment, Token, Word

__all__ = ["Words", "to_segments", "to_words"]

_FRAME = 0.08
"""Seconds; one encoder frame. TDT may predict a duration of zero, and nobody says a word in no time."""

_LONGEST_PART = 0.75
"""Of a divided sentence; a cut nearer to an end leaves a scrap."""

_SPACE_BESIDE_MARK = re.compile(r"\s+(?=[,.;:?!…)\]}»”])|(?<=[«“„(\[{¿¡])\s+(?=\w)")

_BREATH = 0.3
"""Seconds; a shorter silence between two words is articulation and no place to divide a sentence."""


def to_words(tokens: Iterable[Token]) -> Iterator[Word]:
    """Put the pieces of each word together.

    A token that starts with a space starts a word; in Japanese and Chinese every one does. Marks go to the word that
    they touch, those that open and a dash after a sentence to the word after, or else to the word before. They have no
    width: the duration that TDT predicts for punctuation reaches up to 560 ms into the silence. A word is at least one
    frame long where the next leaves room. ``confidence`` is the mean probability of the tokens that are pronounced.
    """
    words = Words()
    for token in tokens:
        yield from words.add(token)
    yield from words.end()


class Words:
    """``to_words`` for tokens that come bit by bit. Two words are held: what follows decides their marks and ends."""

    def __init__(self) -> None:
        self._pieces = _Pieces()
        self._held: Word | None = None

    def add(self, token: Token) -> list[Word]:
        """Take a token; returns the words that are complete with it."""
        return self._complete(self._pieces.add(token))

    def end(self) -> list[Word]:
        """No more tokens will come; returns the last words."""
        words = self._complete(self._pieces.word + self._pieces.undecided)
        return words if self._held is None else [*words, self._held]

    def _complete(self, pieces: Sequence[Token]) -> list[Word]:
        word = _join(pieces) if pieces else None
        if word is None:
            return []
        held, self._held = self._held, word
        if held is None:
            return []
        start = max(word.start, held.start)
        self._held = replace(word, start=start, end=max(word.end, start + _FRAME))
        return [replace(held, end=min(held.end, start))]


def to_segments(words: Iterable[Word], settings: SegmentSettings) -> Iterator[Segment]:
    """Divide words into sentences.

    A segment ends where a sentence does or before a pause of ``pause_seconds``. One that lasts more than
    ``longest_seconds`` is divided at its longest pause, else after a clause, else in its middle.
    """
    sentence: list[Word] = []
    for word in words:
        if sentence and _ends_between(sentence[-1], word, settings):
            yield from _divide(sentence, settings)
            sentence = []
        sentence.append(word)
        if _seconds(sentence) > 2 * settings.longest_seconds and len(sentence) > 1:
            place = _best_place(sentence)
            yield from _divide(sentence[:place], settings)
            sentence = sentence[place:]
    yield from _divide(sentence, settings)


@dataclass(slots=True)
class _Pieces:
    """Tokens of one word, and marks of which only the next token tells whether they belong to it."""

    word: list[Token] = field(default_factory=list)
    undecided: list[Token] = field(default_factory=list)

    def add(self, token: Token) -> Sequence[Token]:
        """Returns the tokens of the word before if this one starts another, else none."""
        starts_word = token.text.startswith(" ")
        if _is_mark(token):
            waits = starts_word or self.undecided or (is_unspaced(token.text) and is_opening(token.text))
            (self.undecided if waits else self.word).append(token)
            return ()
        if self.word and not self.undecided:
            starts_word = starts_word or are_parted(self.word[-1].text, token.text)
        if not starts_word and not (self.undecided and self.word):
            self.word += [*self.undecided, token]
            self.undecided = []
            return ()
        before, opening = self.undecided, [token]
        if not starts_word:  # the last marks touch this token: an opening quote, a sign before a number, a bare space
            place = max((number for number, mark in enumerate(before) if mark.text.startswith(" ")), default=0)
            before, opening = before[:place], [*before[place:], token]
        else:
            while before and self._opens(before):
                before, opening = before[:-1], [before[-1], *opening]
        word = self.word + before
        self.word, self.undecided = opening, []
        return word

    def _opens(self, marks: Sequence[Token]) -> bool:
        """Whether the last of ``marks``, which stand between spaces, begins the next word: a bracket, or a dash of who
        speaks next.
        """
        mark = marks[-1].text
        said = "".join(token.text for token in [*self.word, *marks[:-1]]).strip()
        return is_opening(mark) or (is_dash(mark) and (not said or ends_sentence(said, None)))


def _is_mark(token: Token) -> bool:
    return not token.text.strip() or is_punctuation(token.text)


def _join(pieces: Sequence[Token]) -> Word | None:
    """The word of these tokens, or None if there is nothing to read in them."""
    text = _SPACE_BESIDE_MARK.sub("", "".join(token.text for token in pieces).strip())
    if not text:
        return None
    pronounced = [token for token in pieces if not _is_mark(token)]
    start = next((token.start for token in pieces if not is_punctuation(token.text)), pieces[0].start)
    end = max([start + _FRAME, *(token.end for token in pronounced)])
    return Word(text, start, end, _confidence(pronounced or pieces), tokens=tuple(pieces))


def _confidence(tokens: Sequence[Token]) -> float | None:
    mean = sum(math.exp(min(token.logprob, 0.0)) for token in tokens) / len(tokens)
    return mean if math.isfinite(mean) else None


def _ends_between(word: Word, following: Word, settings: SegmentSettings) -> bool:
    return following.start - word.end >= settings.pause_seconds or ends_sentence(word.text, following.text)


def _divide(words: Sequence[Word], settings: SegmentSettings) -> Iterator[Segment]:
    if not words:
        return
    if _seconds(words) <= settings.longest_seconds or len(words) == 1:
        yield Segment(tuple(words))
        return
    place = _best_place(words)
    yield from _divide(words[:place], settings)
    yield from _divide(words[place:], settings)


def _best_place(words: Sequence[Word]) -> int:
    """How many of two or more words come before the division."""
    places = [
        place for place in range(1, len(words)) if not forbids_break(words[place - 1].text, words[place].text)
    ] or list(range(1, len(words)))
    inner = [place for place in places if _larger_share(words, place) <= _LONGEST_PART] or places
    longest = max(inner, key=lambda place: _pause(words, place))
    if _pause(words, longest) >= _BREATH:
        return longest
    clauses = [place for place in inner if ends_clause(words[place - 1].text)]
    return min(clauses or inner, key=lambda place: _larger_share(words, place))


def _larger_share(words: Sequence[Word], place: int) -> float:
    """Of the whole time, what the longer part lasts when ``place`` words come before the division."""
    before = words[place - 1].end - words[0].start
    after = words[-1].end - words[place].start
    return max(before, after) / (_seconds(words) or 1.0)


def _pause(words: Sequence[Word], place: int) -> float:
    return words[place].start - words[place - 1].end


def _seconds(words: Sequence[Word]) -> float:
    return words[-1].end - words[0].start
