"""Manifests as NeMo writes them: one JSON object a line, with a file, what is said in it, and perhaps where."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from parakeet_cli.display import display
from parakeet_cli.errors import InputError, InvalidReference, MediaNotFound
from parakeet_cli.evaluation.references import Reference, read_text
from parakeet_cli.transcript import Word
from parakeet_cli.transcription.media.inputs import FileMedia, Skipped

__all__ = ["read_manifest"]

_LONGEST_SECONDS = 1e9
"""More is no time; neither is infinity, nor what is no number."""


def read_manifest(path: Path) -> Iterator[Reference | Skipped]:
    """Yield the reference of each line, or the error that it holds, by its line number.

    The fields are those of NeMo's manifests: ``audio_filepath`` (relative to the manifest), ``text``, and optionally
    ``offset`` and ``duration`` in seconds; and of ours ``words``, objects with ``text`` (or ``word``), ``start`` and
    ``end`` in seconds from the start of the file, from which ``text`` may be left to follow. Others are ignored.
    """
    try:
        content = read_text(path)
        if content.lstrip().startswith("["):
            raise InvalidReference("It is one JSON array; a manifest has one object a line.")
    except InputError as error:
        yield Skipped(str(path), error)
        return
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield _read_line(line, path)
        except InputError as error:
            yield Skipped(f"{path}, line {number}", error)


def _read_line(line: str, manifest: Path) -> Reference:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "unreadable"
        raise InvalidReference(f"This line is no JSON ({reason}); a manifest has one object a line.") from error
    if not isinstance(fields, dict):
        raise InvalidReference("This line is no JSON object; write {…} with audio_filepath and text.")
    media = _media(fields, manifest)
    words = _words(fields)
    text = fields.get("text", " ".join(word.text for word in words) if "words" in fields else None)
    if not isinstance(text, str):
        raise InvalidReference("text is missing or no string; write down what is said.")
    start = _seconds(fields, "offset")
    duration = _seconds(fields, "duration")
    if duration == 0:
        raise InvalidReference("duration is 0; leave it out to take the whole file.")
    return Reference(
        media=media,
        text=text,
        source=manifest,
        words=words,
        start=start,
        end=None if duration is None else (start or 0.0) + duration,
    )


def _media(fields: Mapping[str, Any], manifest: Path) -> FileMedia:
    name = fields.get("audio_filepath")
    if not isinstance(name, str) or not name or "\0" in name:
        raise InvalidReference("audio_filepath is missing or no file name; name the recording.")
    path = manifest.absolute().parent / name
    if not path.is_file():
        raise MediaNotFound(f"{display(name)} is no file beside the manifest; audio_filepath is relative to that.")
    return FileMedia(path)


def _words(fields: Mapping[str, Any]) -> tuple[Word, ...]:
    words = fields.get("words")
    if words is None:
        return ()
    if not isinstance(words, list):
        raise InvalidReference("words is no list; write objects with text, start and end.")
    return tuple(_word(word, number) for number, word in enumerate(words, start=1))


def _word(word: object, number: int) -> Word:
    if isinstance(word, dict):
        text = word.get("text", word.get("word"))
        start, end = _seconds(word, "start"), _seconds(word, "end")
        if isinstance(text, str) and start is not None and end is not None and start <= end:
            return Word(text, start, end)
    raise InvalidReference(f"Word {number} has no text, or no start and end in seconds, in that order.")


def _seconds(fields: Mapping[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if not _is_time(value):
        raise InvalidReference(f"{name} is no number of seconds from 0.")
    return float(value)


def _is_time(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= _LONGEST_SECONDS
