"""Where the picture of a video ends: tells sound that merely ends early from a file that was cut off."""

import re

from parakeet_cli.errors import InputError
from parakeet_cli.settings import DecodingSettings
from parakeet_cli.transcription.media.child_messages import Messages
from parakeet_cli.transcription.media.ffmpeg import find_ffmpeg, input_arguments
from parakeet_cli.transcription.media.ffmpeg_process import FfmpegProcess, Patience
from parakeet_cli.transcription.media.media_file import MediaFile

__all__ = ["picture_end"]

_TIME = re.compile(rb"^out_time_us=(\d+)\s*$", re.MULTILINE)
_KEPT_BYTES = 4096
"""Of ffmpeg's reports, each a few hundred bytes; the last one counts."""


def picture_end(file: MediaFile, settings: DecodingSettings) -> float | None:
    """Seconds at which the last video packet ends; None where ffmpeg cannot tell.

    Reads the whole file without decoding anything. ffmpeg must know the size of the picture for that: it does for
    H.264, H.265, VP9 and AV1 in MP4 and Matroska, does not for MPEG-4 part 2 in MP4, FLV1, or, in ffmpeg 5.1, H.264
    in MPEG-TS (tried with 5.1.9 and 9.0.2).
    """
    command = [
        *input_arguments(find_ffmpeg(), file.descriptor, "error"),
        *("-map", "0:V:0", "-c", "copy", "-an", "-sn", "-dn", "-f", "null", "-progress", "pipe:1", "-"),
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
