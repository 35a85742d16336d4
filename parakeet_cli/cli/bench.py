"""``parakeet bench``: its options become what is measured. The work is in ``bench_run``."""

from pathlib import Path
from typing import Annotated

import typer

from parakeet_cli.cli import options
from parakeet_cli.cli.model_options import Recognition, takes_recognition
from parakeet_cli.settings import DecodingSettings

__all__ = ["bench"]

_PANEL = "Measuring"

File = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE",
        help="Media to measure on; by default somebody says “one, two, three” again and again.",
        show_default=False,
    ),
]

Seconds = Annotated[
    float,
    typer.Option(
        envvar="PARAKEET_BENCH_SECONDS",
        rich_help_panel=_PANEL,
        min=1,
        max=600,
        help="Sound to measure on, from the start of FILE.",
    ),
]

Runs = Annotated[
    int,
    typer.Option(
        envvar="PARAKEET_BENCH_RUNS",
        rich_help_panel=_PANEL,
        min=1,
        max=100,
        help="Runs that the median is taken of; one to warm up comes before.",
    ),
]

Json = Annotated[
    bool,
    typer.Option(
        "--json", envvar="PARAKEET_BENCH_JSON", rich_help_panel=options.OUTPUT, help="JSON in place of the table."
    ),
]

Picture = Annotated[
    Path | None,
    typer.Option(
        envvar="PARAKEET_BENCH_PICTURE",
        rich_help_panel=options.OUTPUT,
        metavar="FILE.svg",
        help="Draw the table into a picture too.",
        dir_okay=False,
    ),
]


@takes_recognition
def bench(
    file: File = None,
    seconds: Seconds = 60.0,
    runs: Runs = 3,
    as_json: Json = False,
    picture: Picture = None,
    *,
    recognition: Recognition,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure how fast this machine transcribes, stage by stage: loading, ffmpeg, encoder, decoder, and all of it.

    [bold]Examples[/bold]

      parakeet bench                                   # the default model, on a spoken sample

      parakeet bench talk.mp4 --seconds 300 --runs 5   # on the first five minutes of your own

      parakeet bench -m demo --json | jq .stages.total.rtfx

      parakeet bench --dtype int8 --picture bench.svg
    """
    from parakeet_cli.cli.bench_run import Request, run

    settings = recognition.settings(DecodingSettings(end=seconds), verbose=verbose)
    if picture is not None and picture.suffix.lower() != ".svg":
        raise typer.BadParameter("the picture is an SVG; name it so.", param_hint="--picture")
    raise typer.Exit(run(Request(file, runs, as_json, picture, quiet), recognition.model, settings))
