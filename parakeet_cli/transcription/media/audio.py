"""Any media → a stream of 16 kHz mono samples, by ffmpeg if need be; and an account of what could not be decoded."""

from collections.abc import Generator, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.errors import AudioTooLong, AudioTooShort, DecodeKilled, NotMedia
from parakeet_cli.settings import SAMPLE_RATE, SHORTEST_AUDIO, DecodingSettings
from parakeet_cli.transcript import Partial
from parakeet_cli.transcription.media.child_messages import Messages
from parakeet_cli.transcription.media.ffmpeg import find_ffmpeg, input_arguments
from parakeet_cli.transcription.media.ffmpeg_process import FfmpegProcess, Patience
from parakeet_cli.transcription.media.media_file import MediaFile, open_media
from parakeet_cli.transcription.media.plain_wav import PlainWav, find_plain_wav
from parakeet_cli.transcription.media.probe import (
    AudioTrack,
    MediaInfo,
    Probed,
    choose_track,
    concerns_audio,
    examine,
    not_media,
    probe,
)
from parakeet_cli.transcription.media.stream_ends import other_sound_end, picture_end

__all__ = [
    "AudioTrack",
    "Decoding",
    "MediaFile",
    "MediaInfo",
    "Probed",
    "choose_track",
    "decode",
    "examine",
    "open_media",
    "probe",
]

_SAMPLE_BYTES = 2
_BYTES_PER_SECOND = SAMPLE_RATE * _SAMPLE_BYTES
_MOST_CHANNELS = 64
"""That ffmpeg can mix; with more it says so itself."""
_SHORTEST_LEAD = 0.05
"""Seconds; a smaller offset is the encoder's own delay."""
_LONGEST_LEAD = 3600.0
"""Seconds; a file must not make us produce days of silence."""
_SLOWEST_DECODING = 20
"""Times real time; ffmpeg was measured at 1,100 and more on one core."""
_TOLERATED_SECONDS = 2.0
_TOLERATED_SHARE = 0.02
"""What a container may claim beyond what comes, as durations are rounded and players pad."""


def decode(file: MediaFile, info: MediaInfo, track: AudioTrack, settings: DecodingSettings) -> "Decoding":
    """Decode one track from ``settings.start`` to ``settings.end``; nothing runs before the iteration."""
    return Decoding(file, info, track, settings)


class Decoding:
    """Blocks of float32 mono samples at 16 kHz, −1…1, a second each but for the last; to be iterated once.

    The first sample lies at ``settings.start`` on the container's clock: a track that starts late is
    preceded by silence. ``seconds`` counts what has been yielded; ``partial`` is set after the last block
    if anything is missing: a decoder complained, or more than 2 s and 2 % of the container's claim did not
    come.

    Iterating raises:
        NotMedia: nothing could be decoded.
        AudioTooShort: under 80 ms, before any block.
        AudioTooLong: in place of the block that would pass ``settings.max_duration``; before any block if the
            container claims over 2 s more than that.
        ChangedMedia: the file changed meanwhile.
        DecodeKilled: ffmpeg was killed from outside twice; after the first time it was started again.
        DecodeTimeout, FfmpegMissing: as ``FfmpegProcess`` and ``find_ffmpeg``.
    """

    def __init__(self, file: MediaFile, info: MediaInfo, track: AudioTrack, settings: DecodingSettings) -> None:
        self.seconds = 0.0
        self.partial: Partial | None = None
        self._file = file
        self._info = info
        self._track = track
        self._settings = settings

    @property
    def expected_seconds(self) -> float | None:
        """What will come if the container tells the truth, or its bit rate is even."""
        if self._info.duration is None:
            return None
        end = self._info.duration if self._settings.end is None else min(self._settings.end, self._info.duration)
        return max(0.0, end - self._settings.start)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        self._check_claim()
        process = None
        wav = find_plain_wav(self._file)
        if wav is None or not (yield from self._read_plain(wav)):
            try:
                process = yield from self._run_ffmpeg()
            except DecodeKilled:
                process = yield from self._run_ffmpeg()
        self._file.check_unchanged()
        if not self.seconds:
            raise self._nothing(process)
        self.partial = self._missing(process)

    def _check_claim(self) -> None:
        limit, claimed = self._settings.max_duration, self.expected_seconds
        if limit is None or claimed is None or self._info.is_estimate or claimed <= limit + _TOLERATED_SECONDS:
            return
        raise AudioTooLong(
            f"{self._file.name} claims {claimed:g} s of sound, the limit is {limit:g} s; raise it or set an end."
        )

    def _read_plain(self, wav: PlainWav) -> Generator[NDArray[np.float32], None, bool]:
        """Whether that worked; else ffmpeg goes on from there, and complains."""
        try:
            for block in _equal_blocks(self._window(wav.read(self._file))):
                self._count(block, None)
                yield _floats(block)
        except OSError:
            return False
        return True

    def _run_ffmpeg(self) -> Generator[NDArray[np.float32], None, FfmpegProcess]:
        """Yield the blocks from where a run that was killed stopped: after a whole second, as only the last is shorter.

        What ffmpeg decodes is the same each time.
        """
        messages = Messages(concerns_audio)
        with FfmpegProcess(
            self._command(), self._file.descriptor, self._patience(), messages, self._file.interruption
        ) as process:
            for block in islice(self._blocks(process), round(self.seconds), None):
                self._count(block, process)
                yield _floats(block)
        return process

    def _blocks(self, process: FfmpegProcess) -> Iterator[bytes]:
        lead = _lead(self._track.start_offset, self._info.duration)
        return _equal_blocks(self._window(_after_silence(lead, process.output())))

    def _command(self) -> list[str]:
        return [
            *input_arguments(find_ffmpeg(), self._file.descriptor, "error"),
            *(
                "-map",
                f"0:{self._track.stream}",
                "-vn",
                "-sn",
                "-dn",
                "-map_metadata",
                "-1",
                "-map_chapters",
                "-1",
            ),
            *_mix(self._track.unplaced_channels),
            *("-ac", "1", "-ar", str(SAMPLE_RATE), "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1"),
        ]

    def _patience(self) -> Patience:
        return Patience(
            no_progress_seconds=self._settings.no_progress_seconds,
            kill_grace_seconds=self._settings.kill_grace_seconds,
            per_byte_seconds=1 / (_SLOWEST_DECODING * _BYTES_PER_SECOND),
            expected_bytes=int((self._info.duration or 0.0) * _BYTES_PER_SECOND),
        )

    def _window(self, output: Iterator[bytes]) -> Iterator[bytes]:
        """The bytes from start to end; counted here, as ffmpeg's seeking is exact in some formats only."""
        start = _bytes(self._settings.start)
        end = None if self._settings.end is None else _bytes(self._settings.end)
        position = 0
        for data in output:
            kept = data[max(0, start - position) : None if end is None else max(0, end - position)]
            position += len(data)
            if kept:
                yield kept
            if end is not None and position >= end:
                return

    def _count(self, block: bytes, process: FfmpegProcess | None) -> None:
        seconds = self.seconds + len(block) / _BYTES_PER_SECOND
        limit = self._settings.max_duration
        if limit is not None and seconds > limit:
            raise AudioTooLong(
                f"{self._file.name} has more sound than the limit of {limit:g} s; raise it or set an end."
            )
        if seconds < SHORTEST_AUDIO:
            if process and _complaints(process):
                raise not_media(self._file, process.messages)
            raise AudioTooShort(f"{self._file.name} has only {seconds * 1000:.0f} ms of sound; 80 ms are needed.")
        self.seconds = seconds

    def _nothing(self, process: FfmpegProcess | None) -> NotMedia | AudioTooShort:
        if process and _complaints(process):
            return not_media(self._file, process.messages)
        after = f" after {self._settings.start:g} s" if self._settings.start else ""
        return AudioTooShort(f"{self._file.name} has no sound{after}; there is nothing to transcribe.")

    def _missing(self, process: FfmpegProcess | None) -> Partial | None:
        expected = None if self._info.is_estimate else self.expected_seconds
        errors = _complaints(process) if process else 0
        if errors or (expected is not None and _falls_short(self.seconds, expected) and not self._another_goes_on()):
            return Partial(self.seconds, expected, errors)
        return None

    def _another_goes_on(self) -> bool:
        """Whether the file is whole although this sound ends early: its duration is that of its longest track."""
        duration = self._info.duration
        if duration is None:
            return False
        ends = []
        if self._info.has_video:
            ends.append(picture_end(self._file, self._settings))
        if len(self._info.tracks) > 1:
            ends.append(other_sound_end(self._file, self._settings, self._track.stream))
        return any(end is not None and not _falls_short(end, duration) for end in ends)


def _falls_short(seconds: float, expected: float) -> bool:
    return seconds < expected - max(_TOLERATED_SECONDS, _TOLERATED_SHARE * expected)


def _complaints(process: FfmpegProcess) -> int:
    """How often ffmpeg complained; a failure without a word counts as one. Being stopped by us is none."""
    return process.messages.count or int(process.exit_code not in (None, 0))


def _floats(block: bytes) -> NDArray[np.float32]:
    return np.frombuffer(block, dtype="<i2").astype(np.float32) / np.float32(32768)


def _mix(unplaced_channels: int) -> tuple[str, ...]:
    """Channels of which nothing tells the place, as those of a mixing desk, count alike."""
    if not 0 < unplaced_channels <= _MOST_CHANNELS:
        return ()
    return ("-af", "pan=mono|c0<" + "+".join(f"c{number}" for number in range(unplaced_channels)))


def _lead(offset: float, duration: float | None) -> int:
    """Bytes of silence before a track that starts late."""
    if offset < _SHORTEST_LEAD:
        return 0
    return _bytes(min(offset, _LONGEST_LEAD if duration is None else duration, _LONGEST_LEAD))


def _bytes(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE) * _SAMPLE_BYTES


def _after_silence(silence: int, output: Iterator[bytes]) -> Iterator[bytes]:
    """Silence comes only if sound follows."""
    for data in output:
        while silence:
            piece = min(silence, _BYTES_PER_SECOND)
            silence -= piece
            yield bytes(piece)
        yield data


def _equal_blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join and cut to blocks of a second; what is left at the end is shorter, and whole samples."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        while len(buffer) >= _BYTES_PER_SECOND:
            yield bytes(buffer[:_BYTES_PER_SECOND])
            del buffer[:_BYTES_PER_SECOND]
    if whole := len(buffer) // _SAMPLE_BYTES * _SAMPLE_BYTES:
        yield bytes(buffer[:whole])
