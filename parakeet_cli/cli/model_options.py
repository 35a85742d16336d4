"""The options that say how sound is recognized; ``options`` has the others.

A command takes all of them as one argument: ``@takes_recognition`` over ``def command(…, recognition: Recognition)``.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Annotated

import typer

from parakeet_cli.cli.parsing import chunk_length, parse_batch_size, parse_silence
from parakeet_cli.settings import (
    DEFAULT_MODEL,
    ActivitySettings,
    BatchSettings,
    ChunkSettings,
    CoverageSettings,
    DecodingSettings,
    Dtype,
    EngineChoice,
    RecognizerSettings,
    TranscriptionSettings,
    Vad,
)

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
        help="Number format of the encoder; auto is fp16 on CUDA, bf16 on a CPU that has it, else fp32. "
        "int8 is faster than fp32 on a CPU, and changes a few words.",
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

SkipConfidence = Annotated[
    float,
    typer.Option(
        envvar="PARAKEET_SKIP_CONFIDENCE",
        rich_help_panel=MODEL,
        min=0,
        max=1,
        help="Skip frames only where the decoder is so sure that no word begins there; 0 skips as the model predicts.",
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


NetworkEngine = Annotated[
    EngineChoice,
    typer.Option(
        "--engine",
        envvar="PARAKEET_ENGINE",
        rich_help_panel=MODEL,
        help="torch loads fast and knows FastConformer with TDT; nemo is NVIDIA's toolkit and knows all.",
    ),
]


CudaGraphs = Annotated[
    bool,
    typer.Option(
        "--cuda-graphs/--no-cuda-graphs",
        envvar="PARAKEET_CUDA_GRAPHS",
        rich_help_panel=MODEL,
        help="On a card: record the steps of the torch engine's decoder and replay them, once a test run agrees.",
    ),
]


@dataclass(frozen=True, slots=True)
class Recognition:
    """What the options were set to."""

    model: Model = DEFAULT_MODEL
    device: Device = "auto"
    dtype: NumberFormat = Dtype.AUTO
    batch_size: BatchSize = "auto"
    chunk_seconds: ChunkSeconds = None
    chunk_minutes: ChunkMinutes = None
    context_seconds: ContextSeconds = ChunkSettings().context_seconds
    vad: VoiceActivity = Vad.ENERGY
    skip_silence: SkipSilence = f"{ActivitySettings().skip_silence_seconds:g}"
    audit: Audit = True
    trust_model: TrustModel = False
    allow_legacy: AllowLegacy = False
    engine: NetworkEngine = EngineChoice.AUTO
    skip_confidence: SkipConfidence = RecognizerSettings().skip_confidence
    cuda_graphs: CudaGraphs = False

    def settings(self, decoding: DecodingSettings, *, verbose: bool) -> TranscriptionSettings:
        """Raises ``typer.BadParameter`` for what cannot be read."""
        return TranscriptionSettings(
            decoding=decoding,
            activity=ActivitySettings(self.vad, parse_silence(self.skip_silence)),
            coverage=CoverageSettings(self.audit),
            chunks=ChunkSettings(chunk_length(self.chunk_seconds, self.chunk_minutes), self.context_seconds),
            recognizer=RecognizerSettings(
                self.device,
                self.dtype,
                self.trust_model,
                verbose,
                self.allow_legacy,
                self.engine,
                self.skip_confidence,
                self.cuda_graphs,
            ),
            batch=BatchSettings(parse_batch_size(self.batch_size)),
        )


def takes_recognition(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above in the place of its argument ``recognition``, as Typer sees it."""
    names = [field.name for field in fields(Recognition)]
    options = [
        inspect.Parameter(
            field.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=field.default, annotation=field.type
        )
        for field in fields(Recognition)
    ]
    signature = inspect.signature(command)
    parameters = list(signature.parameters.values())
    place = list(signature.parameters).index("recognition")

    @wraps(command)
    def with_options(**values: object) -> None:
        chosen = {name: values.pop(name) for name in names}
        command(**values, recognition=Recognition(**chosen))  # type: ignore[arg-type]

    with_options.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters[:place] + options + parameters[place + 1 :]
    )
    with_options.__annotations__ = {
        parameter.name: parameter.annotation
        for parameter in with_options.__signature__.parameters.values()  # type: ignore[attr-defined]
    }
    return with_options
