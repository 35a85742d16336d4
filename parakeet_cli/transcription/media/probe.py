"""What a media file holds: its length and its audio tracks, as ffmpeg itself tells in one run, or would of plain WAV.

Not ffprobe: with an allow-list of audio decoders it fails on every file that has a video track, and without
one it opens them all.
"""

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction

from parakeet_cli.display import display
from parakeet_cli.errors import DecodeKilled, DecodeTimeout, InputError, NoAudioStream, NoSuchTrack, NotMedia
from parakeet_cli.settings import DecodingSettings
from parakeet_cli.transcription.media.child_messages import Messages
from parakeet_cli.transcription.media.ffmpeg import find_ffmpeg, input_arguments
from parakeet_cli.transcription.media.ffmpeg_process import FfmpegProcess, Patience
from parakeet_cli.transcription.media.languages import same_language
from parakeet_cli.transcription.media.media_file import MediaFile
from parakeet_cli.transcription.media.plain_wav import find_plain_wav
from parakeet_cli.transcription.media.riff import claimed_seconds

__all__ = ["AudioTrack", "MediaInfo", "Probed", "choose_track", "concerns_audio", "examine", "not_media", "probe"]

_DEFAULTS = DecodingSettings()

_DURATION = re.compile(r"  Duration: (?:(\d+):(\d\d):(\d\d\.\d+)|N/A)(?:, start: (-?[\d.]+))?")
# At these depths there is no metadata, so no title can look like a stream; since 7.1 streams may stand in groups.
_STREAM = re.compile(r"  Stream #0:(\d+)(?:\[0x[0-9a-f]+\])?(?:\(([^)]*)\))?: (\w+): (\w+)")
_CHANNELS = re.compile(r", (\d+) channels(?:,|$)")
"""So they are told where no speaker is known for any of them."""
_TITLE = re.compile(r"      (?:  )?title +: (.*)")
_TIME_BASE = re.compile(rb"#tb (\d+): (\d+)/(\d+)")
_PACKET = re.compile(rb"(\d+), *(?:-?\d+|NOPTS), *(-?\d+),")
_HARMLESS = (
    "not on whitelist '",
    "non monotonically increasing dts",  # said of raw samples, which have no times, after a join of two files
)
_WHERE = re.compile(r"^(?:\[[^]]* @ 0x[0-9a-f]+\] |(?:fd|file):[^:]*: )+")


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One audio stream. ``index`` counts the audio streams from 0, ``stream`` all of the container's."""

    index: int
    stream: int
    language: str | None
    codec: str
    is_default: bool
    title: str | None
    start_offset: float = 0.0
    """Seconds from the container's start to this track's first sound; negative for encoder priming."""
    unplaced_channels: int = 0
    """How many channels there are, if nothing tells which speaker each is for."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """``duration`` in seconds is the container's claim, of its longest stream; None where it makes none."""

    duration: float | None
    tracks: tuple[AudioTrack, ...]
    is_estimate: bool = False
    """ffmpeg computed the duration from the bit rate, which may be far off."""
    has_video: bool = False
    """Attached pictures do not count."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What is in a file, and the ``MediaFile.state`` that it had then."""

    state: str
    info: MediaInfo


def examine(file: MediaFile, known: Probed | None = None) -> Probed:
    """What is ``known``, if it is of this very file in its present state; else what ``probe`` tells, or raises."""
    state = file.state
    return known if known and known.state == state else Probed(state, probe(file))


def probe(file: MediaFile, settings: DecodingSettings = _DEFAULTS) -> MediaInfo:
    """Ask ffmpeg what is in the file, unless that is plain; at least one track, or an error.

    Raises:
        NotMedia: ffmpeg cannot read it, or its format is not one that we let it read.
        NoAudioStream: it has a picture and no sound.
        DecodeKilled: ffmpeg was killed from outside twice; after the first time it was started again.
        DecodeTimeout, FfmpegMissing: as ``FfmpegProcess`` and ``find_ffmpeg``.
    """
    file.interruption.check()
    if wav := find_plain_wav(file):
        return MediaInfo(wav.duration, (AudioTrack(0, 0, None, "pcm_s16le", is_default=False, title=None),))
    try:
        return _ask(file, settings)
    except DecodeKilled:
        return _ask(file, settings)


def choose_track(info: MediaInfo, wanted: int | str | None) -> AudioTrack:
    """The track with the wanted 1-based number or language; for None the default one, else the first.

    Languages match in any of their ISO 639 codes (``de``, ``deu``, ``ger``), with or without a region.

    Raises:
        NoSuchTrack: the message lists the tracks that there are.
    """
    match wanted:
        case None:
            fitting = [track for track in info.tracks if track.is_default] or list(info.tracks)
        case int() as number:
            fitting = [track for track in info.tracks if track.index + 1 == number]
        case str() as language:
            fitting = [track for track in info.tracks if track.language and same_language(track.language, language)]
    if not fitting:
        there = ", ".join(_describe(track) for track in info.tracks)
        raise NoSuchTrack(f"There is no audio track {display(str(wanted))}; there is {there}.")
    return fitting[0]


def concerns_audio(line: str) -> bool:
    """Whether a message tells of damage: not that other streams' decoders are refused, nor of output times."""
    return not any(harmless in line for harmless in _HARMLESS)


def not_media(file: MediaFile, messages: Messages) -> NotMedia:
    said = _WHERE.sub("", messages.tail[-1]) if messages.tail else "no sound found"
    return NotMedia(f"{file.name} is no audio or video that can be read; ffmpeg says: {display(said)}")


def _ask(file: MediaFile, settings: DecodingSettings) -> MediaInfo:
    banner = _Banner()
    messages = Messages(banner.read)
    patience = Patience(settings.no_progress_seconds, settings.kill_grace_seconds)
    try:
        starts = _first_times(file, messages, patience, banner)
    except DecodeTimeout:
        if not banner.is_complete:
            raise
        starts = {}  # a track without packets makes ffmpeg read a large file to its end
    if not banner.tracks:
        raise _no_audio(file, banner, messages)
    tracks = sorted(banner.tracks.values(), key=lambda track: track.stream)
    claimed = claimed_seconds(file)
    return MediaInfo(
        duration=claimed or banner.duration,
        tracks=tuple(
            replace(
                track,
                index=index,
                start_offset=float(starts[index] - banner.start) if index in starts else 0.0,
            )
            for index, track in enumerate(tracks)
        ),
        is_estimate=banner.is_estimate and not claimed,
        has_video=banner.has_video,
    )


@dataclass(slots=True)
class _Banner:
    """What ffmpeg prints about its input, read line by line: metadata may run to megabytes."""

    duration: float | None = None
    start: Fraction = Fraction(0)
    is_estimate: bool = False
    has_video: bool = False
    tracks: dict[int, AudioTrack] = field(default_factory=dict)
    is_complete: bool = False
    _stream: int | None = None
    _in_input: bool = False
    _in_group: bool = False

    def read(self, line: str) -> bool:
        """Returns whether the line may be an error message."""
        if line.startswith("Input #0"):
            self._in_input = True
        elif line.startswith(("Output #0", "Stream mapping:")):
            self.is_complete = True
            self._in_input = False
        elif not self._in_input:
            self.is_estimate |= "Estimating duration from bitrate" in line
            return not line.startswith((" ", "[out#")) and concerns_audio(line)
        elif duration := _DURATION.match(line):
            self._read_duration(duration)
        elif line.startswith("  Stream group #0:"):
            self._in_group = True
        elif stream := _STREAM.match(line.removeprefix("  ") if self._is_grouped(line) else line):
            self._read_stream(stream, line)
        elif (title := _TITLE.match(line)) and self._stream in self.tracks:
            self.tracks[self._stream] = replace(self.tracks[self._stream], title=title[1])
        return False

    def _is_grouped(self, line: str) -> bool:
        self._in_group &= line.startswith("    ")
        return self._in_group

    def _read_duration(self, match: re.Match[str]) -> None:
        if match[1]:
            self.duration = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
        if match[4]:
            self.start = Fraction(match[4])

    def _read_stream(self, match: re.Match[str], line: str) -> None:
        self._stream = number = int(match[1])
        language = None if match[2] in (None, "", "und") else match[2]
        if match[3] == "Audio":
            default = "(default)" in line
            channels = _CHANNELS.search(line)
            track = AudioTrack(0, number, language, match[4], default, None)
            self.tracks.setdefault(number, replace(track, unplaced_channels=int(channels[1]) if channels else 0))
        elif match[3] == "Video" and "(attached pic)" not in line:
            self.has_video = True


def _first_times(file: MediaFile, messages: Messages, patience: Patience, banner: _Banner) -> dict[int, Fraction]:
    """Seconds of the first packet of each audio track, on the container's own clock, by the track's index.

    Without ``-copyts`` ffmpeg moves MPEG-TS so that the first *chosen* stream starts at zero. ``-frames:a
    1`` would end 5.1 after the first packet of any track, so we stop it when each has had one.
    """
    command = [
        *input_arguments(find_ffmpeg(), file.descriptor, "info"),
        *("-copyts", "-map", "0:a?", "-vn", "-sn", "-dn", "-c", "copy"),
        *("-flush_packets", "1", "-f", "framecrc", "pipe:1"),
    ]
    time_bases: dict[int, Fraction] = {}
    times: dict[int, Fraction] = {}
    rest = b""
    with FfmpegProcess(command, file.descriptor, patience, messages, file.interruption) as process:
        for data in process.output():
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if header := _TIME_BASE.match(line):
                    time_bases[int(header[1])] = Fraction(int(header[2]), int(header[3]))
                elif (packet := _PACKET.match(line)) and (index := int(packet[1])) in time_bases:
                    times.setdefault(index, int(packet[2]) * time_bases[index])
            if banner.is_complete and len(times) == len(banner.tracks):
                break
    return times


def _no_audio(file: MediaFile, banner: _Banner, messages: Messages) -> InputError:
    if banner.has_video:
        return NoAudioStream(f"{file.name} has no audio track; there is nothing to transcribe.")
    return not_media(file, messages)


def _describe(track: AudioTrack) -> str:
    return f"{track.index + 1} ({display(track.language or 'language unknown')}, {display(track.codec)})"
