"""Where the outputs of each recording go: beside the source, mirrored under a folder, never two on one name."""

import hashlib
import os
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.transcription.events import Recording
from parakeet_cli.transcription.media.inputs import FileMedia, media_name

__all__ = ["Collision", "place"]

_LONGEST_NAME = 255
"""Bytes; the limit of every common file system."""


@dataclass(frozen=True, slots=True)
class Collision:
    """Recordings (by number) whose outputs would have had the same name."""

    recordings: tuple[int, ...]
    name: Path


def place(
    recordings: Sequence[Recording], folder: Path | None, longest_extension: int
) -> tuple[dict[int, Path], list[Collision]]:
    """For each recording's number the output path without its extension, and the collisions that were avoided.

    Without ``folder`` outputs stand beside the source (in the working folder for URLs and stdin). ``a.mp3`` and
    ``a.wav`` become ``a.mp3`` and ``a.wav`` plus extension, both; files of equal name from different folders get a
    part of the hash of their path, which stays the same whatever else is in the batch. Names are compared as a
    file system may that ignores case and composes accents.
    """
    plain = {recording.number: _plain(recording, folder) for recording in recordings}
    by_number = {recording.number: recording for recording in recordings}
    collisions: list[Collision] = []
    stems = dict(plain)
    for numbers in _groups(plain):
        collisions.append(Collision(tuple(numbers), plain[numbers[0]]))
        for number in numbers:
            stems[number] = _with_full_name(by_number[number], plain[number])
    for numbers in _groups(stems):
        for number in numbers:
            stems[number] = stems[number].with_name(f"{stems[number].name}.{_short_hash(by_number[number])}")
    return {number: _fitting(stem, longest_extension) for number, stem in stems.items()}, collisions


def _plain(recording: Recording, folder: Path | None) -> Path:
    name = media_name(recording.media) + _track_suffix(recording)
    media = recording.media
    if not isinstance(media, FileMedia):
        return (folder or Path.cwd()) / name
    if folder is None:
        return media.path.with_name(name)
    parent = media.path.parent
    # A pattern may have led through a link, to a folder that lies elsewhere.
    inside = parent.relative_to(media.root) if media.root and parent.is_relative_to(media.root) else Path()
    return folder / inside / name


def _with_full_name(recording: Recording, stem: Path) -> Path:
    if not isinstance(recording.media, FileMedia):
        return stem
    return stem.with_name(recording.media.path.name + _track_suffix(recording))


def _track_suffix(recording: Recording) -> str:
    return "" if recording.track is None else f".a{recording.track}"


def _groups(stems: dict[int, Path]) -> list[list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for number, stem in stems.items():
        groups[unicodedata.normalize("NFC", str(stem)).casefold()].append(number)
    return [numbers for numbers in groups.values() if len(numbers) > 1]


def _short_hash(recording: Recording) -> str:
    return hashlib.sha256(repr(recording.media).encode()).hexdigest()[:8]


def _fitting(stem: Path, longest_extension: int) -> Path:
    """Shorten a name that leaves no room for its extension, keeping it distinct by a hash."""
    raw = os.fsencode(stem.name)
    if len(raw) + longest_extension <= _LONGEST_NAME:
        return stem
    digest = hashlib.sha256(raw).hexdigest()[:8]
    kept = raw[: _LONGEST_NAME - longest_extension - len(digest) - 1]
    while kept and not _decodable(kept):
        kept = kept[:-1]
    return stem.with_name(f"{os.fsdecode(kept)}.{digest}")


def _decodable(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return error.end < len(raw)
    return True
