"""Segments become cues: what a viewer sees at one time, and from when until when.

The rules are those of ``presets``; ``layout`` chooses which words share a cue; here cues get their times. One
passage is held back and no more, so that a day of speech streams through.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from parakeet_cli.output.layout import Block, lay_out, width_of
from parakeet_cli.output.presets import CueRules
from parakeet_cli.spacing import joined
from parakeet_cli.transcript import Segment, Word

__all__ = ["Cue", "to_cues"]

_SILENCE = 1.0
"""Seconds; no cue reaches over a longer silence, or its second half is read before it is said."""

_PASSAGE_WORDS = 120
"""After the sentence in which a passage passes this, the next begins; bounds what stands in memory."""

_FRAME = 1 / 24
"""Seconds; what a cue lasts where words at one time leave no room for more. A player shows no less."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One or more lines, none of them empty, shown from ``start`` to ``end`` in seconds; ``start < end``."""

    lines: tuple[str, ...]
    start: float
    end: float
    speaker: str | None = None


def to_cues(segments: Iterable[Segment], rules: CueRules) -> Iterator[Cue]:
    """Cues in order that never overlap; their lines, joined with spaces, are the words of the segments.

    A cue has words of one speaker only. No rule is worth a word: a word wider than a line makes a wide line,
    and words at one and the same time make cues of one frame each.
    """
    held: Block | None = None
    free_from = 0.0
    for block in _blocks(segments, rules):
        if held is not None:
            cue = _to_cue(held, free_from, block.start, rules)
            free_from = cue.end
            yield cue
        held = block
    if held is not None:
        yield _to_cue(held, free_from, float("inf"), rules)


def _blocks(segments: Iterable[Segment], rules: CueRules) -> Iterator[Block]:
    held: list[Word] = []
    for passage in _passages(segments):
        if held:
            yield from lay_out(held, passage[0].start, rules)
        held = passage
    if held:
        yield from lay_out(held, float("inf"), rules)


def _passages(segments: Iterable[Segment]) -> Iterator[list[Word]]:
    """Words that may share cues: no long silence between them, and one speaker."""
    passage: list[Word] = []
    for segment in segments:
        for word in segment.words:
            if passage and _parts(passage[-1], word):
                yield passage
                passage = []
            passage.append(word)
        if len(passage) > _PASSAGE_WORDS:
            yield passage
            passage = []
    if passage:
        yield passage


def _parts(word: Word, following: Word) -> bool:
    return following.start - word.end >= _SILENCE or following.speaker != word.speaker


def _to_cue(block: Block, free_from: float, next_start: float, rules: CueRules) -> Cue:
    lines = tuple(joined(word.text for word in line) for line in block.lines)
    start = max(block.start, free_from)
    wanted = max(
        block.end + rules.tail_seconds,
        start + rules.shortest_seconds,
        start + sum(map(width_of, lines)) / rules.characters_per_second,
    )
    end = _fit(start, min(wanted, start + rules.longest_seconds), next_start, rules)
    return Cue(lines, start, max(end, start + _FRAME), block.lines[0][0].speaker)


def _fit(start: float, end: float, next_start: float, rules: CueRules) -> float:
    """The end, so moved that the gap to the next cue is long enough or, where that is allowed, none."""
    if next_start - end >= rules.gap_seconds:
        return end
    if rules.may_touch and next_start - start <= rules.longest_seconds:
        return next_start
    return next_start - rules.gap_seconds
