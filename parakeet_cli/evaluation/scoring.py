"""Transcripts against references: errors in words, errors in word times, gaps, and pace."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from parakeet_cli.evaluation.alignment import align, middle
from parakeet_cli.evaluation.normalization import Normalize
from parakeet_cli.evaluation.references import Reference
from parakeet_cli.transcript import Gap, Transcript, Word

__all__ = ["Errors", "Score", "TimeErrors", "WordTimes", "score", "total"]

_NEAR = 0.08 + 1e-6
"""Seconds: one encoder frame, and what rounding adds."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Edits that turn a reference of ``words`` words into what was heard, the fewest there are (Levenshtein)."""

    words: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def count(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float | None:
        """Word error rate, 0 … (insertions can bring it past 1); None without reference words."""
        return self.count / self.words if self.words else None


@dataclass(frozen=True, slots=True)
class TimeErrors:
    """Heard less true time in seconds, one for each word that was heard right."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float | None:
        """Of the absolute errors."""
        return _quantile([abs(error) for error in self.seconds], 0.5)

    @property
    def p90(self) -> float | None:
        """The 90th percentile of the absolute errors."""
        return _quantile([abs(error) for error in self.seconds], 0.9)

    @property
    def bias(self) -> float | None:
        """The median with its sign: positive where words are heard late."""
        return _quantile(self.seconds, 0.5)

    @property
    def near(self) -> float | None:
        """The share that is off by one encoder frame (80 ms) at most."""
        if not self.seconds:
            return None
        return sum(abs(error) <= _NEAR for error in self.seconds) / len(self.seconds)


@dataclass(frozen=True, slots=True)
class WordTimes:
    """Of ``words`` reference words with times: how far off those heard right are, and what became of the others.

    ``lost`` have no partner in the hypothesis; ``lost_in_gaps`` are those of them whose middle is in a reported gap.
    """

    words: int
    starts: TimeErrors
    ends: TimeErrors
    lost: int
    lost_in_gaps: int


@dataclass(frozen=True, slots=True)
class Score:
    """One file or several. ``times`` is None where no reference word has times.

    ``rtfx`` counts the time in the recognizer alone, as transcripts do.
    """

    errors: Errors
    times: WordTimes | None
    gaps: int
    gap_seconds: float
    audio_seconds: float
    recognition_seconds: float

    @property
    def rtfx(self) -> float | None:
        return self.audio_seconds / self.recognition_seconds if self.recognition_seconds else None


def score(reference: Reference, transcript: Transcript, recognition_seconds: float, normalize: Normalize) -> Score:
    """Compare one transcript with what was said. Raises ``InvalidReference`` where ``normalize`` does."""
    return Score(
        errors=_errors(normalize(reference.text), normalize(transcript.text)),
        times=_word_times(reference.words, transcript, normalize) if reference.words else None,
        gaps=len(transcript.gaps),
        gap_seconds=sum(gap.end - gap.start for gap in transcript.gaps),
        audio_seconds=transcript.duration,
        recognition_seconds=recognition_seconds,
    )


def total(scores: Sequence[Score]) -> Score:
    """All files as one: rates are those of the summed counts, so that a long file weighs more than a short one."""
    timed = [score.times for score in scores if score.times]
    return Score(
        errors=Errors(
            sum(score.errors.words for score in scores),
            sum(score.errors.substitutions for score in scores),
            sum(score.errors.deletions for score in scores),
            sum(score.errors.insertions for score in scores),
        ),
        times=_total_times(timed) if timed else None,
        gaps=sum(score.gaps for score in scores),
        gap_seconds=sum(score.gap_seconds for score in scores),
        audio_seconds=sum(score.audio_seconds for score in scores),
        recognition_seconds=sum(score.recognition_seconds for score in scores),
    )


def _errors(reference: list[str], hypothesis: list[str]) -> Errors:
    """In memory that grows with the words, not their pairs."""
    from kaldialign import edit_distance

    found = edit_distance(reference, hypothesis)
    return Errors(len(reference), int(found["sub"]), int(found["del"]), int(found["ins"]))


def _word_times(reference: Sequence[Word], transcript: Transcript, normalize: Normalize) -> WordTimes:
    """Words are normalised one by one here: rules that join words would leave none to compare the times of."""
    said, heard = _normalized(reference, normalize), _normalized(transcript.words, normalize)
    pairs = align(said, heard)
    right = [(said[r], heard[h]) for r, h in pairs if r is not None and h is not None and said[r].text == heard[h].text]
    lost = [said[r] for r, h in pairs if r is not None and h is None]
    return WordTimes(
        words=len(said),
        starts=TimeErrors(tuple(h.start - s.start for s, h in right)),
        ends=TimeErrors(tuple(h.end - s.end for s, h in right)),
        lost=len(lost),
        lost_in_gaps=sum(_is_inside(word, transcript.gaps) for word in lost),
    )


def _normalized(words: Iterable[Word], normalize: Normalize) -> list[Word]:
    """Without those of which nothing remains."""
    texts = ((word, " ".join(normalize(word.text))) for word in words)
    return [Word(text, word.start, word.end) for word, text in texts if text]


def _is_inside(word: Word, gaps: Iterable[Gap]) -> bool:
    return any(gap.start <= middle(word) <= gap.end for gap in gaps)


def _total_times(times: Sequence[WordTimes]) -> WordTimes:
    return WordTimes(
        words=sum(each.words for each in times),
        starts=TimeErrors(tuple(error for each in times for error in each.starts.seconds)),
        ends=TimeErrors(tuple(error for each in times for error in each.ends.seconds)),
        lost=sum(each.lost for each in times),
        lost_in_gaps=sum(each.lost_in_gaps for each in times),
    )


def _quantile(values: Sequence[float], share: float) -> float | None:
    """With linear interpolation between the two nearest."""
    if not values:
        return None
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
