"""Something to measure on where the user names nothing: a spoken “one, two, three”, again and again."""

import subprocess
from pathlib import Path

from parakeet_cli.errors import FfmpegMissing
from parakeet_cli.transcription.media.ffmpeg import environment, find_ffmpeg

__all__ = ["make_sample"]

_SPOKEN = Path(__file__).with_name("one-two-three.flac")
_FORMS = (("sample.m4a", "aac"), ("sample.wav", "pcm_s16le"))
"""As phones record it, else what every ffmpeg can write."""


def make_sample(folder: Path, seconds: float) -> Path:
    """Write ``seconds`` of it into ``folder``. Raises ``FfmpegMissing`` if there is none that can."""
    ffmpeg = find_ffmpeg().path
    for name, codec in _FORMS:
        made = subprocess.run(
            [
                *(ffmpeg, "-nostdin", "-loglevel", "error", "-stream_loop", "-1", "-i", str(_SPOKEN)),
                *("-t", f"{seconds:g}", "-c:a", codec, "-y", str(folder / name)),
            ],
            env=environment(),
            capture_output=True,
            check=False,
        )
        if made.returncode == 0:
            return folder / name
    raise FfmpegMissing(f"{ffmpeg} cannot write the sample; name a FILE to measure on, or set PARAKEET_FFMPEG.")
