"""``parakeet eval``: its options become one or two sides. The work is in ``eval_run``."""

from typing import Annotated

import typer

from parakeet_cli.cli import model_options, options
from parakeet_cli.cli.eval_sides import Side, overridden
from parakeet_cli.cli.parsing import chunk_length, parse_batch_size, parse_silence
from parakeet_cli.evaluation.normalization import Normalizer
from parakeet_cli.settings import (
    ActivitySettings,
    BatchSettings,
    ChunkSettings,
    CoverageSettings,
    Dtype,
    RecognizerSettings,
    TranscriptionSettings,
    Vad,
)

__all__ = ["evaluate"]

_CHUNKS = ChunkSettings()
_ACTIVITY = ActivitySettings()

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
        rich_help_panel=model_options.MODEL,
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


def evaluate(
    sources: Sources,
    recursive: options.Recursive = False,
    normalizer: Rules = Normalizer.AUTO,
    json_report: JsonReport = None,
    per_file: PerFile = False,
    model: model_options.Model = "parakeet-tdt-0.6b-v2",
    device: model_options.Device = "auto",
    dtype: model_options.NumberFormat = Dtype.AUTO,
    batch_size: model_options.BatchSize = "auto",
    chunk_seconds: model_options.ChunkSeconds = None,
    chunk_minutes: model_options.ChunkMinutes = None,
    context_seconds: model_options.ContextSeconds = _CHUNKS.context_seconds,
    vad: model_options.VoiceActivity = Vad.ENERGY,
    skip_silence: model_options.SkipSilence = f"{_ACTIVITY.skip_silence_seconds:g}",
    audit: model_options.Audit = True,
    trust_model: model_options.TrustModel = False,
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

    settings = TranscriptionSettings(
        activity=ActivitySettings(vad, parse_silence(skip_silence)),
        coverage=CoverageSettings(audit),
        chunks=ChunkSettings(chunk_length(chunk_seconds, chunk_minutes), context_seconds),
        recognizer=RecognizerSettings(device, dtype, trust_model, verbose),
        batch=BatchSettings(parse_batch_size(batch_size)),
    )
    first = Side(model, model, settings)
    sides = (first,) if compare is None else (first, overridden(first, compare))
    request = Request(tuple(sources), recursive, normalizer, json_report, per_file, quiet)
    raise typer.Exit(run(request, sides))
