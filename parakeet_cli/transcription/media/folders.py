"""What lies in a folder: its media files, and why the rest of what looks like media is not taken."""

import os
import re
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from parakeet_cli.display import display
from parakeet_cli.errors import UnreadableMedia

__all__ = ["MEDIA_EXTENSIONS", "Refusal", "expand_pattern", "is_pattern", "natural", "walk"]

_AUDIO = """
    .aac .ac3 .adts .aif .aifc .aiff .alac .amr .ape .au .awb .caf .dff .dsf .dss .dts .eac3 .f4a .flac .gsm
    .m4a .m4b .m4p .m4r .mka .mlp .mp1 .mp2 .mp3 .mpa .mpc .mpga .nist .oga .ogg .opus .qcp .ra .snd .sph .spx
    .tak .thd .tta .voc .w64 .wav .wave .weba .wma .wv
"""
_VIDEO = """
    .3g2 .3gp .3gpp .asf .avi .divx .dv .f4v .flv .m1v .m2t .m2ts .m2v .m4v .mkv .mod .mov .mp4 .mpe .mpeg
    .mpg .mts .mxf .ogm .ogv .ogx .qt .rm .rmvb .tod .tp .trp .ts .vob .webm .wmv .wtv
"""
MEDIA_EXTENSIONS = frozenset((_AUDIO + _VIDEO).split())
"""In lower case, with the dot. What a walk takes; a file that is named may have any."""

Refusal = UnreadableMedia | str
"""Why an entry is not taken: an error that counts as a failure, or a reason that does not."""

_MAGIC = re.compile(r"[*?[]")

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def walk(root: Path, *, recursive: bool) -> Iterator[tuple[Path, Refusal | None]]:
    """Yield the media files under ``root``, each folder's files before its sub-folders, in natural order.

    An entry with a media extension that is not a readable regular file comes with the reason for leaving it
    out, and so does a folder that cannot be listed or that is a link. Hidden entries and other extensions
    do not come at all. ``root`` must be resolved: a linked file is taken only if its target lies inside it.
    """
    yield from _walk(root, root, recursive)


def is_pattern(name: str) -> bool:
    return _MAGIC.search(name) is not None


def expand_pattern(folder: Path, pattern: str, *, recursive: bool) -> tuple[Path, Iterator[Path]]:
    """The folder that the fixed part of a pattern names, and the files that match, in any order.

    As in a shell, ``*`` does not match hidden names. ``**`` stands for any number of folders if ``recursive``, else
    for one; it goes through no link, so it always ends. Folders that cannot be listed match nothing.
    """
    parts = Path(pattern).parts
    fixed = next(number for number, part in enumerate(parts) if is_pattern(part))
    root = folder.joinpath(*parts[:fixed]).resolve()
    return root, _matches(root, parts[fixed:], recursive)


def natural(path: Path) -> list[tuple[int, int | str, str]]:
    """Sort key that puts ``part 2`` before ``part 10``; ties are broken by the exact name, so it is total."""
    pieces = re.split(r"([0-9]+)", str(path))
    return [(0, int(piece), piece) if piece.isdecimal() else (1, piece.casefold(), piece) for piece in pieces if piece]


def _walk(folder: Path, root: Path, recursive: bool) -> Iterator[tuple[Path, Refusal | None]]:
    try:
        entries = _entries(folder)
    except OSError as error:
        yield folder, UnreadableMedia(f"{display(str(folder))} cannot be listed ({error.strerror}).")
        return
    for entry in entries:
        if Path(entry.name).suffix.lower() in MEDIA_EXTENSIONS and not (recursive and _is_folder(entry)):
            yield Path(entry.path), _refusal(entry, root)
    if recursive:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), root, recursive)
            elif entry.is_symlink() and _is_folder(entry):
                inside = Path(entry.path).resolve().is_relative_to(root)
                yield (
                    Path(entry.path),
                    f"a link to a folder {'walked anyway' if inside else 'outside this one'}",
                )


def _refusal(entry: os.DirEntry[str], root: Path) -> Refusal | None:
    path = Path(entry.path)
    try:
        kind = stat.S_IFMT(entry.stat().st_mode)
    except OSError as error:
        return f"a link that leads nowhere ({error.strerror})" if entry.is_symlink() else _unreadable(path)
    if entry.is_symlink() and not path.resolve().is_relative_to(root):
        return "a link to something outside the folder"
    if kind == stat.S_IFDIR:
        return "a folder"
    if kind != stat.S_IFREG:
        return _KINDS.get(kind, "not a regular file")
    return None if os.access(path, os.R_OK) else _unreadable(path)


def _unreadable(path: Path) -> UnreadableMedia:
    return UnreadableMedia(f"{display(str(path))} may not be read; check its permissions.")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    return sorted(visible, key=lambda entry: natural(Path(entry.name)))


def _matches(folder: Path, parts: tuple[str, ...], recursive: bool) -> Iterator[Path]:
    part, *rest = parts
    if part == "**" and recursive:
        yield from _matches(folder, tuple(rest) or ("*",), recursive)
        for entry in _listable(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from _matches(Path(entry.path), parts, recursive)
    elif not is_pattern(part):
        if rest:
            yield from _matches(folder / part, tuple(rest), recursive)
        elif os.path.lexists(folder / part):
            yield folder / part
    else:
        for entry in _listable(folder, hidden=part.startswith(".")):
            if not fnmatchcase(entry.name, part):
                continue
            if not rest:
                if not _is_folder(entry):
                    yield Path(entry.path)
            elif _is_folder(entry):
                yield from _matches(Path(entry.path), tuple(rest), recursive)


def _listable(folder: Path, *, hidden: bool = False) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if hidden or not entry.name.startswith(".")]
    except OSError:
        return []
