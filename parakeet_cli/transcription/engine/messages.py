"""What a door's process and the engine's say to each other: JSON, each message after its length.

Nothing is unpickled on either side. The engine parses model files, so what comes from it is taken for a stranger's: its
types and sizes are checked, and a message that is none raises ``BadMessage``.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from parakeet_cli.errors import EngineFailed, InputError, ParakeetError
from parakeet_cli.settings import TranscriptionSettings
from parakeet_cli.transcript import Segment, Transcript
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.engine import Ended, Ready, Room, Saved
from parakeet_cli.transcription.engine.values import BadValue, Shape, shape_of
from parakeet_cli.transcription.events import Event, Failed, Finished, Progress, Started
from parakeet_cli.transcription.media.probe import Probed

__all__ = [
    "BadMessage",
    "Beat",
    "Cancel",
    "Flush",
    "Message",
    "Order",
    "Orders",
    "Report",
    "Reports",
    "Setup",
    "Transcribe",
    "Warned",
    "pack",
    "reports_of",
]

_LONGEST = 8 << 20
"""Bytes of one message."""
_LONGEST_TRANSCRIPT = 256 << 20
"""Bytes; some days of talk."""
_SEGMENTS_A_MESSAGE = 50
_WORDS_A_MESSAGE = 1_000
"""A whole transcript in one message would keep every other thread waiting while it is read."""
_MOST_TOKENS = 4_000_000
"""In a savepoint; some days of talk."""
_LONGEST_TOKEN = 200
"""Characters."""
_LONGEST_STATE = 1 << 20
"""Bytes."""
_LONGEST_TEXT = 2_000
"""Characters of an error."""
_LENGTH = struct.Struct(">I")


class BadMessage(ValueError):
    """The other side does not keep to the rules."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The first order."""

    checkpoint: Checkpoint
    settings: TranscriptionSettings


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Without a ``path`` the media is the descriptor that comes along, and ``name`` is what people call it.

    With ``goes_on`` a descriptor follows behind which ``saving`` has put a savepoint.
    """

    number: int
    path: Path | None
    name: str
    track: int | str | None = None
    start: float | None = None
    end: float | None = None
    probed: Probed | None = None
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    number: int


@dataclass(frozen=True, slots=True)
class Flush:
    """As ``Engine.flush``."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life: the seconds that the recognizer's present call takes already, and its longest call so far took.

    ``batches`` is how many it has encoded, ``memory`` the process's resident bytes.
    """

    busy: float
    longest: float
    batches: int
    memory: int


@dataclass(frozen=True, slots=True)
class Warned:
    """What the engine logs, for whoever reads the log of its door."""

    message: str


@dataclass(frozen=True, slots=True)
class _Segments:
    """A part of a transcript; ``Finished`` without segments follows after the last."""

    recording: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class _Fault:
    """``recording`` failed, or where it is None the engine; a fault without a code is an end that was asked for."""

    recording: int | None
    code: str | None
    message: str


Order = Setup | Transcribe | Flush | Cancel
Report = Ready | Event | Room | Saved | Ended | Beat | Warned
_Wire = Ready | Started | Progress | Room | Saved | Finished | Beat | Warned | _Segments | _Fault
Message = Order | _Wire

_ORDERS = {kind.__name__: shape_of(kind, finite=False) for kind in (Setup, Transcribe, Flush, Cancel)}
_REPORTS = {
    kind.__name__: shape_of(kind, finite=True)
    for kind in (Ready, Started, Progress, Room, Saved, Finished, Beat, Warned, _Segments, _Fault)
}
_SHAPES = _ORDERS | _REPORTS


def pack(message: Message) -> bytes:
    """A message as it goes over the wire."""
    name = type(message).__name__
    body = json.dumps([name, _SHAPES[name].write(message)], separators=(",", ":")).encode()
    return _LENGTH.pack(len(body)) + body


def reports_of(report: Report) -> Iterator[bytes]:
    """What tells ``report``, packed: a transcript takes several messages, and so do words that come all at once."""
    match report:
        case Progress(words=words) if len(words) > _WORDS_A_MESSAGE:
            for start in range(0, len(words), _WORDS_A_MESSAGE):
                yield pack(replace(report, words=words[start : start + _WORDS_A_MESSAGE]))
        case Finished(recording=number, transcript=transcript):
            segments = transcript.segments
            for start in range(0, len(segments), _SEGMENTS_A_MESSAGE):
                yield pack(_Segments(number, segments[start : start + _SEGMENTS_A_MESSAGE]))
            yield pack(replace(report, transcript=replace(transcript, segments=())))
        case Failed(recording=number, error=error):
            yield pack(_Fault(number, error.code, str(error)[:_LONGEST_TEXT]))
        case Ended(error=None):
            yield pack(_Fault(None, None, ""))
        case Ended(error=ParakeetError() as error):
            yield pack(_Fault(None, error.code, str(error)[:_LONGEST_TEXT]))
        case Warned(message=message):
            yield pack(Warned(message[:_LONGEST_TEXT]))
        case Ready() | Started() | Progress() | Room() | Saved() | Beat():
            yield pack(report)


class Orders:
    """Bytes from the door's process become orders."""

    def __init__(self) -> None:
        self._frames = _Frames(_ORDERS)

    def feed(self, data: bytes) -> Iterator[Order]:
        for message, _size in self._frames.feed(data):
            assert isinstance(message, Order)
            yield message


class Reports:
    """Bytes from the engine become reports; transcripts are put together again."""

    def __init__(self) -> None:
        self._frames = _Frames(_REPORTS)
        self._parts: dict[int, list[Segment]] = {}
        self._bytes = 0

    def feed(self, data: bytes) -> Iterator[Report]:
        """Raises ``BadMessage``."""
        for message, size in self._frames.feed(data):
            match message:
                case _Segments(recording=number, segments=segments):
                    self._bytes += size
                    if self._bytes > _LONGEST_TRANSCRIPT:
                        raise BadMessage("a transcript is longer than any recording's")
                    self._parts.setdefault(number, []).extend(segments)
                case Finished(recording=number):
                    yield self._whole(message, self._parts.pop(number, []))
                case _Fault():
                    yield _failure(message)
                case Saved():
                    yield _bounded(message)
                case Warned(message=text):
                    yield Warned(text[:_LONGEST_TEXT])
                case _:
                    assert isinstance(message, Report)
                    yield message

    def _whole(self, finished: Finished, segments: Sequence[Segment]) -> Finished:
        if not self._parts:
            self._bytes = 0
        transcript: Transcript = replace(finished.transcript, segments=tuple(segments))
        return replace(finished, transcript=transcript)


class _Frames:
    """Bytes, cut anywhere, become messages of ``shapes``, each with its length in bytes."""

    def __init__(self, shapes: dict[str, Shape]) -> None:
        self._shapes = shapes
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[object, int]]:
        self._rest += data
        while len(self._rest) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._rest)
            if length > _LONGEST:
                raise BadMessage(f"a message of {length} bytes")
            end = _LENGTH.size + length
            if len(self._rest) < end:
                return
            body = bytes(self._rest[_LENGTH.size : end])
            del self._rest[:end]
            yield self._read(body), length

    def _read(self, body: bytes) -> object:
        try:
            name, plain = json.loads(body)
            return self._shapes[name].read(plain)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            reason = error if isinstance(error, BadValue) else type(error).__name__
            raise BadMessage(f"a message that is none ({reason})") from error


def _bounded(saved: Saved) -> Saved:
    point = saved.savepoint
    is_long = any(len(token.text) > _LONGEST_TOKEN for token in point.tokens) or len(point.state) > _LONGEST_STATE
    if is_long or point.kept < 0 or point.kept + len(point.tokens) > _MOST_TOKENS:
        raise BadMessage("a savepoint is larger than any recording's")
    return saved


def _failure(fault: _Fault) -> Failed | Ended:
    if fault.recording is None:
        return Ended(None if fault.code is None else _error(fault))
    error = _error(fault)
    if not isinstance(error, InputError):
        raise BadMessage("a recording failed by what is no error of an input")
    return Failed(fault.recording, error)


def _error(fault: _Fault) -> ParakeetError:
    """Of the class that has this code; ``EngineFailed`` if there is none."""
    return _classes().get(fault.code or "", EngineFailed)(fault.message[:_LONGEST_TEXT])


def _classes() -> dict[str, type[ParakeetError]]:
    found: dict[str, type[ParakeetError]] = {}
    waiting: list[type[ParakeetError]] = [ParakeetError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        waiting += kind.__subclasses__()
    return found
