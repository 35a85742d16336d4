"""The options that say how sound is recognized; ``options`` has the others."""

from typing import Annotated

import typer

from parakeet_cli.settings import ChunkSettings, Dtype, Vad

MODEL = "Recognition"
"""The panel of the help that they stand in."""

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
        help="What tells where somebody speaks: energy, or silero, which knows music from speech and costs time.",
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
