"""The options of the command line, each declared once; commands that share one take it from here.

The name, the variable and the help of an option stand here, its default in the command.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from parakeet_cli.settings import ChunkSettings, Dtype, Vad
from parakeet_cli.settings import OnCollision as CollisionPolicy

INPUT, OUTPUT, MODEL, BATCH, TALK = (
    "What to transcribe",
    "Results",
    "Recognition",
    "Batch manners",
    "Messages",
)


class LogStyle(StrEnum):
    TEXT = "text"
    JSON = "json"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Files, folders, quoted globs, @list.txt (one input a line), http(s) URLs, or - for stdin.",
        show_default=False,
    ),
]

Formats = Annotated[
    str,
    typer.Option(
        "--format",
        "-f",
        envvar="PARAKEET_FORMAT",
        rich_help_panel=OUTPUT,
        metavar="LIST",
        help="srt, vtt, json, txt, tsv: one, several with commas, or all.",
    ),
]

Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        envvar="PARAKEET_OUTPUT",
        rich_help_panel=OUTPUT,
        metavar="DIR|-",
        help="Folder for the results (sub-folders are mirrored), or - for stdout. Default: beside each source.",
    ),
]

Preset = Annotated[
    str,
    typer.Option(
        envvar="PARAKEET_PRESET",
        rich_help_panel=OUTPUT,
        metavar="NAME",
        help="Rules for subtitle cues: default, netflix, bbc or shorts.",
    ),
]

MinConfidence = Annotated[
    float,
    typer.Option(
        envvar="PARAKEET_MIN_CONFIDENCE",
        rich_help_panel=OUTPUT,
        min=0.0,
        max=1.0,
        help="Mark words of lower confidence in JSON, and list them with --review.",
    ),
]

Review = Annotated[
    Path | None,
    typer.Option(
        envvar="PARAKEET_REVIEW",
        rich_help_panel=OUTPUT,
        metavar="FILE",
        dir_okay=False,
        help="List what to listen to again: doubtful words, gaps and damaged media, with times and context (TSV).",
    ),
]

Recursive = Annotated[
    bool,
    typer.Option(
        "--recursive",
        "-r",
        envvar="PARAKEET_RECURSIVE",
        rich_help_panel=INPUT,
        help="Enter sub-folders.",
    ),
]

Track = Annotated[
    str | None,
    typer.Option(
        envvar="PARAKEET_TRACK",
        rich_help_panel=INPUT,
        metavar="N|LANG|all",
        help="Audio track by number from 1, by language, or all. Default: the file's default track.",
    ),
]

Start = Annotated[
    str | None,
    typer.Option(envvar="PARAKEET_START", rich_help_panel=INPUT, metavar="TIME", help="Seconds or hh:mm:ss."),
]

End = Annotated[
    str | None,
    typer.Option(envvar="PARAKEET_END", rich_help_panel=INPUT, metavar="TIME", help="Seconds or hh:mm:ss."),
]

MaxDuration = Annotated[
    str | None,
    typer.Option(
        envvar="PARAKEET_MAX_DURATION",
        rich_help_panel=INPUT,
        metavar="TIME",
        help="Refuse longer audio. Default: no limit.",
    ),
]

RequireAudio = Annotated[
    bool,
    typer.Option(
        "--require-audio",
        envvar="PARAKEET_REQUIRE_AUDIO",
        rich_help_panel=INPUT,
        help="A video without sound is a failure, not a skip.",
    ),
]

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        envvar="PARAKEET_MODEL",
        rich_help_panel=MODEL,
        metavar="NAME|PATH",
        help="A name from `parakeet models list`, a Hugging Face org/name, or a .nemo file.",
    ),
]

Device = Annotated[
    str,
    typer.Option(
        envvar="PARAKEET_DEVICE",
        rich_help_panel=MODEL,
        metavar="DEVICE",
        help="auto, cpu, cuda or cuda:N.",
    ),
]

NumberFormat = Annotated[
    Dtype,
    typer.Option(
        envvar="PARAKEET_DTYPE",
        rich_help_panel=MODEL,
        help="Number format of the encoder; auto is fp16 on CUDA, bf16 on a CPU that has it, else fp32.",
    ),
]

BatchSize = Annotated[
    str,
    typer.Option(
        envvar="PARAKEET_BATCH_SIZE",
        rich_help_panel=MODEL,
        metavar="auto|N",
        help="Chunks encoded together.",
    ),
]

ChunkSeconds = Annotated[
    float | None,
    typer.Option(
        envvar="PARAKEET_CHUNK_SECONDS",
        rich_help_panel=MODEL,
        min=1,
        max=1200,
        help=f"Length of a chunk, without its context. Default: {ChunkSettings().chunk_seconds:g}.",
        show_default=False,
    ),
]

ChunkMinutes = Annotated[float | None, typer.Option(envvar="CHUNK_MINITE", hidden=True, min=0.02, max=20)]

ContextSeconds = Annotated[
    float,
    typer.Option(
        envvar="PARAKEET_CONTEXT_SECONDS",
        rich_help_panel=MODEL,
        min=0,
        max=60,
        help="Sound that a chunk hears before and after its own part.",
    ),
]

VoiceActivity = Annotated[
    Vad,
    typer.Option(
        "--vad",
        envvar="PARAKEET_VAD",
        rich_help_panel=MODEL,
        help="What tells where somebody speaks: energy costs nothing, silero knows music and noise from speech.",
    ),
]

SkipSilence = Annotated[
    str,
    typer.Option(
        envvar="PARAKEET_SKIP_SILENCE",
        rich_help_panel=MODEL,
        metavar="SECONDS|never",
        help="Do not send silence that lasts longer to the model.",
    ),
]

Audit = Annotated[
    bool,
    typer.Option(
        "--audit/--no-audit",
        envvar="PARAKEET_AUDIT",
        rich_help_panel=MODEL,
        help="Decode speech that got no words again, and report what stays empty.",
    ),
]

TrustModel = Annotated[
    bool,
    typer.Option(
        "--trust-model",
        envvar="PARAKEET_TRUST_MODEL",
        rich_help_panel=MODEL,
        help="Load a .nemo although it names classes outside NeMo.",
    ),
]

AllowLegacy = Annotated[
    bool,
    typer.Option(
        "--allow-legacy",
        envvar="PARAKEET_ALLOW_LEGACY",
        rich_help_panel=MODEL,
        help="Load a .nemo packed with gzip, as old versions of NeMo made them.",
    ),
]

Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        envvar="PARAKEET_OVERWRITE",
        rich_help_panel=BATCH,
        help="Do everything again and replace what is there.",
    ),
]

OnCollision = Annotated[
    CollisionPolicy,
    typer.Option(
        envvar="PARAKEET_ON_COLLISION",
        rich_help_panel=BATCH,
        help="When two inputs would write one file: keep both under longer names, refuse both, or take the first.",
    ),
]

Shared = Annotated[
    bool,
    typer.Option(
        "--shared",
        envvar="PARAKEET_SHARED",
        rich_help_panel=BATCH,
        help="Share the batch with other runs: leave out what another run is writing.",
    ),
]

Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        envvar="PARAKEET_STRICT",
        rich_help_panel=BATCH,
        help="Gaps, and media that could be decoded only in part, end the run with exit code 3.",
    ),
]

MaxFailures = Annotated[
    int | None,
    typer.Option(
        envvar="PARAKEET_MAX_FAILURES",
        rich_help_panel=BATCH,
        min=1,
        metavar="N",
        help="Stop after N failed files; 1 stops at the first.",
    ),
]

Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", envvar="PARAKEET_QUIET", rich_help_panel=TALK, help="Say only what went wrong."),
]

Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        envvar="PARAKEET_VERBOSE",
        rich_help_panel=TALK,
        help="Let NeMo and torch talk.",
    ),
]

LogFormat = Annotated[
    LogStyle,
    typer.Option(
        envvar="PARAKEET_LOG_FORMAT",
        rich_help_panel=TALK,
        help="text, or json: one event a line on stderr.",
    ),
]
