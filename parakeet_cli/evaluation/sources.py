"""Where references come from: a text beside each media file, or a manifest with one JSON object a line."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from parakeet_cli.display import display
from parakeet_cli.errors import InputError, InvalidReference, MediaNotFound
from parakeet_cli.evaluation.manifests import read_manifest
from parakeet_cli.evaluation.references import Reference, read_text
from parakeet_cli.transcription.media.inputs import FileMedia, NamedMedia, Skipped, StdinMedia, UrlMedia, find_media

__all__ = ["MANIFEST_EXTENSIONS", "find_references"]

MANIFEST_EXTENSIONS = frozenset({".jsonl", ".json", ".ndjson"})
"""In lower case, with the dot. NeMo's own manifests end in .json."""


def find_references(sources: Sequence[str], *, recursive: bool) -> Iterator[Reference | Skipped]:
    """Yield what the sources hold, in their order: each media file that has a text once, each line of a manifest.

    A source is a manifest by its extension, else whatever ``find_media`` takes as files. Raises nothing: what cannot
    be used comes as a ``Skipped``, media without a text among them.
    """
    seen: set[Path | str] = set()
    for source in sources:
        if Path(source).suffix.lower() in MANIFEST_EXTENSIONS:
            yield from read_manifest(Path(source))
            continue
        for found in find_media([source], recursive=recursive):
            reference = _with_text(found)
            key = reference.media.path if isinstance(reference, Reference) else reference.path
            if key not in seen:
                seen.add(key)
                yield reference


def _with_text(found: NamedMedia | Skipped) -> Reference | Skipped:
    match found:
        case FileMedia(path=path, root=root):
            text = path.with_suffix(".txt")
            if not text.exists():
                return Skipped(str(path), _no_text(text, was_named=root is None))
            try:
                return Reference(found, read_text(text), text)
            except InputError as error:
                return Skipped(str(path), error)
        case UrlMedia(url=url):
            return Skipped(url, InvalidReference("An address has no text beside it; download it, or use a manifest."))
        case StdinMedia():
            return Skipped("stdin", InvalidReference("Standard input has no text beside it; name a file."))
        case Skipped():
            return found


def _no_text(text: Path, *, was_named: bool) -> MediaNotFound | str:
    """In a folder it is a matter of course that some media have none."""
    reason = f"there is no {display(text.name)} beside it"
    return MediaNotFound(f"{reason[0].upper()}{reason[1:]}; write down there what is said.") if was_named else reason
