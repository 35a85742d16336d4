"""Plain text, one segment a line."""

from dataclasses import dataclass
from typing import ClassVar

from parakeet_cli.output.writers.cleaning import plain
from parakeet_cli.transcript import Transcript

__all__ = ["TxtWriter"]


@dataclass(frozen=True, slots=True)
class TxtWriter:
    extension: ClassVar[str] = "txt"

    def write(self, transcript: Transcript, rtfx: float | None = None) -> str:
        lines = (plain(segment.text) for segment in transcript.segments)
        return "".join(f"{line}\n" for line in lines if line)
