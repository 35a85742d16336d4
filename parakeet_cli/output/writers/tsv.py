"""Tab-separated values with the columns of openai-whisper: start and end in milliseconds, and the text.

Cells are not quoted, as there; ``cleaning.cell`` guards them.
"""

from dataclasses import dataclass
from typing import ClassVar

from parakeet_cli.output.writers.cleaning import cell, plain
from parakeet_cli.output.writers.times import milliseconds
from parakeet_cli.transcript import Segment, Transcript

__all__ = ["TsvWriter"]


@dataclass(frozen=True, slots=True)
class TsvWriter:
    """A header line, then one segment a line."""

    extension: ClassVar[str] = "tsv"

    def write(self, transcript: Transcript, rtfx: float | None = None) -> str:
        return "start\tend\ttext\n" + "".join(map(_row, transcript.segments))


def _row(segment: Segment) -> str:
    text = plain(segment.text)
    if not text:
        return ""
    return f"{milliseconds(segment.start)}\t{milliseconds(segment.end)}\t{cell(text)}\n"
