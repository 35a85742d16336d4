"""Files, folders, patterns, lists, stdin and URLs become the media of a batch."""

import errno
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from stat import S_ISREG
from urllib.parse import unquote, urlsplit

from parakeet_cli.display import display
from parakeet_cli.errors import InputError, MediaNotFound, UnreadableMedia
from parakeet_cli.transcription.media.folders import expand_pattern, is_pattern, natural, walk

__all__ = [
    "DescriptorMedia",
    "FileMedia",
    "Media",
    "NamedMedia",
    "Skipped",
    "StdinMedia",
    "UrlMedia",
    "find_media",
    "media_name",
]

_LONGEST_NAME = 200
"""Bytes; leaves room for a suffix in the 255 that file systems allow."""


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


@dataclass(frozen=True, slots=True)
class DescriptorMedia:
    """An open regular file, such as an upload, which whoever opened it closes afterwards. ``name`` is for people."""

    descriptor: int
    name: str


NamedMedia = FileMedia | UrlMedia | StdinMedia
"""What an argument can name."""

Media = NamedMedia | DescriptorMedia


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that is not transcribed: an error counts as a failure, a plain reason does not."""

    path: str
    reason: InputError | str


def find_media(arguments: Sequence[str], *, recursive: bool) -> Iterator[NamedMedia | Skipped]:
    """Yield what the arguments name, in their order, each file, URL and stdin once.

    An argument is a file, a folder (its media files by extension, in natural order; those of its
    sub-folders if ``recursive``), a pattern (unless a file has that very name; ``**`` crosses folders if
    ``recursive``), ``@list`` (a file with one argument a line), ``-`` or an http(s) URL. A named file is
    taken whatever its extension. Raises nothing: what cannot be read comes as a ``Skipped`` and the rest
    goes on.
    """
    seen: set[object] = set()
    for argument in arguments:
        for found in _read_argument(argument, Path.cwd(), recursive):
            key = found.path if isinstance(found, FileMedia | Skipped) else found
            if key not in seen:
                seen.add(key)
                yield found


def media_name(media: Media) -> str:
    """The stem that outputs are named after: a name without its extension, one path segment, never empty.

    A file keeps its own, undecodable bytes included; of a URL it is the last segment of the path,
    percent-decoded.
    """
    match media:
        case FileMedia(path=path):
            return path.stem
        case UrlMedia(url=url):
            return _url_stem(url)
        case StdinMedia():
            return "stdin"
        case DescriptorMedia(name=name):
            return PurePath(name).stem or "upload"


def _read_argument(argument: str, folder: Path, recursive: bool) -> Iterator[NamedMedia | Skipped]:
    if argument == "-":
        yield StdinMedia()
    elif re.match(r"https?://", argument, re.IGNORECASE):
        yield _read_address(argument)
    elif os.path.lexists(folder / argument):
        yield from _read_path(argument, folder, recursive)
    elif argument.startswith("@"):
        yield from _read_list(argument, folder, recursive)
    elif is_pattern(argument):
        yield from _read_pattern(argument, folder, recursive)
    else:
        yield from _read_path(argument, folder, recursive)


def _read_address(argument: str) -> UrlMedia | Skipped:
    try:
        urlsplit(argument)
        argument.encode()  # a list in another encoding than UTF-8 has what no address can
    except ValueError:
        return Skipped(argument, MediaNotFound("The address of this input cannot be read; check it, or encode it."))
    return UrlMedia(argument)


def _read_path(name: str, folder: Path, recursive: bool) -> Iterator[NamedMedia | Skipped]:
    path = folder / name
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        yield Skipped(name, _explain(name, error))
        return
    if path.is_dir():
        yield from _read_folder(path, recursive)
    elif not S_ISREG(status.st_mode):
        yield Skipped(
            name,
            UnreadableMedia(f"{display(name)} is not a regular file; pipe it into “parakeet transcribe -”."),
        )
    elif not os.access(path, os.R_OK):
        yield Skipped(name, UnreadableMedia(f"{display(name)} may not be read; check its permissions."))
    else:
        yield FileMedia(_absolute(path))


def _read_folder(folder: Path, recursive: bool) -> Iterator[NamedMedia | Skipped]:
    root = folder.resolve()
    for path, refusal in walk(root, recursive=recursive):
        yield FileMedia(path, root) if refusal is None else Skipped(str(path), refusal)


def _read_pattern(pattern: str, folder: Path, recursive: bool) -> Iterator[NamedMedia | Skipped]:
    root, matches = expand_pattern(folder, pattern, recursive=recursive)
    found = False
    for path in sorted(matches, key=natural):
        for media in _read_path(str(path), folder, recursive):
            found = True
            yield FileMedia(media.path, root) if isinstance(media, FileMedia) else media
    if not found:
        yield Skipped(pattern, MediaNotFound(f"No file matches {display(pattern)}; check the pattern."))


def _read_list(argument: str, folder: Path, recursive: bool) -> Iterator[NamedMedia | Skipped]:
    """A list names no further list, so that lists cannot go round in circles."""
    path = folder / argument[1:]
    try:
        lines = _lines(path)
    except (OSError, ValueError) as error:
        yield Skipped(argument, _explain(argument[1:], error))
        return
    for line in lines:
        is_here = not os.path.lexists(path.parent / line) and os.path.lexists(folder / line)
        base = folder if is_here else path.parent
        name = f"./{line}" if line.startswith("@") else line
        yield from _read_argument(name, base, recursive)


def _lines(path: Path) -> Iterable[str]:
    if not path.is_file():
        path.stat()
        raise OSError(errno.EINVAL, "it is not a regular file")
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    lines = (os.fsdecode(line.removesuffix(b"\r")) for line in content.split(b"\n"))
    return [line for line in lines if line.strip() and not line.startswith("#")]


def _explain(name: str, error: Exception) -> InputError:
    if _is_missing(error):
        return MediaNotFound(f"{display(name)} does not exist; check the name.")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return UnreadableMedia(f"{display(name)} cannot be read ({reason}); check the file and its folder.")


def _is_missing(error: Exception) -> bool:
    missing = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
    return isinstance(error, ValueError) or (isinstance(error, OSError) and error.errno in missing)


def _absolute(path: Path) -> Path:
    """One path for one name, however it was reached; the last part may be a link, as it names the outputs."""
    return path.parent.resolve() / path.name


def _url_stem(url: str) -> str:
    parts = urlsplit(url)
    segment = unquote(parts.path.rstrip("/").rpartition("/")[2], errors="replace")
    name = re.sub(r"[\x00-\x1f\x7f-\x9f/\\]", "_", segment).lstrip(".") or parts.hostname or "download"
    return PurePath(name).stem.encode()[:_LONGEST_NAME].decode(errors="ignore")
