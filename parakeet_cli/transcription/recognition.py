"""Batches of chunks become tokens: encoded together, decoded recording by recording with carried state, audited."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcript import Token
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.coverage import Coverage
from parakeet_cli.transcription.encoding import Encoded
from parakeet_cli.transcription.recognizer import UNKNOWN, DecoderState, Frames, Recognizer, Row
from parakeet_cli.transcription.repair import Repairer

__all__ = ["Recognition", "Track"]

_FLOOD = 4
"""Unknown tokens that are more than half of what was decoded; fewer may be a foreign name."""


@dataclass(slots=True)
class Track:
    """What is carried from chunk to chunk of one recording."""

    coverage: Coverage
    state: DecoderState = None
    position: int = 0
    """Samples; every chunk that ends there or before is decoded."""


@dataclass(slots=True)
class _Passage:
    """Frames of one recording that are decoded in one go."""

    number: int
    frames: list[Frames]
    state: DecoderState
    is_last: bool = True
    tokens: tuple[Token, ...] = ()


class Recognition:
    """Uses one recognizer for all recordings; not re-entrant."""

    def __init__(self, recognizer: Recognizer, batch_size: int) -> None:
        self._recognizer = recognizer
        self._repairer = Repairer(recognizer, batch_size)

    def encode(self, chunks: Sequence[Chunk]) -> Encoded:
        """As the recognizer does; from any thread where it ``encodes_aside``."""
        return self._recognizer.encode(chunks)

    def recognize(self, chunks: Sequence[Chunk], encoded: Encoded, tracks: Mapping[int, Track]) -> None:
        """Add the tokens of ``chunks`` to the tracks of their recordings, and look into what is left uncovered.

        Chunks of one recording are in order; ``encoded`` has the frames of each. Raises ``RecognitionFailed`` if one
        has to be encoded again and cannot be; the tracks are then as they were.
        """
        touched = {chunk.recording: tracks[chunk.recording] for chunk in chunks}
        passages = self._decode(chunks, encoded, touched)
        if flooded := {chunk.recording for chunk in _flooded(chunks, passages)}:
            repeated = [chunk for chunk in chunks if chunk.recording in flooded]
            again = self._decode(repeated, self._recognizer.encode(repeated, exactly=True), touched)
            passages = [passage for passage in passages if passage.number not in flooded] + again
        for passage in passages:
            if passage.is_last:
                touched[passage.number].state = passage.state
        self._add(chunks, passages, touched)

    def _add(self, chunks: Sequence[Chunk], passages: Sequence[_Passage], tracks: Mapping[int, Track]) -> None:
        """Chunk by chunk of each recording, so that no audit depends on what a batch held."""
        lost = _flooded(chunks, passages)
        left: dict[int, deque[Chunk]] = {number: deque() for number in tracks}
        tokens: dict[int, deque[Token]] = {number: deque() for number in tracks}
        for chunk in chunks:
            left[chunk.recording].append(chunk)
        for passage in passages:
            tokens[passage.number].extend(passage.tokens)
        while any(left.values()):
            audited: dict[int, Coverage] = {}
            for number, waiting in left.items():
                if waiting:
                    chunk = waiting.popleft()
                    coverage = tracks[number].coverage
                    own = _taken(tokens[number], chunk.span.owned_until if waiting else None)
                    if coverage.is_audited and any(chunk is flooded for flooded in lost):
                        own = []  # what floods again is left to the audit
                    coverage.tokens += own
                    coverage.add(chunk)
                    tracks[number].position = chunk.span.owned_until
                    audited[number] = coverage
            self._repairer.audit(audited)

    def _decode(self, chunks: Sequence[Chunk], encoded: Encoded, tracks: Mapping[int, Track]) -> list[_Passage]:
        """Passages in the order of speech of each recording, decoded, with the state after them."""
        passages = list(_passages(zip(chunks, encoded, strict=True), tracks))
        rows = [passage for passage in passages if passage.frames]
        if rows:
            decoded = self._recognizer.decode([Row(tuple(passage.frames), passage.state) for passage in rows])
            for passage, (hypothesis, state) in zip(rows, decoded, strict=True):
                passage.tokens, passage.state = hypothesis.tokens, state
        return passages


def _passages(encoded: Iterable[tuple[Chunk, tuple[Frames, ...]]], tracks: Mapping[int, Track]) -> Iterable[_Passage]:
    """A passage ends where the decoder starts afresh; so long silences let one recording be decoded in several rows."""
    latest: dict[int, _Passage] = {}
    passages: list[_Passage] = []
    for chunk, pieces in encoded:
        number = chunk.recording
        for frames in pieces:
            fresh = frames.first_sample in chunk.restarts
            if fresh or number not in latest:
                if number in latest:
                    latest[number].is_last = False
                latest[number] = _Passage(number, [], None if fresh else tracks[number].state)
                passages.append(latest[number])
            if frames.count:
                latest[number].frames.append(frames)
    return passages


def _taken(tokens: deque[Token], until: int | None) -> list[Token]:
    """Those that start before ``until`` (samples), taken from the left; None takes all."""
    taken = []
    while tokens and (until is None or round(tokens[0].start * SAMPLE_RATE) < until):
        taken.append(tokens.popleft())
    return taken


def _flooded(chunks: Sequence[Chunk], passages: Iterable[_Passage]) -> list[Chunk]:
    """Chunks of which most tokens are unknown."""
    tokens = [(passage.number, token) for passage in passages for token in passage.tokens]
    if not any(UNKNOWN in token.text for _, token in tokens):
        return []
    counts = [Counter(UNKNOWN in token.text for number, token in tokens if _in(token, number, [c])) for c in chunks]
    return [c for c, count in zip(chunks, counts, strict=True) if count[True] >= _FLOOD and count[True] > count[False]]


def _in(token: Token, number: int, chunks: Iterable[Chunk]) -> bool:
    """Whether one of ``chunks`` owns the start of a token of recording ``number``."""
    position = round(token.start * SAMPLE_RATE)
    return any(
        chunk.recording == number and chunk.span.owned_from <= position < chunk.span.owned_until for chunk in chunks
    )
