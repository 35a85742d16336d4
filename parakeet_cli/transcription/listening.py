"""One recording becomes its chunks: opened, decoded, judged, levelled, divided and cut, in a generator."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from parakeet_cli.errors import InputError
from parakeet_cli.settings import DecodingSettings, TranscriptionSettings, Vad
from parakeet_cli.transcript import Partial
from parakeet_cli.transcription.activity import EnergyDetector, SileroDetector
from parakeet_cli.transcription.chunking import Chunk, Samples, split
from parakeet_cli.transcription.events import Failed, Recording, Started
from parakeet_cli.transcription.levelling import level
from parakeet_cli.transcription.media.audio import choose_track, decode, examine, open_media
from parakeet_cli.transcription.media.interruption import Interruption
from parakeet_cli.transcription.stretches import Skipped, divide

__all__ = ["Decoded", "Listened", "Listener", "OnDownload", "Opened", "Silence", "to_chunks"]

OnDownload = Callable[[int, int, int | None], None]
"""Told a recording's number, the bytes received, and of how many."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Comes first. ``offset``: where in the media, in seconds, sample 0 of the chunks lies."""

    recording: int
    started: Started
    offset: float


@dataclass(frozen=True, slots=True)
class Silence:
    """Between two chunks of a recording."""

    recording: int
    skipped: Skipped


@dataclass(frozen=True, slots=True)
class Decoded:
    """Follows the last chunk of a recording."""

    recording: int
    seconds: float
    partial: Partial | None


Listened = Opened | Chunk | Silence | Decoded | Failed


class Listener:
    """Safe to use from several threads: all that is carried along belongs to one recording."""

    def __init__(self, settings: TranscriptionSettings, frame_samples: int, on_download: OnDownload | None) -> None:
        self._settings = settings
        self._frame = frame_samples
        self._on_download = on_download

    def listen(self, recording: Recording, interruption: Interruption) -> Generator[Listened, None, None]:
        """``Opened``, the chunks and what is skipped between them, ``Decoded``; after an ``InputError`` ``Failed``.

        Raises ``Interrupted``, and every ``EngineError`` of the media.
        """
        try:
            with closing(self._listen(recording, interruption)) as items:
                yield from items
        except InputError as error:
            yield Failed(recording.number, error)

    def _listen(self, recording: Recording, interruption: Interruption) -> Generator[Listened, None, None]:
        settings = _decoding_of(recording, self._settings.decoding)
        watcher = partial(self._on_download, recording.number) if self._on_download else None
        with open_media(recording.media, watcher, interruption) as file:
            info = examine(file, recording.probed).info
            track = choose_track(info, settings.track)
            decoding = decode(file, info, track, settings)
            started = Started(recording.number, decoding.expected_seconds, len(info.tracks), track.index + 1)
            yield Opened(recording.number, started, settings.start)
            for item in to_chunks(decoding, recording.number, self._settings, self._frame):
                yield Silence(recording.number, item) if isinstance(item, Skipped) else item
            yield Decoded(recording.number, decoding.seconds, decoding.partial)


def to_chunks(
    blocks: Iterable[Samples], recording: int, settings: TranscriptionSettings, frame_samples: int
) -> Iterator[Chunk | Skipped]:
    """What is decoded becomes the chunks of one recording, and what is skipped between them."""
    heard = level(EnergyDetector().listen(blocks))
    if settings.activity.vad is Vad.SILERO:
        heard = SileroDetector().judge(heard)  # after the levelling: very quiet speech is none to it
    return split(divide(heard, settings.activity, frame_samples), recording, settings.chunks, frame_samples)


def _decoding_of(recording: Recording, settings: DecodingSettings) -> DecodingSettings:
    return replace(
        settings,
        track=settings.track if recording.track is None else recording.track,
        start=settings.start if recording.start is None else recording.start,
        end=settings.end if recording.end is None else recording.end,
    )
