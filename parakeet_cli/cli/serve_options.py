"""The options of ``parakeet serve`` that are about the server; ``model_options`` has those of the model."""

from pathlib import Path
from typing import Annotated

import typer

LISTEN, ACCESS, LIMITS, LIFE = "Where it listens", "Who may use it", "How much it takes", "The engine, and the end"
"""The panels of the help."""

Host = Annotated[
    str,
    typer.Option(
        envvar="PARAKEET_HOST",
        rich_help_panel=LISTEN,
        metavar="ADDRESS",
        help="Address to listen at; 0.0.0.0 is every one of this machine, which needs a key.",
    ),
]

Port = Annotated[
    int,
    typer.Option(
        envvar="PARAKEET_PORT", rich_help_panel=LISTEN, min=0, max=65535, help="0 takes a free one, and says which."
    ),
]

AllowHost = Annotated[
    list[str],
    typer.Option(
        "--allow-host",
        envvar="PARAKEET_ALLOW_HOST",
        rich_help_panel=LISTEN,
        metavar="NAME",
        help="A name by which clients call this server, besides localhost and the address; may be repeated.",
        show_default=False,
    ),
]

ApiKey = Annotated[
    list[str],
    typer.Option(
        "--api-key",
        envvar=["PARAKEET_API_KEY", "API_KEY"],
        rich_help_panel=ACCESS,
        metavar="KEY",
        help="A key that opens the API; may be repeated. Others see it in the list of processes: better the variable, "
        "or a file.",
        show_default=False,
        show_envvar=True,
    ),
]

ApiKeysFile = Annotated[
    Path | None,
    typer.Option(
        "--api-keys-file",
        envvar="PARAKEET_API_KEYS_FILE",
        rich_help_panel=ACCESS,
        metavar="FILE",
        dir_okay=False,
        help="More keys, one a line; # begins a comment.",
    ),
]

InsecureNoAuth = Annotated[
    bool,
    typer.Option(
        "--insecure-no-auth",
        envvar="PARAKEET_INSECURE_NO_AUTH",
        rich_help_panel=ACCESS,
        help="Listen at a public address without a key: anybody who reaches it may use it.",
    ),
]

CorsOrigin = Annotated[
    list[str],
    typer.Option(
        "--cors-origin",
        envvar="PARAKEET_CORS_ORIGIN",
        rich_help_panel=ACCESS,
        metavar="ORIGIN",
        help="A web page of another site that may use the API, as in https://app.example; may be repeated.",
        show_default=False,
    ),
]

StrictModels = Annotated[
    bool,
    typer.Option(
        "--strict-models",
        envvar="PARAKEET_STRICT_MODELS",
        rich_help_panel=ACCESS,
        help="Refuse unknown model names, which the loaded model answers otherwise.",
    ),
]

MaxUpload = Annotated[
    str,
    typer.Option(
        "--max-upload", envvar="PARAKEET_MAX_UPLOAD", rich_help_panel=LIMITS, metavar="SIZE", help="Of a file."
    ),
]

MaxDuration = Annotated[
    str,
    typer.Option(
        "--max-duration",
        envvar="PARAKEET_MAX_DURATION",
        rich_help_panel=LIMITS,
        metavar="TIME|none",
        help="Of a recording, in seconds or hh:mm:ss.",
    ),
]

Concurrency = Annotated[
    int,
    typer.Option(
        envvar="PARAKEET_CONCURRENCY",
        rich_help_panel=LIMITS,
        min=1,
        max=64,
        help="Recordings in the engine at one time; their chunks share its batches.",
    ),
]

Queue = Annotated[
    int,
    typer.Option(
        envvar="PARAKEET_QUEUE",
        rich_help_panel=LIMITS,
        min=0,
        max=512,
        help="Requests that may wait for a place; more are told to come back later.",
    ),
]

IdleTimeout = Annotated[
    str | None,
    typer.Option(
        "--idle-timeout",
        envvar="PARAKEET_IDLE_TIMEOUT",
        rich_help_panel=LIFE,
        metavar="SECONDS|never",
        help="Give all memory of the model back after so long without work. Default: 1800.",
        show_default=False,
    ),
]

IdleMinutes = Annotated[float | None, typer.Option(envvar="IDLE_TIMEOUT_MINUTES", hidden=True, min=0)]

Lazy = Annotated[
    bool,
    typer.Option(
        "--lazy/--eager",
        envvar=["PARAKEET_LAZY", "ENABLE_LAZY_LOAD"],
        rich_help_panel=LIFE,
        help="Load the model at the first request, or at the start.",
    ),
]

InstallService = Annotated[
    bool,
    typer.Option(
        "--install-service",
        rich_help_panel=LIFE,
        help="Write a systemd unit that serves with these options, or print it if stdout is no terminal, and end.",
    ),
]

Drain = Annotated[
    float,
    typer.Option(
        envvar="PARAKEET_DRAIN",
        rich_help_panel=LIFE,
        min=0,
        metavar="SECONDS",
        help="After Ctrl-C or SIGTERM, finish what somebody waits for, for so long at most.",
    ),
]

Keep = Annotated[
    str,
    typer.Option(
        envvar="PARAKEET_KEEP", rich_help_panel=LIFE, metavar="TIME", help="How long results of jobs can be fetched."
    ),
]
