"""Which words share a cue, and which of them a line: the cheapest way through a passage.

A dynamic programme over the places between words. Every cost below is a judgement by eye on real transcripts,
in one currency: what a break after a plain long word, with no mark and no pause, costs.
"""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise

from parakeet_cli.output.presets import CueRules
from parakeet_cli.punctuation import ends_clause, ends_sentence, forbids_break
from parakeet_cli.spacing import space_between
from parakeet_cli.transcript import Word

__all__ = ["Block", "lay_out", "width_of"]

_FORBIDDEN = 60.0
"""A break inside a number or a name, only where a line would overflow without it."""
_PLAIN = 1.0
_SHORT = 3
_AFTER_SHORT = 1.6
"""Words of up to three letters are mostly articles and prepositions and belong to what follows, in all
languages that Parakeet writes; for the same reason a break before one is good."""
_BEFORE_SHORT = 0.7
_CLAUSE = 0.25
_BREATH = 0.3
"""Seconds; a longer pause is heard as a break."""
_CUE = 0.5
"""Each cue that a reader has to begin."""
_MERGED_SENTENCES = 0.8
_TORN_SENTENCE = 2.5
"""A sentence end inside a cue of whole sentences, and inside one that has only a part of a sentence."""
_SENTENCE_END_IN_LINE = 0.6
"""On top of these, where the line goes on."""
_INNER_PAUSE = 1.5
"""A second of silence inside a cue: the words after it are read before they are said."""
_SCRAP = 3.0
"""An almost empty cue; grows with the square, so that the parts of a long sentence become equal."""
_TOO_SHORT = 6.0
_TOO_FAST = 2.0
_UNBALANCED = 1.5
_TOP_HEAVY = 0.3


@dataclass(frozen=True, slots=True)
class Block:
    """The words of one cue, line by line; each line has at least one word."""

    lines: tuple[tuple[Word, ...], ...]

    @property
    def start(self) -> float:
        return self.lines[0][0].start

    @property
    def end(self) -> float:
        return self.lines[-1][-1].end


def lay_out(words: Sequence[Word], room_until: float, rules: CueRules) -> list[Block]:
    """Divide one or more words into blocks, in order, without losing any.

    ``room_until`` is when the next passage begins, in seconds. A word that is wider than a line stands alone.
    """
    passage = _Passage(words, room_until, rules)
    count = len(words)
    cheapest = [0.0] + [math.inf] * count
    best = [(0, 0)] * (count + 1)
    for first in range(count):
        for last in passage.candidates(first):
            cost = cheapest[first] + passage.cue_cost(first, last)
            # All costs are positive, so most cues are out of the race before their lines are looked at.
            if cost < cheapest[last + 1]:
                place, line_cost = passage.line_break(first, last)
                if cost + line_cost < cheapest[last + 1]:
                    cheapest[last + 1], best[last + 1] = cost + line_cost, (first, place)
    blocks: list[Block] = []
    end = count
    while end:
        first, place = best[end]
        lines = (tuple(words[first : place + 1]), tuple(words[place + 1 : end]))
        blocks.append(Block(tuple(line for line in lines if line)))
        end = first
    return blocks[::-1]


def width_of(text: str) -> int:
    """Columns that ``text`` takes: two for wide characters, none for combining and invisible ones."""
    return len(text) if text.isascii() else sum(map(_columns, text))


@cache
def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class _Passage:
    """Words with what the search asks about again and again computed once; positions are inclusive."""

    def __init__(self, words: Sequence[Word], room_until: float, rules: CueRules) -> None:
        self._words = words
        self._rules = rules
        self._spaces = [len(space_between(word.text, after.text)) for word, after in pairwise(words)] + [1]
        widths = (width_of(word.text) + space for word, space in zip(words, self._spaces, strict=True))
        self._edges = [0, *accumulate(widths)]
        self._room = [word.start for word in words[1:]] + [room_until]
        pairs = list(pairwise(words))
        self._sentence_ends = [ends_sentence(word.text, after.text) for word, after in pairs] + [True]
        self._breaks = [_break_cost(word, after) for word, after in pairs] + [0.0]
        pauses = [max(0.0, after.start - word.end - _BREATH) for word, after in pairs]
        self._silence = [0.0, *accumulate(pauses)]
        self._sentences = [0, *accumulate(self._sentence_ends)]

    def candidates(self, first: int) -> Iterator[int]:
        """Where a cue that begins with ``first`` may end; the first word alone always may."""
        yield first
        latest = self._words[first].start + self._rules.longest_seconds
        widest = self._edges[first] + self._rules.lines * (self._rules.line_width + 1)
        for last in range(first + 1, len(self._words)):
            if self._edges[last + 1] > widest or self._words[last].end > latest:
                break
            yield last

    def cue_cost(self, first: int, last: int) -> float:
        """Of a cue of these words and of the break after it, whatever its lines are."""
        rules = self._rules
        width = self._width(first, last)
        sentences = self._sentences[last] - self._sentences[first]
        cost = _CUE + self._breaks[last] + _INNER_PAUSE * (self._silence[last] - self._silence[first])
        if self._sentence_ends[last] and (first == 0 or self._sentence_ends[first - 1]):
            cost += _MERGED_SENTENCES * sentences
        else:
            filled = min(1.0, width / (rules.line_width * rules.lines))
            cost += _TORN_SENTENCE * sentences + _SCRAP * (1 - filled) ** 2
        time = min(max(self._room[last] - self._words[first].start, 0.1), rules.longest_seconds)
        if time < rules.shortest_dense_seconds:
            cost += _TOO_SHORT * (1 - time / rules.shortest_dense_seconds)
        excess = width / rules.characters_per_second / time - 1
        return cost + _TOO_FAST * min(excess, 2.0) ** 2 if excess > 0 else cost

    def line_break(self, first: int, last: int) -> tuple[int, float]:
        """The word after which the upper line ends, and the cost; ``last`` where one line is enough.

        The cost is infinite where two or more words do not fit.
        """
        sentences = self._sentences[last] - self._sentences[first]
        available = self._rules.line_width
        width = self._width(first, last)
        if first == last or width <= available:
            return last, _SENTENCE_END_IN_LINE * sentences
        best, cheapest = last, math.inf
        for place in range(first, last if self._rules.lines > 1 else first):
            upper = self._width(first, place)
            lower = width - upper - self._spaces[place]
            if upper > available:
                break
            if lower <= available:
                shape = _UNBALANCED * abs(upper - lower) + _TOP_HEAVY * max(0, upper - lower)
                in_lines = sentences - self._sentence_ends[place]
                cost = shape / available + self._breaks[place] + _SENTENCE_END_IN_LINE * in_lines
                if cost < cheapest:
                    best, cheapest = place, cost
        return best, cheapest

    def _width(self, first: int, last: int) -> int:
        return self._edges[last + 1] - self._edges[first] - self._spaces[last]


def _break_cost(word: Word, after: Word) -> float:
    """Of ending a line or a cue between two words."""
    if forbids_break(word.text, after.text):
        return _FORBIDDEN
    if ends_sentence(word.text, after.text):
        return 0.0
    pause = max(0.0, after.start - word.end)
    if ends_clause(word.text):
        return _CLAUSE / (1 + pause)
    if len(word.text) <= _SHORT:  # a pause after one is hesitation more than a break
        return _AFTER_SHORT / (1 + pause)
    cost = _BEFORE_SHORT if len(after.text) <= _SHORT else _PLAIN
    return cost / (1 + 4 * pause) if pause >= _BREATH else cost
