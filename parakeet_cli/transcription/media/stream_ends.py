"""Where other streams of a file end: tells sound that merely ends early from a file that was cut off."""

import re

from parakeet_cli.errors import InputError
from parakeet_cli.settings import DecodingSettings
from parakeet_cli.transcription.media.child_messages import Messages
from parakeet_cli.transcription.media.ffmpeg import find_ffmpeg, input_arguments
from parakeet_cli.transcription.media.ffmpeg_process import FfmpegProcess, Patience
from parakeet_cli.transcription.media.media_file import MediaFile

__all__ = ["other_sound_end", "picture_end"]

_TIME = re.compile(rb"^out_time_us=(\d+)\s*$", re.MULTILINE)
_KEPT_BYTES = 4096
"""Of ffmpeg's reports, each a few hundred bytes; the last one counts."""


def picture_end(file: MediaFile, settings: DecodingSettings) -> float | None:
    """Seconds at which the last video packet ends; None where ffmpeg cannot tell.

    Reads the whole file without decoding anything. ffmpeg must know the size of the picture for that: it does for
    H.264, H.265, VP9 and AV1 in MP4 and Matroska, does not for MPEG-4 part 2 in MP4, FLV1, or, in ffmpeg 5.1, H.264
    in MPEG-TS (tried with 5.1.9 and 9.0.2).
    """
    return _end(file, settings, "-map", "0:V:0", "-an")


def other_sound_end(file: MediaFile, settings: DecodingSettings, stream: int) -> float | None:
    """Seconds at which the last packet of all audio streams but this one ends; None where there is none.

    Reads the whole file without decoding anything.
    """
    return _end(file, settings, "-map", "0:a", "-map", f"-0:{stream}", "-vn")


def _end(file: MediaFile, settings: DecodingSettings, *streams: str) -> float | None:
    command = [
        *input_arguments(find_ffmpeg(), file.descriptor, "error"),
        *(*streams, "-c", "copy", "-sn", "-dn", "-f", "null", "-progress", "pipe:1", "-"),
    ]
    patience = Patience(settings.no_progress_seconds, settings.kill_grace_seconds, total_seconds=600.0)
    reports = b""
    try:
        with FfmpegProcess(command, file.descriptor, patience, Messages(), file.interruption) as process:
            for data in process.output():
                reports = (reports + data)[-_KEPT_BYTES:]
    except InputError:
        return None
    times = _TIME.findall(reports)
    return int(times[-1]) / 1e6 if times else None
