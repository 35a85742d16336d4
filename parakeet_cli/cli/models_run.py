"""What the sub-commands of ``parakeet models`` do."""

import json
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from parakeet_cli.cli.download_bar import DownloadBar
from parakeet_cli.display import display
from parakeet_cli.errors import ModelNotFound, OutputUnwritable
from parakeet_cli.settings import DEFAULT_MODEL
from parakeet_cli.transcription import checkpoints
from parakeet_cli.transcription.checkpoints import Checkpoint, Places, downloads
from parakeet_cli.transcription.checkpoints.catalogue import MODELS, Model
from parakeet_cli.transcription.checkpoints.conversions import conversions, remove_unfinished
from parakeet_cli.transcription.checkpoints.preflight import inspect

__all__ = ["download", "list_models", "located", "remove", "remove_conversions", "verify"]


def list_models(*, as_json: bool) -> None:
    rows = [*_known_rows()]
    shown = {row["path"] for row in rows}
    rows += [_row(None, found) for found in checkpoints.on_disk() if str(found.path) not in shown]
    if as_json:
        typer.echo(json.dumps({"schema": 1, "models": rows}, indent=2, ensure_ascii=False))
    else:
        Console().print(_table(rows))


def download(name: str) -> Path:
    with DownloadBar(name) as bar:
        return checkpoints.find(name, watcher=bar).path


def located(name: str) -> Checkpoint:
    """Raises ``ModelNotFound`` for one that is not on this machine."""
    found = checkpoints.locate(name)
    if found is None:
        raise ModelNotFound(f"{name} is not on this machine: run `parakeet models download {name}`.")
    return found


def remove(name: str, *, asks: bool) -> None:
    """Raises ``ModelNotFound``, and ``OutputUnwritable`` where a file stays."""
    stored = checkpoints.in_store(name, Places())
    if stored is None:
        raise ModelNotFound(f"{name} is not in {Places().store}: only what lies there can be removed.")
    if asks and not typer.confirm(f"Delete {stored}?", err=True):
        raise typer.Exit(1)
    remove_conversions(stored)
    try:
        for file in (stored, *downloads.leftovers(stored)):
            file.unlink(missing_ok=True)
        if stored.parent != Places().store:
            stored.parent.rmdir()
    except OSError as error:
        raise OutputUnwritable(f"{stored} cannot be removed: {error.strerror}.") from error
    typer.echo(f"Removed {stored}", err=True)


def remove_conversions(checkpoint: Path) -> None:
    """Raises ``OutputUnwritable`` where a file stays."""
    remove_unfinished()
    for file in _conversions(checkpoint):
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise OutputUnwritable(f"{file} cannot be removed: {error.strerror}.") from error
        typer.echo(f"Removed {file}", err=True)


def verify(name: str, *, trust: bool, allow_legacy: bool) -> str:
    """A line that says what was found. Raises ``ModelError``."""
    found = located(name)
    inspect(found.path, trust=trust, allow_legacy=allow_legacy)
    sha256, agrees_with = checkpoints.verify(found)
    note = f"as in {agrees_with}" if agrees_with else "nothing to compare it with"
    return f"OK: {found.path}, sha256 {sha256}, {note}"


def _conversions(checkpoint: Path) -> list[Path]:
    """Hashes the checkpoint only where there are any at all."""
    return conversions(checkpoints.identity(checkpoint)) if conversions() else []


def _known_rows() -> list[dict[str, Any]]:
    return [_row(model, checkpoints.locate(model.name)) for model in MODELS]


def _row(model: Model | None, found: Checkpoint | None) -> dict[str, Any]:
    name = model.name if model else found.name if found else ""
    return {
        "name": name,
        "default": name == DEFAULT_MODEL,
        "aliases": list(model.aliases) if model else [],
        "size": found.path.stat().st_size if found else model and model.size,
        "licence": model.licence if model else None,
        "languages": list(model.languages if model else found.languages if found else ()),
        "repository": model.repository if model else None,
        "path": str(found.path) if found else None,
        "converted": [str(file) for file in _conversions(found.path)] if found else [],
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    for header in ("Name", "Aliases", "Size", "Licence", "Languages", "On disk"):
        table.add_column(header, no_wrap=header not in ("Aliases", "On disk"), overflow="fold")
    for row in rows:
        languages = row["languages"]
        cells = (
            row["name"],
            ", ".join([*row["aliases"], *(["default"] if row["default"] else [])]),
            decimal(row["size"]) if row["size"] else "?",
            row["licence"] or "?",
            ", ".join(languages) if 0 < len(languages) <= 3 else str(len(languages) or "?"),
            "\n".join([row["path"] or "–", *row["converted"]]),
        )
        table.add_row(*(escape(display(cell)) for cell in cells))
    return table
