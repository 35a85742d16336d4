"""``parakeet models``: which checkpoints there are and where; getting, checking and removing them."""

import json
import time
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from parakeet_cli.display import display
from parakeet_cli.errors import ModelNotFound, OutputUnwritable
from parakeet_cli.transcription import checkpoints
from parakeet_cli.transcription.checkpoints import Checkpoint, Places, downloads
from parakeet_cli.transcription.checkpoints.catalogue import DEFAULT, MODELS, Model
from parakeet_cli.transcription.checkpoints.conversions import conversions, remove_unfinished

__all__ = ["DownloadBar", "app"]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="List, download, verify and remove checkpoints.\n\n"
    "[bold]Examples[/bold]\n\n"
    "  parakeet models list\n\n"
    "  parakeet models download v3\n\n"
    "  parakeet models verify parakeet-tdt-0.6b-v2\n\n"
    "PARAKEET_MODELS_DIR names a folder of .nemo files to look in, PARAKEET_CACHE_DIR where downloads go.",
)

SECONDS_BETWEEN_LINES = 5.0
"""Of progress, where stderr is no terminal."""

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name, alias, hub org/name or path of a .nemo file.")]


@app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show the models that parakeet knows and every .nemo file that it finds.

    [bold]Examples[/bold]

      parakeet models list

      parakeet models list --json | jq .
    """
    rows = [*_known_rows()]
    shown = {row["path"] for row in rows}
    rows += [_row(None, found) for found in checkpoints.on_disk() if str(found.path) not in shown]
    if as_json:
        typer.echo(json.dumps({"schema": 1, "models": rows}, indent=2, ensure_ascii=False))
    else:
        Console().print(_table(rows))


@app.command()
def download(name: Name = DEFAULT) -> None:
    """Download a model into parakeet's own folder, unless it is on this machine already, and print its path.

    [bold]Examples[/bold]

      parakeet models download

      parakeet models download v3

      parakeet models download org/name
    """
    with DownloadBar(name) as bar:
        found = checkpoints.find(name, watcher=bar)
    typer.echo(found.path)


@app.command()
def path(name: Name = DEFAULT) -> None:
    """Print where a model lies on this machine; never downloads.

    [bold]Example[/bold]

      cp "$(parakeet models path v2)" models/
    """
    typer.echo(_located(name).path)


@app.command()
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    converted: Annotated[
        bool, typer.Option("--converted", help="Only what was converted for quick loading; wherever the model lies.")
    ] = False,
) -> None:
    """Delete a downloaded model from parakeet's own folder, and what it was converted to; files elsewhere stay.

    [bold]Examples[/bold]

      parakeet models remove v3 --yes

      parakeet models remove ./mine.nemo --converted
    """
    if converted:
        _remove_conversions(_located(name).path)
        return
    stored = checkpoints.in_store(name, Places())
    if stored is None:
        raise ModelNotFound(f"{name} is not in {Places().store}: only what lies there can be removed.")
    if not yes and not typer.confirm(f"Delete {stored}?", err=True):
        raise typer.Exit(1)
    _remove_conversions(stored)
    try:
        for file in (stored, *downloads.leftovers(stored)):
            file.unlink(missing_ok=True)
        if stored.parent != Places().store:
            stored.parent.rmdir()
    except OSError as error:
        raise OutputUnwritable(f"{stored} cannot be removed: {error.strerror}.") from error
    typer.echo(f"Removed {stored}", err=True)


@app.command()
def verify(
    name: Name = DEFAULT,
    trust_model: Annotated[
        bool, typer.Option("--trust-model", help="Accept classes that are no recognizer's.")
    ] = False,
    allow_legacy: Annotated[bool, typer.Option("--allow-legacy", help="Accept a .nemo packed with gzip.")] = False,
) -> None:
    """Check that a model is whole, is the one that was downloaded or published, and asks for no foreign code.

    [bold]Examples[/bold]

      parakeet models verify

      parakeet models verify ./mine.nemo
    """
    from parakeet_cli.transcription.checkpoints.preflight import inspect

    found = _located(name)
    inspect(found.path, trust=trust_model, allow_legacy=allow_legacy)
    sha256, agrees_with = checkpoints.verify(found)
    note = f"as in {agrees_with}" if agrees_with else "nothing to compare it with"
    typer.echo(f"OK: {found.path}, sha256 {sha256}, {note}")


def _remove_conversions(checkpoint: Path) -> None:
    remove_unfinished()
    for file in _conversions(checkpoint):
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise OutputUnwritable(f"{file} cannot be removed: {error.strerror}.") from error
        typer.echo(f"Removed {file}", err=True)


def _conversions(checkpoint: Path) -> list[Path]:
    """Hashes the checkpoint only where there are any at all."""
    return conversions(checkpoints.identity(checkpoint)) if conversions() else []


def _located(name: str) -> Checkpoint:
    found = checkpoints.locate(name)
    if found is None:
        raise ModelNotFound(f"{name} is not on this machine: run `parakeet models download {name}`.")
    return found


def _known_rows() -> list[dict[str, Any]]:
    return [_row(model, checkpoints.locate(model.name)) for model in MODELS]


def _row(model: Model | None, found: Checkpoint | None) -> dict[str, Any]:
    name = model.name if model else found.name if found else ""
    return {
        "name": name,
        "default": name == DEFAULT,
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


class DownloadBar:
    """A ``Watcher`` that draws on stderr; where nobody looks, it writes a line every few seconds instead."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._console = Console(stderr=True)
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._task = self._progress.add_task(name, visible=False, total=None)
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def waits(self, path: Path) -> None:
        self._say(f"Another process is downloading {path.name}; waiting for it.")

    def advances(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total, visible=True)
        if not self._console.is_terminal and time.monotonic() - self._told > SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            self._say(f"Downloading {self._name}: {decimal(done)} of {decimal(total)}")

    def _say(self, line: str) -> None:
        self._console.print(display(line), markup=False, highlight=False, soft_wrap=True)
