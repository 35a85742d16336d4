"""``parakeet eval``: its options become one or two sides. The work is in ``eval_run``."""

from typing import Annotated

import typer

from parakeet_cli.cli import options
from parakeet_cli.cli.eval_sides import Side, overridden
from parakeet_cli.cli.model_options import MODEL, Recognition, takes_recognition
from parakeet_cli.evaluation.normalization import Normalizer
from parakeet_cli.settings import DecodingSettings

__all__ = ["evaluate"]

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="Folders or files of media, each with what is said in a .txt beside it, or manifests (.jsonl, .json).",
        show_default=False,
    ),
]

Rules = Annotated[
    Normalizer,
    typer.Option(
        "--normalizer",
        envvar="PARAKEET_NORMALIZER",
        rich_help_panel=options.OUTPUT,
        help="What of a text counts; auto is english where a checkpoint knows only that, else basic.",
    ),
]

Compare = Annotated[
    str | None,
    typer.Option(
        envvar="PARAKEET_COMPARE",
        rich_help_panel=MODEL,
        metavar="SETTINGS",
        help="Options of a second side, as in model=v3 or chunk-seconds=10,dtype=bf16; the others stay.",
    ),
]

JsonReport = Annotated[
    str | None,
    typer.Option(
        "--json",
        envvar="PARAKEET_JSON",
        rich_help_panel=options.OUTPUT,
        metavar="FILE|-",
        help="Write everything as JSON too; - is stdout, in place of the table.",
    ),
]

PerFile = Annotated[
    bool,
    typer.Option(
        "--per-file",
        envvar="PARAKEET_PER_FILE",
        rich_help_panel=options.OUTPUT,
        help="A row for each file, however many there are; up to 20 have one anyway.",
    ),
]


@takes_recognition
def evaluate(
    sources: Sources,
    recursive: options.Recursive = False,
    normalizer: Rules = Normalizer.AUTO,
    json_report: JsonReport = None,
    per_file: PerFile = False,
    *,
    recognition: Recognition,
    compare: Compare = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure a model on recordings of which you know what is said: word errors, word times, gaps, pace.

    [bold]Examples[/bold]

      parakeet eval recordings/                                 # talk.wav with talk.txt beside it, …

      parakeet eval test.jsonl --json report.json               # a manifest as NeMo writes it

      parakeet eval recordings/ -r --compare model=v3           # two models, and whether the difference is chance

      parakeet eval test.jsonl --compare chunk-seconds=10,dtype=bf16
    """
    from parakeet_cli.cli.eval_run import Request, run

    settings = recognition.settings(DecodingSettings(), verbose=verbose)
    first = Side(recognition.model, recognition.model, settings)
    sides = (first,) if compare is None else (first, overridden(first, compare))
    request = Request(tuple(sources), recursive, normalizer, json_report, per_file, quiet)
    raise typer.Exit(run(request, sides))
