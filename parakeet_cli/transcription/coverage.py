"""Speech without words: where the decoder may have skipped something. One ``Coverage`` follows one recording.

It keeps the sound since the last word, so a hole is looked into while its sound is at hand, and a recording of any
length costs a window of memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from parakeet_cli.punctuation import is_opening, is_punctuation
from parakeet_cli.settings import SAMPLE_RATE, CoverageSettings
from parakeet_cli.transcript import Gap, Token
from parakeet_cli.transcription.activity import Samples
from parakeet_cli.transcription.chunking import Buffer, Chunk, extend
from parakeet_cli.transcription.savepoints import Savepoint
from parakeet_cli.transcription.stretches import Interval

__all__ = ["Coverage", "Hole"]

_PAD = round(0.2 * SAMPLE_RATE)
"""Around a word: its sound begins before the decoder's start and lasts beyond its end."""
_SLIVER = round(0.1 * SAMPLE_RATE)
"""Speech between two words that is shorter belongs to them."""
_LEAD = 4 * SAMPLE_RATE
"""Sound kept before a hole, to decode it from further back."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Speech without words. Samples from the start of the recording.

    ``start … end`` is the speech; ``after … before`` the room between the words around it, which new words may take.
    ``index`` is the place of new tokens among those of the recording.
    """

    start: int
    end: int
    after: int
    before: int
    index: int
    speech: int
    """Samples of speech in it."""

    @property
    def place(self) -> Interval:
        return self.start, self.end


class Coverage:
    """The tokens of a recording as they come, the sound that they leave uncovered, and the gaps that stay."""

    def __init__(self, settings: CoverageSettings) -> None:
        self.tokens: list[Token] = []
        self.gaps: list[Gap] = []
        self.heard_seconds = 0.0
        self.spent_seconds = 0.0
        """Of sound decoded again."""
        self.settled_until = 0
        """Samples; what lies before is covered, or a gap."""
        self._settings = settings
        self._settled_tokens = 0
        self._parts: list[_Part] = []

    @property
    def is_audited(self) -> bool:
        return self._settings.audit

    @property
    def settled_tokens(self) -> int:
        """Those before this index stay where they are."""
        return self._settled_tokens

    def restore(self, savepoint: Savepoint) -> None:
        """Go on from where another run of the same recording stood; ``replay`` gives back the sound."""
        self.tokens, self.gaps = list(savepoint.tokens), list(savepoint.gaps)
        self.heard_seconds, self.spent_seconds = savepoint.heard_seconds, savepoint.spent_seconds
        self.settled_until = savepoint.settled_until
        self._count_settled()

    def replay(self, chunk: Chunk) -> None:
        """Take the sound of a chunk that was decoded before the savepoint, as far as it is still needed."""
        if chunk.span.owned_until > self.settled_until - _LEAD and not chunk.ends_stretch:
            self._keep(chunk)
        elif chunk.ends_stretch:
            self._parts.clear()

    def add(self, chunk: Chunk) -> None:
        """Take the sound of a chunk whose tokens have been added, in order."""
        self.heard_seconds += (chunk.span.owned_until - chunk.span.owned_from) / SAMPLE_RATE
        self._keep(chunk)

    def _keep(self, chunk: Chunk) -> None:
        if not self._settings.audit:
            self.settled_until = chunk.span.owned_until
            return
        if not self._parts or self._parts[-1].end != chunk.span.owned_from:
            self._parts.append(_Part(chunk.span.owned_from))
        self._parts[-1].add(chunk)

    def holes(self) -> list[Hole]:
        """Those whose end is known, in order; one that lasts is given out in pieces."""
        return [hole for part in self._parts for hole in self._holes_of(part)]

    def insert(self, found: Mapping[Hole, Sequence[Token]]) -> None:
        """Put the tokens found in holes, all given out at one time, in their places."""
        for hole in sorted(found, key=lambda hole: (hole.index, hole.start), reverse=True):
            if found[hole]:
                first = self._begin_of_word(hole.index)
                self.tokens[first : hole.index] = [*found[hole], *self._lead(first, hole.index, found[hole])]

    def _begin_of_word(self, index: int) -> int:
        """Of the word of the token at ``index``: some are written as a space or an opening mark, and then the rest.

        Of a word that is still to come, these may be there.
        """
        if index == len(self.tokens):
            while index > self._settled_tokens and self._is_to_come(index - 1):
                index -= 1
        elif not self.tokens[index].text.startswith(" "):
            for first in reversed(range(self._settled_tokens, index)):
                if self._is_said(first):
                    break
                if self.tokens[first].text.startswith(" "):
                    return first
        return index

    def _lead(self, first: int, index: int, found: Sequence[Token]) -> Sequence[Token]:
        """What begins the word after a hole, else the words that were found would become a part of it.

        It comes when the word does: a space may have been written long before, at the end of the word before the hole.
        """
        following = self.tokens[index] if index < len(self.tokens) else None
        place = following.start if following else found[-1].end
        if first < index:
            return [replace(token, start=place, end=place) for token in self.tokens[first:index]]
        if following is None:
            return ()
        if following.text.startswith(" ") or is_punctuation(following.text) or not found[0].text.startswith(" "):
            return ()
        return (Token(" ", place, place, following.logprob),)

    def _is_to_come(self, index: int) -> bool:
        """Whether a token belongs to the word after it whatever that is."""
        text = self.tokens[index].text
        return text.startswith(" ") and (not text.strip() or is_opening(text))

    def allows(self, seconds: float) -> bool:
        """Whether so much more sound may be decoded again."""
        most = self._settings.spare_seconds + self._settings.largest_share * self.heard_seconds
        return self.spent_seconds + seconds <= most

    def sound(self, hole: Hole, start: int, end: int) -> tuple[int, Samples]:
        """What is at hand from ``start`` to ``end`` of the stretch that a hole is in, and where it starts."""
        part = next(part for part in self._parts if part.start <= hole.start < part.end)
        first, last = max(start, part.buffer.start), min(end, part.buffer.end)
        return first, part.buffer.read(first, last)

    def settle(self, gaps: Sequence[Gap]) -> None:
        """The holes given out last stay as they are: record ``gaps``, and forget the sound that is not needed."""
        self.gaps.extend(gaps)
        for part in self._parts:
            self.settled_until = max(self.settled_until, self._examined_until(part))
        self._count_settled()
        self._parts = [part for part in self._parts if not part.ended]
        for part in self._parts:
            part.forget_before(self.settled_until - _LEAD)

    def _count_settled(self) -> None:
        count = self._settled_tokens
        while count < len(self.tokens) and self._end(count) <= self.settled_until:
            count += 1
        while count > self._settled_tokens and self._is_to_come(count - 1):
            count -= 1
        self._settled_tokens = count

    def _end(self, index: int) -> int:
        return round(self.tokens[index].end * SAMPLE_RATE)

    def _examined_until(self, part: "_Part") -> int:
        if part.ended:
            return part.end
        ends = [self._end(index) for index in range(self._settled_tokens, len(self.tokens)) if self._is_said(index)]
        covered = max(min(max(ends, default=part.start), part.end), part.start, self.settled_until)
        longest = round(self._settings.longest_hole_seconds * SAMPLE_RATE)
        return max(covered, part.end - _PAD) if part.end - covered > longest else covered

    def _is_said(self, index: int) -> bool:
        """A mark between two words covers no sound."""
        return not is_punctuation(self.tokens[index].text) and bool(self.tokens[index].text.strip())

    def _holes_of(self, part: "_Part") -> Iterator[Hole]:
        """Between the words of a stretch, and after its last one where it is clear that none follows soon."""
        until = self._examined_until(part)
        place = _Border(
            max(part.start, self.settled_until),
            is_word=self._ends_word(self.settled_until),
            is_edge=self.settled_until <= part.start,
        )
        index = self._settled_tokens
        for index in range(self._settled_tokens, len(self.tokens)):
            start, end = round(self.tokens[index].start * SAMPLE_RATE), self._end(index)
            if start >= until:
                break
            if end > part.start and self._is_said(index):
                yield from self._hole(part, place, _Border(start, is_word=True), index)
                place = max(place, _Border(end, is_word=True), key=lambda border: border.position)
        else:
            index = len(self.tokens)
        yield from self._hole(part, place, _Border(until, is_edge=part.ended), index)

    def _ends_word(self, position: int) -> bool:
        """Whether what is settled ends there with a word, whose sound lasts on."""
        said = (index for index in reversed(range(self._settled_tokens)) if self._is_said(index))
        last = next(said, None)
        return last is not None and self._end(last) == position

    def _hole(self, part: "_Part", after: "_Border", before: "_Border", index: int) -> Iterator[Hole]:
        """Beyond the edge of a stretch lies silence: a hole that reaches it is longer than what is at hand of it."""
        length = before.position - after.position
        if not (after.is_edge or before.is_edge) and length < self._settings.hole_seconds * SAMPLE_RATE:
            return
        start = after.position + _PAD * after.is_word
        end = before.position - _PAD * before.is_word
        speech = [(max(a, start), min(b, end)) for a, b in part.speech if a < end - _SLIVER and b > start + _SLIVER]
        speech = [(a, b) for a, b in speech if b - a >= _SLIVER]
        pieces = list(_pieces(speech, round(self._settings.longest_hole_seconds * SAMPLE_RATE)))
        for number, piece in enumerate(pieces):
            spoken = sum(b - a for a, b in piece)
            if spoken >= self._settings.speech_seconds * SAMPLE_RATE:
                first = after.position if number == 0 else piece[0][0]
                last = before.position if number == len(pieces) - 1 else piece[-1][1]
                yield Hole(piece[0][0], piece[-1][1], first, last, index, spoken)


@dataclass(frozen=True, slots=True)
class _Border:
    """Where a hole begins or ends: at a word, at the edge of its stretch, or where it was cut."""

    position: int
    is_word: bool = False
    is_edge: bool = False


def _pieces(speech: Sequence[Interval], longest: int) -> Iterator[list[Interval]]:
    """Divide speech where it pauses longest, so that no piece lasts longer; without a pause it is cut."""
    rest = list(speech)
    while rest and rest[-1][1] - rest[0][0] > longest:
        limit = rest[0][0] + longest
        places = [number for number in range(1, len(rest)) if rest[number - 1][1] <= limit]
        late = [number for number in places if rest[number - 1][1] > limit - longest // 2] or places
        if late:
            place = max(late, key=lambda number: rest[number][0] - rest[number - 1][1])
            yield rest[:place]
            rest = rest[place:]
        else:
            yield [(rest[0][0], limit)]
            rest[0] = (limit, rest[0][1])
    if rest:
        yield rest


@dataclass(slots=True)
class _Part:
    """What is at hand of one stretch."""

    start: int
    speech: list[Interval] = field(default_factory=list)
    ended: bool = False
    end: int = 0
    buffer: Buffer = field(init=False)

    def __post_init__(self) -> None:
        self.end = self.start
        self.buffer = Buffer(self.start)

    def add(self, chunk: Chunk) -> None:
        """The sound after the owned part is kept too: a hole may reach up to there."""
        span = chunk.span
        self.buffer.cut(span.owned_from)
        self.buffer.append(chunk.samples[span.owned_from - span.heard_from :])
        extend(self.speech, chunk.speech)
        self.end = span.owned_until
        self.ended = chunk.ends_stretch

    def forget_before(self, position: int) -> None:
        self.buffer.forget_before(position)
        self.speech = [interval for interval in self.speech if interval[1] > position]
