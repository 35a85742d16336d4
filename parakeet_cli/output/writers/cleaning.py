"""What a text may contain in a file that people and players read.

Control characters can move a terminal's cursor or end a line early, and lone surrogates cannot be encoded
(CWE-150). Words that have nothing left are not written.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from parakeet_cli.transcript import Segment

__all__ = ["cell", "encodable", "plain", "subtitled"]

_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufeff]")
"""C0 and C1 controls that are no white space, DEL, and the byte order mark."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_RISKY_START = re.compile("""'*[-=+@"]""")
_ARROW = re.compile("-{2,}>")


def encodable(text: str) -> str:
    """``text`` with U+FFFD in place of lone surrogates, so that it has an UTF-8 form."""
    return _SURROGATE.sub("\ufffd", text)


def plain(text: str) -> str:
    """``text`` on one line: no control characters, white space of any kind and length as one space."""
    return encodable(" ".join(_INVISIBLE.sub("", text).split()))


def cell(text: str) -> str:
    """``text`` with an apostrophe before what a spreadsheet would take for a formula, or for a quoted cell.

    Also before such a text that begins with apostrophes, so that no two texts become one. Source: OWASP, "CSV
    Injection".
    """
    return f"'{text}" if _RISKY_START.match(text) else text


def subtitled(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Segments of the words that a subtitle can show; ``-->``, which would begin a cue, becomes ``->``."""
    for segment in segments:
        shown = [replace(word, text=_ARROW.sub("->", plain(word.text))) for word in segment.words]
        words = tuple(word for word in shown if word.text)
        if words:
            yield Segment(words)
