"""The options of the command line, each declared once; commands that share one take it from here.

The name, the variable and the help of an option stand here, its default in the command.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from parakeet_cli.settings import OnCollision as CollisionPolicy

INPUT, OUTPUT, BATCH, TALK = (
    "What to transcribe",
    "Results",
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

Isolate = Annotated[
    bool | None,
    typer.Option(
        "--isolate/--no-isolate",
        envvar="PARAKEET_ISOLATE",
        rich_help_panel=BATCH,
        help="Recognize files in a process of its own, which is started again if it crashes or hangs. "
        "Default: where there is a card.",
        show_default=False,
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
