"""WebVTT (W3C, https://www.w3.org/TR/webvtt1/): the subtitles of web pages."""

from dataclasses import dataclass
from typing import ClassVar

from parakeet_cli.output.cues import Cue, to_cues
from parakeet_cli.output.presets import PRESETS, CueRules
from parakeet_cli.output.writers.cleaning import plain, subtitled
from parakeet_cli.output.writers.times import clock, milliseconds
from parakeet_cli.transcript import Transcript

__all__ = ["VttWriter"]


@dataclass(frozen=True, slots=True)
class VttWriter:
    """Cues under a ``WEBVTT`` header, with the speaker as a voice span where one is known."""

    rules: CueRules = PRESETS["default"]
    extension: ClassVar[str] = "vtt"

    def write(self, transcript: Transcript, rtfx: float | None = None) -> str:
        from webvtt import Caption, WebVTT  # noqa: PLC0415 # where it is not needed it only costs time

        cues = to_cues(subtitled(transcript.segments), self.rules)
        return WebVTT(captions=[Caption(*_parts(cue)) for cue in cues]).content.rstrip("\n") + "\n"


def _parts(cue: Cue) -> tuple[str, str, str]:
    start, end = (clock(milliseconds(time), ".") for time in (cue.start, cue.end))
    return start, end, _voice(cue.speaker) + "\n".join(map(_escaped, cue.lines))


def _voice(speaker: str | None) -> str:
    name = plain(speaker or "")
    return f"<v {_escaped(name)}>" if name else ""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
