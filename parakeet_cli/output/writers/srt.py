"""SubRip: the format that every player reads."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import srt

from parakeet_cli.output.cues import Cue, to_cues
from parakeet_cli.output.presets import PRESETS, CueRules
from parakeet_cli.output.writers.cleaning import subtitled
from parakeet_cli.output.writers.times import milliseconds
from parakeet_cli.transcript import Transcript

__all__ = ["SrtWriter"]


@dataclass(frozen=True, slots=True)
class SrtWriter:
    """Cues numbered from 1. A transcript without words is an empty file, which is valid SubRip."""

    rules: CueRules = PRESETS["default"]
    extension: ClassVar[str] = "srt"

    def write(self, transcript: Transcript, rtfx: float | None = None) -> str:
        cues = to_cues(subtitled(transcript.segments), self.rules)
        # The library would number them again in its own order, and leave out what it finds useless.
        text: str = srt.compose((_to_subtitle(*item) for item in enumerate(cues, 1)), reindex=False)
        return text


def _to_subtitle(number: int, cue: Cue) -> srt.Subtitle:
    start, end = (timedelta(milliseconds=milliseconds(time)) for time in (cue.start, cue.end))
    return srt.Subtitle(number, start, end, "\n".join(cue.lines))
