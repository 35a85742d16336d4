"""What a person should listen to again: words of low confidence, gaps, and media that broke off.

Tab-separated lines under a header, for a spreadsheet or ``grep``; a text that a spreadsheet would take for a formula
gets an apostrophe before it.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from parakeet_cli.display import display
from parakeet_cli.output.confidence import is_low
from parakeet_cli.output.writers.cleaning import cell, plain
from parakeet_cli.output.writers.times import clock, milliseconds
from parakeet_cli.spacing import joined
from parakeet_cli.transcript import Transcript, Word

__all__ = ["HEADER", "review_lines"]

HEADER = "input\tstart\tend\tkind\tconfidence\ttext\tcontext"
_AROUND = 5
"""Words of context on each side."""


def review_lines(name: str, transcript: Transcript, least_confidence: float, start: float = 0.0) -> list[str]:
    """One line for each finding, in order of time, without line ends. ``kind`` is word, gap or partial.

    ``start`` is the place in the media, in seconds, where decoding began.
    """
    words = transcript.words
    found = [*_words(words, least_confidence), *_gaps(transcript, words)]
    lines = [_line(name, *row) for row in sorted(found, key=lambda row: row[0])]
    if transcript.partial is not None:
        missing = "decoded in part, the media is damaged"
        decoded, expected = transcript.partial.decoded_seconds, transcript.partial.expected_seconds
        end = max(decoded, expected or 0.0)
        lines.append(_line(name, start + decoded, start + end, "partial", "", missing, ""))
    return lines


_Row = tuple[float, float, str, str, str, str]


def _words(words: Sequence[Word], least_confidence: float) -> Iterator[_Row]:
    for place, word in enumerate(words):
        if is_low(word, least_confidence):
            context = _context(words, place, place + 1, f"[{word.text}]")
            yield word.start, word.end, "word", f"{word.confidence:.2f}", word.text, context


def _gaps(transcript: Transcript, words: Sequence[Word]) -> Iterator[_Row]:
    starts = [word.start for word in words]
    for gap in transcript.gaps:
        place = bisect_left(starts, gap.end)
        yield gap.start, gap.end, "gap", "", gap.reason, _context(words, place, place, "[…]")


def _context(words: Sequence[Word], first: int, last: int, middle: str) -> str:
    before = [word.text for word in words[max(first - _AROUND, 0) : first]]
    after = [word.text for word in words[last : last + _AROUND]]
    return " ".join(filter(None, (joined(before), middle, joined(after))))


def _line(name: str, start: float, end: float, kind: str, confidence: str, text: str, context: str) -> str:
    times = [clock(milliseconds(time), ".") for time in (start, end)]
    return "\t".join([cell(display(name)), *times, kind, confidence, cell(plain(text)), cell(plain(context))])
