"""Files, folders, patterns, lists, stdin and URLs become the media of a batch."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["FileMedia", "Media", "StdinMedia", "UrlMedia"]


@dataclass(frozen=True, slots=True)
class FileMedia:
    """A file by its absolute path. ``root`` is the folder it was found under, for mirrored output folders."""

    path: Path
    root: Path | None = None


@dataclass(frozen=True, slots=True)
class UrlMedia:
    """An http or https address of a media file."""

    url: str


@dataclass(frozen=True, slots=True)
class StdinMedia:
    """Standard input, any codec."""


Media = FileMedia | UrlMedia | StdinMedia
