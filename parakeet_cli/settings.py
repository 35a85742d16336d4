"""Every knob and its default, grouped by who reads it. Doors fill these; nothing else has defaults."""

import math
from dataclasses import dataclass, field
from enum import StrEnum

DEFAULT_MODEL = "parakeet-tdt-0.6b-v2"

SAMPLE_RATE = 16_000
"""Samples a second of everything past ffmpeg; Parakeet's own rate."""

SHORTEST_AUDIO = 0.08
"""Seconds; one encoder frame. Shorter audio is an error, not an empty transcript."""


class Dtype(StrEnum):
    """Number format of the encoder's weights; AUTO is fp16 on CUDA, bf16 on a CPU that computes it, else fp32.

    INT8 is for CPUs, and changes a word here and there.
    """

    AUTO = "auto"
    FP16 = "fp16"
    BF16 = "bf16"
    FP32 = "fp32"
    INT8 = "int8"


class EngineChoice(StrEnum):
    """What computes the network."""

    AUTO = "auto"
    """Torch where it can and is known to be faster, else NeMo."""
    TORCH = "torch"
    """Our own FastConformer with TDT: loads in a tenth of the time."""
    NEMO = "nemo"
    """NVIDIA's toolkit, the reference: it loads every kind of checkpoint."""


class Vad(StrEnum):
    """What tells speech from other sound."""

    ENERGY = "energy"
    """Whatever rises above the noise."""
    SILERO = "silero"
    """A small network; it knows music and noise from speech, and costs time."""


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
class ActivitySettings:
    """Read by ``transcription.activity`` and ``transcription.silence``. Seconds."""

    vad: Vad = Vad.ENERGY
    skip_silence_seconds: float = 10.0
    """Silence that lasts longer is not sent to the recognizer; infinity sends all."""
    edge_seconds: float = 1.0
    """The same for silence before the first and after the last sound."""
    margin_seconds: float = 0.5
    """What is sent of a silence that is left out, on each side."""
    restart_seconds: float = 10.0
    """After a silence this long the decoder starts afresh; after two seconds that costs errors."""


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """Read by ``transcription.chunking``. Seconds; rounded to encoder frames there."""

    chunk_seconds: float = 30.0
    """What a chunk owns: the part whose frames are decoded."""
    context_seconds: float = 2.0
    """What it hears besides, on each side."""


@dataclass(frozen=True, slots=True)
class CoverageSettings:
    """Read by ``transcription.coverage`` and ``transcription.repair``. Seconds."""

    audit: bool = True
    """Decode speech without words again, and report what stays empty."""
    hole_seconds: float = 1.5
    """Between two words; a shorter hole is not looked into."""
    speech_seconds: float = 0.4
    """Of speech that must lie in a hole."""
    longest_hole_seconds: float = 30.0
    """A longer one is decoded in pieces."""
    spare_seconds: float = 60.0
    largest_share: float = 0.5
    """What is decoded again at most: the first, and this share of the recording besides."""


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """Read by ``output`` and ``batch.review``."""

    least_confidence: float = 0.7
    """A word of lower confidence is marked in JSON and listed for review."""


@dataclass(frozen=True, slots=True)
class SegmentSettings:
    """Read by ``transcription.segmentation``. Seconds."""

    pause_seconds: float = 1.5
    """A silence this long between words ends a segment even without a full stop."""
    longest_seconds: float = 30.0
    """A sentence longer than this is divided at its best inner place."""


@dataclass(frozen=True, slots=True)
class RecognizerSettings:
    """Read by ``transcription.loading``."""

    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    dtype: Dtype = Dtype.AUTO
    trust_model: bool = False
    verbose: bool = False
    allow_legacy: bool = False
    """Accept a checkpoint packed with gzip."""
    engine: EngineChoice = EngineChoice.AUTO
    skip_confidence: float = 0.9
    """How sure a TDT decoder must be that no word begins in the frames that it skips, 0 … 1; 0 skips as predicted."""
    cuda_graphs: bool = False
    """The decoder's steps are recorded and replayed: on a card, by our own engine only."""


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """Read by ``transcription.batching``."""

    batch_size: int | None = None
    """Chunks a batch; None lets the recognizer decide, by its device and the length of a chunk."""
    recordings_at_once: int = 1
    """Recordings that are decoded side by side, and take turns in the batches."""
    patience_seconds: float = math.inf
    """How long a chunk waits for others to fill its batch, when nothing else is ready."""
    decoders: int | None = None
    """Recordings that ffmpeg decodes at one time, so that their sound lies ready; None: one a processor, at most 8."""


@dataclass(frozen=True, slots=True)
class TranscriptionSettings:
    """All that decides what a transcript says. Equal settings, input and checkpoint: equal transcript."""

    decoding: DecodingSettings = field(default_factory=DecodingSettings)
    activity: ActivitySettings = field(default_factory=ActivitySettings)
    chunks: ChunkSettings = field(default_factory=ChunkSettings)
    coverage: CoverageSettings = field(default_factory=CoverageSettings)
    segments: SegmentSettings = field(default_factory=SegmentSettings)
    recognizer: RecognizerSettings = field(default_factory=RecognizerSettings)
    batch: BatchSettings = field(default_factory=BatchSettings)


@dataclass(frozen=True, slots=True)
class LifecycleSettings:
    """Read by ``server.desk``, ``server.lifecycle`` and ``transcription.engine``. Seconds."""

    lazy: bool = True
    """Load the model at the first request, not at the start."""
    idle_seconds: float = 1800.0
    """An engine without work ends after this; 0 at once, infinity never."""
    concurrency: int = 4
    """Recordings in the engine at one time."""
    waiting: int = 16
    """Requests that may wait for one of those places; jobs wait in a longer row."""
    waiting_jobs: int = 1000
    load_seconds: float = 600.0
    """An engine that loads for longer is killed."""
    hang_seconds: float = 120.0
    """A batch that takes longer, and twenty times longer than the longest before, is a hang."""
    heartbeat_seconds: float = 30.0
    """An engine that gives no sign of life for longer is killed."""


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """Read by ``server``: what is let in."""

    max_bytes: int = 1 << 30
    max_seconds: float = 4 * 3600.0
    """Of audio; infinity is no limit."""
    free_bytes: int = 512 << 20
    """That the disk must have left before an upload is read."""
    spool_bytes: int = 8 << 30
    """Of disk that all uploads under way may take together; each is there twice while it is received. One as large as
    ``max_bytes`` has room in any case.
    """
    field_bytes: int = 16 << 20
    """Of a form's field that is no file; some hold recordings of voices in base64."""
    form_bytes: int = 64 << 20
    """Of all such fields of a form, and of a body that is no form: they are held in memory."""
    form_parts: int = 1000


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """Read by ``server.gate``: how long and how slow a client may be, and how many there are. Seconds."""

    header_seconds: float = 10.0
    """From the first byte of a request to the end of its headers."""
    grace_seconds: float = 30.0
    """After this a body must have come at ``bytes_a_second`` on average."""
    bytes_a_second: float = 4096.0
    idle_seconds: int = 60
    """A connection in which nothing moves, in either direction, is closed."""
    linger_seconds: float = 10.0
    """A refused body is read and dropped for this long, so that its sender gets to see the refusal."""
    connections: int = 512
    followers: int = 32
    """Connections that follow a job."""
    spare_threads: int = 8
    """For short requests, besides one for each that is admitted and each that follows."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Read by ``server``."""

    host: str = "127.0.0.1"
    port: int = 5092
    keys: tuple[str, ...] = ()
    """None is no authentication."""
    insecure_no_auth: bool = False
    """A public address without keys is what the user wants."""
    hosts: tuple[str, ...] = ()
    """Names by which the server may be addressed, besides loopback's and the address it is bound to."""
    origins: tuple[str, ...] = ()
    """Web pages of others that may use the API (CORS)."""
    strict_models: bool = False
    """An unknown model name is refused; else the loaded model answers, and a header says so."""
    drain_seconds: float = 30.0
    keep_seconds: float = 24 * 3600.0
    """How long the results of jobs are kept."""
    keep_alive_seconds: float = 10.0
    """A stream says at least so often that it is alive."""
    heartbeat_after_seconds: float = 240.0
    """A JSON answer that is not there by then begins with white space; Node waits five minutes for a first byte."""
    job_bytes: int = 32 << 30
    """Of the recordings of all jobs that are not over."""
    lifecycle: LifecycleSettings = field(default_factory=LifecycleSettings)
    uploads: UploadSettings = field(default_factory=UploadSettings)
    front: FrontSettings = field(default_factory=FrontSettings)


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """Read by ``remote``. Seconds."""

    at_once: int = 6
    """Recordings on their way at one time: a server has four places, and two more may be sent meanwhile."""
    patience_seconds: float = 600.0
    """How long a server that is gone, or has no room, is asked again."""
    longest_pause: float = 15.0
    """Between two of these attempts."""
    connect_seconds: float = 10.0
    silent_seconds: float = 60.0
    """A connection in which nothing moves is given up; who follows a job hears something every ten seconds."""
    answer_seconds: float = 900.0
    """For the answer to a recording: the server copies it once, and looks into it."""
    farewell_seconds: float = 10.0
    """At the end, for jobs that are not wanted any more to be deleted."""
