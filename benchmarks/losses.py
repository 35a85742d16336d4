"""What a way of decoding loses without a word, and what it says twice: its errors beyond unavoidable ones.

The measure is decoding utterance by utterance, with the borders given: an error that it makes too is the
checkpoint's own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.recordings import SpokenWord
from benchmarks.scoring import Score, align

__all__ = ["Addition", "Findings", "Interval", "Loss", "compare", "is_inside"]

Interval = tuple[float, float]
"""Seconds."""

_AT_GAP = 0.25
"""Seconds that a gap may begin too late or end too early for a word at its edge."""
_SAME_PLACE = 1.0
"""Seconds between two additions of the same word that count as one error."""
_CONTEXT_WORDS = 3


@dataclass(frozen=True, slots=True)
class Loss:
    """A reference word that is missing; ``context``: what was said around it, the word in brackets."""

    word: str
    start: float
    end: float
    context: str


@dataclass(frozen=True, slots=True)
class Addition:
    """A heard word that was not said; ``context``: what was heard around it."""

    word: str
    start: float
    context: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Of one recording, decoded in one way.

    ``silent``: deleted, not inside a reported gap, and heard right utterance by utterance. ``firm``: those of them that
    are heard right however the utterances are shifted. ``reported``: deleted inside a gap. ``doubled``: inserted, like
    what stands beside it, and not inserted utterance by utterance.
    """

    score: Score
    silent: tuple[Loss, ...]
    firm: tuple[Loss, ...]
    reported: tuple[Loss, ...]
    doubled: tuple[Addition, ...]


def compare(
    reference: Sequence[SpokenWord],
    heard: Sequence[SpokenWord],
    by_utterance: Sequence[SpokenWord],
    gaps: Sequence[Interval] = (),
    shifted: Sequence[Sequence[SpokenWord]] = (),
) -> Findings:
    """Compare normalised words; all times in seconds from the start of the recording.

    ``shifted``: what else decoding utterance by utterance hears, of the same utterances among other silence.
    """
    pairs = align(reference, heard)
    replaced = sum(r is not None and h is not None and reference[r].text != heard[h].text for r, h in pairs)
    missing = [r for r, h in pairs if r is not None and h is None]
    added = [h for r, h in pairs if h is not None and r is None]
    unavoidable = _wrong_by_utterance(reference, by_utterance)
    in_gap = {r for r in missing if is_inside(reference[r], gaps)}
    silent = [r for r in missing if r not in in_gap and r not in unavoidable]
    doubtful = unavoidable.union(*(_wrong_by_utterance(reference, words) for words in shifted))
    return Findings(
        Score(len(reference), replaced, len(missing), len(added)),
        tuple(_loss(reference, r) for r in silent),
        tuple(_loss(reference, r) for r in silent if r not in doubtful),
        tuple(_loss(reference, r) for r in missing if r in in_gap),
        tuple(_doubled(heard, added, _additions(reference, by_utterance))),
    )


def is_inside(word: SpokenWord, gaps: Sequence[Interval]) -> bool:
    """Whether the middle of a word lies in one of the stretches, or so near to one that it may be its last."""
    middle = (word.start + word.end) / 2
    return any(start - _AT_GAP <= middle <= end + _AT_GAP for start, end in gaps)


def _wrong_by_utterance(reference: Sequence[SpokenWord], by_utterance: Sequence[SpokenWord]) -> set[int]:
    """Reference words that are replaced or lost there, and their equals beside them.

    Which of two equal words in a row was lost is for the times to say, and they are not exact.
    """
    heard_right = {
        r
        for r, h in align(reference, by_utterance)
        if r is not None and h is not None and reference[r].text == by_utterance[h].text
    }
    wrong = set(range(len(reference))) - heard_right
    for index in sorted(wrong):
        for step in (-1, 1):
            other = index + step
            while 0 <= other < len(reference) and reference[other].text == reference[index].text:
                wrong.add(other)
                other += step
    return wrong


def _additions(reference: Sequence[SpokenWord], heard: Sequence[SpokenWord]) -> list[SpokenWord]:
    return [heard[h] for r, h in align(reference, heard) if r is None and h is not None]


def _doubled(
    heard: Sequence[SpokenWord], added: Sequence[int], unavoidable: Sequence[SpokenWord]
) -> Iterator[Addition]:
    """Added words that are like their neighbour or, in a run of added words, like those one run away."""
    for run in _runs(added):
        for index in run:
            repeats = any(
                0 <= other < len(heard) and heard[other].text == heard[index].text
                for distance in {1, len(run)}
                for other in (index - distance, index + distance)
            )
            word = heard[index]
            own = any(other.text == word.text and abs(other.start - word.start) <= _SAME_PLACE for other in unavoidable)
            if repeats and not own:
                yield Addition(word.text, word.start, _context(heard, index))


def _runs(indices: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for index in indices:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def _loss(reference: Sequence[SpokenWord], index: int) -> Loss:
    word = reference[index]
    return Loss(word.text, word.start, word.end, _context(reference, index))


def _context(words: Sequence[SpokenWord], index: int) -> str:
    before = [word.text for word in words[max(index - _CONTEXT_WORDS, 0) : index]]
    after = [word.text for word in words[index + 1 : index + 1 + _CONTEXT_WORDS]]
    return " ".join([*before, f"[{words[index].text}]", *after])
