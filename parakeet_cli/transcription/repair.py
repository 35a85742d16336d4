"""Holes of many recordings are decoded again, afresh and from other places, until something plausible comes.

A decoder that has stuck on blank is freed by a fresh state, an encoder that was put off by what lies around a hole by
other surroundings. FluidAudio repairs Parakeet's dropped speech in this way (its LongTranscription.md), and so do
we; what stays empty becomes a ``Gap``.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from parakeet_cli.errors import RecognitionFailed
from parakeet_cli.punctuation import is_punctuation
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcript import Gap, Token
from parakeet_cli.transcription.activity import Samples
from parakeet_cli.transcription.chunking import Chunk, Span
from parakeet_cli.transcription.coverage import Coverage, Hole
from parakeet_cli.transcription.reasons import UNSURE, reason_of
from parakeet_cli.transcription.recognizer import UNKNOWN, Recognizer, Row

__all__ = ["Repairer"]

_ROUNDS = 500
"""What is left of a hole after words were found in it is a hole again, and a long one is looked into piece by piece;
what may be spent ends it long before.
"""
_MARGIN = 0.1
"""Seconds before the first speech of a hole."""
_CONTEXT = 3.0
"""Seconds of real sound after a hole."""
_LONGEST_RETRY = 10.0
"""Seconds of a hole that are tried in several ways; if words come, the rest is another hole."""
_SHORTEST = 0.3
"""Seconds of a hole that a later start must leave."""
_LEAST_CONFIDENCE = 0.5
"""Of the words of a repair, on average."""
_LEAST_IN_MUSIC = 0.9
"""The same, where the hole sounds like music or noise, in which a decoder half believes what nobody said."""
_FASTEST_SPEECH = 7.0
"""Words for each second of speech; auctioneers speak five."""
_MOST_REPETITIONS = 4
_SURE = 0.9
"""Of one to three words in a row, unless they are said with this confidence: a decoder that loops does not stop, and
people who count or cheer repeat themselves too."""
_SAME_PLACE = 0.25
"""Seconds between the starts of a word and of its like beside it: it is the neighbour, heard once more."""

Number = int
"""Of a recording."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """``shift``: seconds from the hole's start. ``padded``: half a second of faint noise on both sides."""

    shift: float = 0.0
    padded: bool = False


_FIRST = _Attempt()
_MORE = (_Attempt(padded=True), _Attempt(-0.5), _Attempt(0.5), _Attempt(-3.0))


@dataclass(frozen=True, slots=True)
class _Word:
    tokens: tuple[Token, ...]

    @property
    def start(self) -> float:
        return self.tokens[0].start

    @property
    def end(self) -> float:
        return self.tokens[-1].end

    @property
    def text(self) -> str:
        letters = "".join(token.text for token in self.tokens if not is_punctuation(token.text))
        return letters.strip().casefold()

    @property
    def confidence(self) -> float:
        said = [token for token in self.tokens if not is_punctuation(token.text)] or self.tokens
        return sum(math.exp(min(token.logprob, 0.0)) for token in said) / len(said)


class Repairer:
    """Decodes holes with the recognizer that left them."""

    def __init__(self, recognizer: Recognizer, batch_size: int) -> None:
        self._recognizer = recognizer
        self._batch_size = batch_size

    def audit(self, coverages: Mapping[Number, Coverage]) -> None:
        """Look into the holes that the recordings have by now, and settle them: filled, or a gap."""
        tried: set[tuple[Number, tuple[int, int]]] = set()
        for _ in range(_ROUNDS):
            first: dict[tuple[Number, int], tuple[Number, Hole]] = {}
            for number, coverage in coverages.items():
                for hole in coverage.holes():
                    if (number, hole.place) not in tried:
                        first.setdefault((number, hole.index), (number, hole))
            holes = list(first.values())
            if not holes:
                break
            tried.update((number, hole.place) for number, hole in holes)
            for number, found in self._decode(coverages, holes).items():
                coverages[number].insert(found)
        for coverage in coverages.values():
            coverage.settle([_gap(hole, coverage) for hole in coverage.holes()])

    def _decode(
        self, coverages: Mapping[Number, Coverage], holes: Sequence[tuple[Number, Hole]]
    ) -> dict[Number, dict[Hole, Sequence[Token]]]:
        """The words of each hole, where any are plausible."""
        found: dict[Number, dict[Hole, Sequence[Token]]] = {number: {} for number in coverages}
        left = []
        for (number, hole), words in self._attempt(coverages, [(number, hole, _FIRST) for number, hole in holes]):
            is_unsure = reason_of(coverages[number].sound(hole, *hole.place)[1]) == UNSURE
            if _are_plausible(words, hole, _LEAST_CONFIDENCE if is_unsure else _LEAST_IN_MUSIC):
                found[number][hole] = _tokens(words)
            elif is_unsure:
                left.append((number, hole))
        best: dict[tuple[Number, Hole], float] = {}
        tries = [(number, hole, attempt) for number, hole in map(_beginning, left) for attempt in _MORE]
        for (number, hole), words in self._attempt(coverages, tries, exactly=True):
            score = sum(word.confidence - _LEAST_CONFIDENCE for word in words)
            if _are_plausible(words, hole, _LEAST_CONFIDENCE) and score > best.get((number, hole), 0.0):
                best[number, hole] = score
                found[number][hole] = _tokens(words)
        return found

    def _attempt(
        self,
        coverages: Mapping[Number, Coverage],
        tries: Sequence[tuple[Number, Hole, _Attempt]],
        exactly: bool = False,
    ) -> Iterator[tuple[tuple[Number, Hole], list[_Word]]]:
        chunks: list[tuple[Number, Hole, Chunk]] = []
        for number, hole, attempt in tries:
            chunk = _chunk(number, coverages[number], hole, attempt, self._recognizer.frame_samples)
            seconds = len(chunk.samples) / SAMPLE_RATE if chunk else 0.0
            if chunk and coverages[number].allows(seconds):
                coverages[number].spent_seconds += seconds
                chunks.append((number, hole, chunk))
        chunks.sort(key=lambda item: len(item[2].samples), reverse=True)
        for first in range(0, len(chunks), self._batch_size):
            batch = chunks[first : first + self._batch_size]
            hypotheses = self._hypotheses([chunk for _, _, chunk in batch], exactly)
            for (number, hole, _), tokens in zip(batch, hypotheses, strict=True):
                yield (number, hole), _fitting(tokens, hole, coverages[number].tokens)

    def _hypotheses(self, chunks: Sequence[Chunk], exactly: bool) -> list[tuple[Token, ...]]:
        try:
            encoded = self._recognizer.encode(chunks, exactly=exactly)
        except RecognitionFailed:
            if len(chunks) == 1:
                return [()]
            return [tokens for chunk in chunks for tokens in self._hypotheses([chunk], exactly)]
        frames = [tuple(piece for piece in pieces if piece.count) for pieces in encoded]
        rows = [Row(pieces, None) for pieces in frames if pieces]
        decoded = iter(self._recognizer.decode(rows) if rows else [])
        return [next(decoded)[0].tokens if pieces else () for pieces in frames]


def _beginning(left: tuple[Number, Hole]) -> tuple[Number, Hole]:
    number, hole = left
    end = hole.start + round(_LONGEST_RETRY * SAMPLE_RATE)
    return (number, hole) if hole.end <= end else (number, replace(hole, end=end, before=end))


def _chunk(number: Number, coverage: Coverage, hole: Hole, attempt: _Attempt, frame: int) -> Chunk | None:
    """The hole and some sound after it, as a chunk of its own; None where the attempt leaves too little of it."""
    wanted = hole.start + round((attempt.shift - _MARGIN) * SAMPLE_RATE)
    if hole.end - wanted < _SHORTEST * SAMPLE_RATE:
        return None
    start, samples = coverage.sound(hole, wanted, hole.end + round(_CONTEXT * SAMPLE_RATE))
    heard_until = start + len(samples)
    owned_until = min(start + -(-(hole.end - start) // frame) * frame + frame, heard_until)
    if attempt.padded:
        noise = _faint_noise(samples)
        start, heard_until = start - len(noise), heard_until + len(noise)
        samples = np.concatenate((noise, samples, noise))
    return Chunk(samples, Span(start, start, owned_until, heard_until), number)


def _faint_noise(samples: Samples) -> Samples:
    """Half a second as loud as the quietest tenth of these samples."""
    blocks = samples[: len(samples) // 512 * 512].reshape(-1, 512)
    level = np.percentile(np.sqrt(np.mean(np.square(blocks), axis=1)), 10) if len(blocks) else 0.001
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE // 2, np.float32)  # the same in every run
    return noise * np.float32(max(level, 0.001))


def _fitting(tokens: Sequence[Token], hole: Hole, neighbours: Sequence[Token]) -> list[_Word]:
    """The words that begin in the room of the hole, cut to it; none that only repeats its neighbour."""
    after, before = hole.after / SAMPLE_RATE, hole.before / SAMPLE_RATE
    words = [word for word in _words(tokens) if after <= word.start + _MARGIN and word.start < before]
    previous, following = _neighbours(hole, neighbours)
    if words and previous and words[0].text == previous.text and words[0].start - previous.start < _SAME_PLACE:
        words = words[1:]
    if words and following and words[-1].text == following.text and following.start - words[-1].start < _SAME_PLACE:
        words = words[:-1]
    return [_Word(tuple(_clamped(token, after, before) for token in word.tokens)) for word in words]


def _clamped(token: Token, after: float, before: float) -> Token:
    return replace(token, start=min(max(token.start, after), before), end=min(max(token.end, after), before))


def _neighbours(hole: Hole, tokens: Sequence[Token]) -> tuple[_Word | None, _Word | None]:
    """The words before and after the hole."""
    first = hole.index
    while first > 0:
        first -= 1
        if tokens[first].text.startswith(" ") and _Word(tuple(tokens[first : hole.index])).text:
            break
    last = hole.index + 1
    while last < len(tokens) and not tokens[last].text.startswith(" "):
        last += 1
    before, after = tokens[first : hole.index], tokens[hole.index : last]
    return _Word(tuple(before)) if before else None, _Word(tuple(after)) if after else None


def _words(tokens: Sequence[Token]) -> list[_Word]:
    words: list[list[Token]] = []
    for token in tokens:
        if token.text.startswith(" ") or not words:
            words.append([])
        words[-1].append(token)
    return [_Word(tuple(word)) for word in words]


def _tokens(words: Sequence[_Word]) -> list[Token]:
    return [token for word in words for token in word.tokens]


def _are_plausible(words: Sequence[_Word], hole: Hole, least_confidence: float) -> bool:
    if not any(word.text for word in words) or len(words) > max(_FASTEST_SPEECH * hole.speech / SAMPLE_RATE, 1):
        return False
    confidence = sum(word.confidence for word in words) / len(words)
    if confidence < least_confidence or any(UNKNOWN in token.text for word in words for token in word.tokens):
        return False
    return confidence >= _SURE or not _loops([word.text for word in words])


def _loops(texts: Sequence[str]) -> bool:
    """Whether one to three words are repeated over and over."""
    for length in (1, 2, 3):
        same = [texts[place] == texts[place - length] for place in range(length, len(texts))]
        longest = max((len(list(run)) for equal, run in groupby(same) if equal), default=0)
        if longest >= _MOST_REPETITIONS * length:
            return True
    return False


def _gap(hole: Hole, coverage: Coverage) -> Gap:
    _, samples = coverage.sound(hole, *hole.place)
    return Gap(hole.start / SAMPLE_RATE, hole.end / SAMPLE_RATE, reason_of(samples))
