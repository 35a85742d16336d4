"""The values that flow: token → word → segment → transcript. All frozen; nothing derivable is stored.

Times are seconds from the start of the media, as floats; writers turn them into milliseconds once.
"""

from dataclasses import dataclass, field

from parakeet_cli.spacing import joined

__all__ = ["Gap", "Partial", "Segment", "Silence", "Token", "Transcript", "Word"]


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of the checkpoint's vocabulary as it was emitted.

    ``text`` starts with a space where a new word starts. ``logprob`` is the natural logarithm of the
    probability that the decoder gave to this token, blank included in the distribution.
    """

    text: str
    start: float
    end: float
    logprob: float


@dataclass(frozen=True, slots=True)
class Word:
    """A word with the punctuation written to it. ``confidence`` is in 0…1, or None where unknown.

    ``tokens`` are those it was put together from; none if it was read from a file.
    """

    text: str
    start: float
    end: float
    confidence: float | None = None
    speaker: str | None = None
    tokens: tuple[Token, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence, or a part of one where it is too long: at least one word."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return joined(word.text for word in self.words)

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which somebody speaks and no word was found. ``reason``: music, noise or unsure."""

    start: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch in which there was nothing to hear, and which the recognizer was not given."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Partial:
    """What of the media could not be decoded. ``expected_seconds`` is the container's claim, if it makes one."""

    decoded_seconds: float
    expected_seconds: float | None
    decode_errors: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """Everything that was heard in one recording.

    ``duration`` is the length of the decoded audio in seconds; ``language`` an ISO 639-1 code or None where it
    is not known; ``partial`` is None where the whole media was decoded.
    """

    segments: tuple[Segment, ...]
    duration: float
    language: str | None
    model: str
    gaps: tuple[Gap, ...] = ()
    skipped: tuple[Silence, ...] = ()
    partial: Partial | None = None

    @property
    def words(self) -> tuple[Word, ...]:
        return tuple(word for segment in self.segments for word in segment.words)

    @property
    def text(self) -> str:
        return joined(segment.text for segment in self.segments)
