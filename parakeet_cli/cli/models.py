"""``parakeet models``: which checkpoints there are and where; getting, checking and removing them."""

from typing import Annotated

import typer

from parakeet_cli.settings import DEFAULT_MODEL

__all__ = ["app"]

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
    from parakeet_cli.cli import models_run

    models_run.list_models(as_json=as_json)


@app.command()
def download(name: Name = DEFAULT_MODEL) -> None:
    """Download a model into parakeet's own folder, unless it is on this machine already, and print its path.

    [bold]Examples[/bold]

      parakeet models download

      parakeet models download v3

      parakeet models download org/name
    """
    from parakeet_cli.cli import models_run

    typer.echo(models_run.download(name))


@app.command()
def path(name: Name = DEFAULT_MODEL) -> None:
    """Print where a model lies on this machine; never downloads.

    [bold]Example[/bold]

      cp "$(parakeet models path v2)" models/
    """
    from parakeet_cli.cli import models_run

    typer.echo(models_run.located(name).path)


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
    from parakeet_cli.cli import models_run

    if converted:
        models_run.remove_conversions(models_run.located(name).path)
    else:
        models_run.remove(name, asks=not yes)


@app.command()
def verify(
    name: Name = DEFAULT_MODEL,
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
    from parakeet_cli.cli import models_run

    typer.echo(models_run.verify(name, trust=trust_model, allow_legacy=allow_legacy))
