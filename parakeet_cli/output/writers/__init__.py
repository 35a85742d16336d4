"""What a transcript can be written as: one small module a format, and all of them in ``FORMATS``."""

from typing import Protocol

from parakeet_cli.output.presets import PRESETS, CueRules
from parakeet_cli.output.writers.json import JsonWriter, read_json
from parakeet_cli.output.writers.srt import SrtWriter
from parakeet_cli.output.writers.tsv import TsvWriter
from parakeet_cli.output.writers.txt import TxtWriter
from parakeet_cli.output.writers.vtt import VttWriter
from parakeet_cli.transcript import Transcript

__all__ = ["FORMATS", "Writer", "formats", "read_json"]


class Writer(Protocol):
    """Turns a transcript into the text of a file: UTF-8, with ``\\n`` at line ends."""

    @property
    def extension(self) -> str:
        """Of the file, without a dot; also the format's name."""

    def write(self, transcript: Transcript, rtfx: float | None = None) -> str:
        """``rtfx`` is seconds of audio for each second of work; most formats leave it out."""


def formats(rules: CueRules, least_confidence: float = 0.0) -> dict[str, Writer]:
    """A writer for each format, by name in alphabetical order.

    Subtitles follow ``rules``; JSON marks the words under ``least_confidence``.
    """
    writers: list[Writer] = [JsonWriter(least_confidence), SrtWriter(rules), TsvWriter(), TxtWriter(), VttWriter(rules)]
    return {writer.extension: writer for writer in sorted(writers, key=lambda writer: writer.extension)}


FORMATS: dict[str, Writer] = formats(PRESETS["default"])
