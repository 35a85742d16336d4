"""Every knob and its default, grouped by who reads it. Doors fill these; nothing else has defaults."""

from dataclasses import dataclass, field
from enum import StrEnum

SAMPLE_RATE = 16_000
"""Samples a second of everything past ffmpeg; Parakeet's own rate."""

SHORTEST_AUDIO = 0.08
"""Seconds; one encoder frame. Shorter audio is an error, not an empty transcript."""


class Dtype(StrEnum):
    """Number format of the encoder's weights; AUTO is fp16 on CUDA, bf16 on a CPU that computes it, else fp32."""

    AUTO = "auto"
    FP16 = "fp16"
    BF16 = "bf16"
    FP32 = "fp32"


class OnCollision(StrEnum):
    """What happens when two inputs of a batch would write the same output."""

    SUFFIX = "suffix"
    """Both are kept, under longer names."""
    ERROR = "error"
    """Neither is transcribed."""
    FIRST = "first"
    """Only the first is transcribed."""


@dataclass(frozen=True, slots=True)
class DecodingSettings:
    """Read by ``transcription.media.audio``. Times in seconds."""

    track: int | str | None = None
    """1-based audio track, or a language tag such as ``eng``; None takes the default one."""
    start: float = 0.0
    end: float | None = None
    max_duration: float | None = None
    no_progress_seconds: float = 30.0
    """ffmpeg is killed when we have waited this long for its next byte."""
    kill_grace_seconds: float = 2.0
    """Between SIGTERM and SIGKILL."""


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """Read by ``transcription.chunking``. Seconds; rounded to encoder frames there."""

    chunk_seconds: float = 30.0
    """What a chunk owns: the part whose frames are decoded."""
    context_seconds: float = 3.0
    """What it hears besides, on each side."""


@dataclass(frozen=True, slots=True)
class SegmentSettings:
    """Read by ``transcription.segmentation``. Seconds."""

    pause_seconds: float = 1.5
    """A silence this long between words ends a segment even without a full stop."""
    longest_seconds: float = 30.0
    """A sentence longer than this is divided at its best inner place."""


@dataclass(frozen=True, slots=True)
class RecognizerSettings:
    """Read by ``transcription.nemo``."""

    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    dtype: Dtype = Dtype.AUTO
    trust_model: bool = False
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """Read by ``transcription.batching``."""

    batch_size: int | None = None
    """Chunks a batch; None lets the recognizer decide, by its device and the length of a chunk."""


@dataclass(frozen=True, slots=True)
class TranscriptionSettings:
    """All that decides what a transcript says. Equal settings, input and checkpoint: equal transcript."""

    decoding: DecodingSettings = field(default_factory=DecodingSettings)
    chunks: ChunkSettings = field(default_factory=ChunkSettings)
    segments: SegmentSettings = field(default_factory=SegmentSettings)
    recognizer: RecognizerSettings = field(default_factory=RecognizerSettings)
    batch: BatchSettings = field(default_factory=BatchSettings)
