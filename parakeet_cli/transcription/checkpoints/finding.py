"""A name, an alias or a path becomes a checkpoint on disk: found where it lies, or fetched from the hub."""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import parakeet_cli
from parakeet_cli.errors import ModelCorrupt, ModelNotFound
from parakeet_cli.transcription.checkpoints import downloads, hub
from parakeet_cli.transcription.checkpoints.catalogue import MODELS, Model, known, known_file
from parakeet_cli.transcription.checkpoints.downloads import SILENT, Watcher
from parakeet_cli.transcription.checkpoints.hub import HubFile
from parakeet_cli.user_folders import cache_folder

__all__ = ["Checkpoint", "Places", "find", "identity", "in_store", "locate", "on_disk", "verify"]

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
"""``org/name`` on the hub."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A ``.nemo`` file. ``languages`` are ISO 639-1 codes; empty where nothing is known of the file."""

    name: str
    path: Path
    languages: tuple[str, ...] = ()

    @property
    def language(self) -> str | None:
        """The language it knows if it knows only one."""
        return self.languages[0] if len(self.languages) == 1 else None


_Note = tuple[Path, list[str | int]]
"""Where it lies, and the stamp under which it holds."""


def _models_dir() -> Path | None:
    folder = os.environ.get("PARAKEET_MODELS_DIR")
    return Path(folder) if folder else None


@dataclass(frozen=True, slots=True)
class Places:
    """Where checkpoints are looked for, besides ``./models``, the package and the Hugging Face cache."""

    models_dir: Path | None = field(default_factory=_models_dir)
    """The user's own collection (``PARAKEET_MODELS_DIR``); read, never written."""
    cache_dir: Path = field(default_factory=cache_folder)
    """Ours (``PARAKEET_CACHE_DIR``): ``models/`` for downloads, ``identities/`` for what was hashed."""
    endpoint: str | None = None
    """The hub's; None is huggingface_hub's own, which honours ``HF_ENDPOINT``."""

    @property
    def store(self) -> Path:
        return self.cache_dir / "models"

    @property
    def folders(self) -> tuple[Path, ...]:
        """In the order in which they are searched."""
        return (Path("models").absolute(), *([self.models_dir.absolute()] if self.models_dir else []), self.store)


def find(name_or_path: str | Path, places: Places | None = None, watcher: Watcher = SILENT) -> Checkpoint:
    """The checkpoint of this name, alias, repository or path; downloaded into the store if it lies nowhere.

    One that is on this machine opens no socket. A damaged download is set aside and fetched once more. Raises
    ``ModelNotFound`` within 30 s where there is neither file nor network, and what ``downloads.fetch`` does.
    """
    places = places or Places()
    found = locate(name_or_path, places)
    if found is None:
        return _fetch(str(name_or_path), places, watcher)
    receipt = downloads.read_receipt(found.path) if found.path.is_relative_to(places.store) else None
    if receipt is None or (actual := identity(found.path, places.cache_dir)) == receipt.sha256:
        return found
    wanted = HubFile(found.name, receipt.repository, receipt.filename, receipt.revision, receipt.sha256)
    try:
        damage = _differs(found.path, receipt.size, receipt.sha256, actual)
        if identity(found.path, places.cache_dir) == receipt.sha256:
            return found  # another process has fetched it while this one looked at what was there
        bad = downloads.set_aside(found.path)
    except FileNotFoundError:
        return _download(wanted, found.path.parent, places, watcher)  # another process has set it aside
    except OSError as error:
        raise ModelCorrupt(f"{found.path} is damaged and cannot be replaced ({error.strerror}); remove it.") from error
    try:
        return _download(wanted, found.path.parent, places, watcher)
    except ModelNotFound as error:
        raise ModelCorrupt(f"{damage}, so it was moved to {bad}; {error}") from error


def locate(name_or_path: str | Path, places: Places | None = None) -> Checkpoint | None:
    """As ``find``, but without the hub: None for a name that could be downloaded.

    Raises ``ModelNotFound`` for a path that leads to no checkpoint and for a name that nobody knows.
    """
    places = places or Places()
    text = str(name_or_path)
    if given := _given(text):
        return _checkpoint(given)
    model = known(text)
    for path in _candidates(text, model, places):
        return _checkpoint(path, model.name if model else text)
    if model is None and not REPOSITORY.fullmatch(text):
        names = ", ".join(each.name for each in MODELS)
        raise ModelNotFound(f"No model is called {text!r}: use one of {names}, an org/name or a .nemo file.")
    return None


def in_store(name: str, places: Places) -> Path | None:
    """The file of this name in our own store, whatever lies elsewhere."""
    return _in_folder(places.store, name, known(name))


def on_disk(places: Places | None = None) -> list[Checkpoint]:
    """Every checkpoint in the folders that are searched, in that order, and the shipped ones."""
    folders = (places or Places()).folders
    found = [path for folder in folders for depth in ("*.nemo", "*/*.nemo") for path in sorted(folder.glob(depth))]
    shipped = [path for model in MODELS if (path := _shipped(model))]
    by_place = {path.resolve(): path for path in reversed((*found, *shipped)) if _is(path, Path.is_file)}
    return [_checkpoint(path) for path in reversed(by_place.values())]


def identity(path: Path, cache_dir: Path | None = None) -> str:
    """The sha256 of a file, in hex; hashed once for each size, mtime and inode that the file has had.

    Raises ``ModelCorrupt`` for one that cannot be read.
    """
    try:
        note, stamp = _note(path, cache_dir)
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            noted = json.loads(note.read_text())
            if noted["stamp"] == stamp:
                return str(noted["sha256"])
        return _hashed(path, cache_dir)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error


def verify(checkpoint: Checkpoint, places: Places | None = None) -> tuple[str, str | None]:
    """Hash the file anew; return its sha256, and what that agrees with: the download, the catalogue or None.

    Raises ``ModelCorrupt`` where the sha256 is another than the one recorded at the download or pinned.
    """
    path = checkpoint.path
    try:
        sha256 = _hashed(path, (places or Places()).cache_dir)
    except OSError as error:
        raise _unreadable(path, error) from error
    if receipt := downloads.read_receipt(path):
        size, expected, source = receipt.size, receipt.sha256, "the download"
    elif (model := known_file(path.name)) and model.sha256 and model.size:
        size, expected, source = model.size, model.sha256, "the catalogue"
    else:
        return sha256, None
    if sha256 != expected:
        raise ModelCorrupt(f"{_differs(path, size, expected, sha256)}: remove it and download it again.")
    return sha256, source


def _given(text: str) -> Path | None:
    """The file that ``text`` names as a path, or the only one in that folder; None where it is a name."""
    path = Path(text)
    with contextlib.suppress(RuntimeError):
        path = path.expanduser()
    is_name = known(text) is not None or REPOSITORY.fullmatch(text) is not None
    if _is(path, Path.is_file) and known(text) is None:
        return path.absolute()
    if _is(path, Path.is_dir):
        files = sorted(path.glob("*.nemo"))
        if len(files) == 1:
            return files[0].absolute()
        if not is_name:
            raise ModelNotFound(f"The folder {path} holds {len(files)} .nemo files: name the one to use.")
    elif path.suffix == ".nemo" or (not is_name and os.sep in text):
        raise ModelNotFound(f"There is no model file {path}: check the path, or use a name.")
    return None


def _candidates(text: str, model: Model | None, places: Places) -> Iterator[Path]:
    for folder in places.folders:
        if path := _in_folder(folder, text, model):
            yield path
    if model and (path := _shipped(model)):
        yield path
    repository = model.repository if model else text
    if repository and REPOSITORY.fullmatch(repository):
        filename = model.filename if model else f"{Path(text).name}.nemo"
        if path := hub.from_cache(repository, filename, model.revision if model else None):
            yield path


def _in_folder(folder: Path, text: str, model: Model | None) -> Path | None:
    if model is None and REPOSITORY.fullmatch(text):
        # Another repository's file may have a known name, so each has a folder of its own.
        files = sorted((folder / _folder_name(text)).glob("*.nemo"))
        return files[0] if len(files) == 1 else None
    path = folder / (model.filename if model else f"{Path(text).name}.nemo")
    return path if _is(path, Path.is_file) else None


def _is(path: Path, kind: Callable[[Path], bool]) -> bool:
    """What may not be looked at counts as not there: a folder that others keep to themselves hides no model."""
    try:
        return kind(path)
    except OSError:
        return False


def _folder_name(repository: str) -> str:
    return repository.replace("/", "--")


def _shipped(model: Model) -> Path | None:
    """In the wheel, or beside the package in a checkout; only what has no repository ships."""
    package = Path(parakeet_cli.__file__).parent
    paths = (folder / "models" / model.filename for folder in (package, package.parent))
    return next((path for path in paths if _is(path, Path.is_file)), None) if model.repository is None else None


def _checkpoint(path: Path, name: str | None = None) -> Checkpoint:
    model = known_file(path.name)
    return Checkpoint(name or (model.name if model else path.stem), path, model.languages if model else ())


def _fetch(text: str, places: Places, watcher: Watcher) -> Checkpoint:
    model = known(text)
    if model is None:
        folder = places.store / _folder_name(text)
        wanted = hub.find_file(text, folder, places.endpoint)
    elif model.repository is None:
        raise ModelNotFound(f"{model.name} ships with parakeet but is not here: install parakeet-cli again.")
    else:
        folder = places.store
        # What was verified once is fetched again, not what the branch has become.
        receipt = downloads.read_receipt(folder / model.filename)
        revision = model.revision or (receipt.revision if receipt else "main")
        wanted = HubFile(model.name, model.repository, model.filename, revision, model.sha256)
    return _download(wanted, folder, places, watcher)


def _download(wanted: HubFile, folder: Path, places: Places, watcher: Watcher) -> Checkpoint:
    path = downloads.fetch(wanted, folder, watcher, places.endpoint)
    if receipt := downloads.read_receipt(path):
        _remember(_note(path, places.cache_dir), receipt.sha256)
    return _checkpoint(path, wanted.name)


def _differs(path: Path, size: int, expected: str, actual: str) -> str:
    return (
        f"{path} is damaged or another file: expected {size} bytes with sha256 {expected}, "
        f"found {path.stat().st_size} bytes with sha256 {actual}"
    )


def _unreadable(path: Path, error: OSError) -> ModelCorrupt:
    return ModelCorrupt(f"{path} cannot be read ({error.strerror}); check its permissions and those of its folder.")


def _hashed(path: Path, cache_dir: Path | None) -> str:
    """Noted only where the file is the same afterwards: it takes seconds, in which another may come in its place."""
    before = _note(path, cache_dir)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if _note(path, cache_dir) == before:
        _remember(before, sha256)
    return sha256


def _note(path: Path, cache_dir: Path | None) -> _Note:
    """Where the identity of ``path`` is noted, and the stamp under which the note holds."""
    place, status = str(path.resolve()), path.stat()
    key = hashlib.sha256(os.fsencode(place)).hexdigest()[:32]
    note = (cache_dir or cache_folder()) / "identities" / f"{key}.json"
    return note, [os.fsencode(place).hex(), status.st_size, status.st_mtime_ns, status.st_ino]


def _remember(about: _Note, sha256: str) -> None:
    note, stamp = about
    # A cache that cannot be written costs time, nothing else.
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        fresh = note.with_suffix(f".{os.getpid()}.part")
        fresh.write_text(json.dumps({"stamp": stamp, "sha256": sha256}))
        fresh.replace(note)
