"""Finds ffmpeg and builds its command lines for media that nobody vouches for.

The measured reasons for every option: FFmpeg's playlists (HLS, DASH, concat) read other files unless
formats are allow-listed, its video decoders are the usual way in (CVE-2026-8461), and a file decides how
long it works.
"""

import errno
import os
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from parakeet_cli.display import display
from parakeet_cli.errors import DecodeKilled, FfmpegMissing
from parakeet_cli.user_folders import temporary_folder

__all__ = ["EXHAUSTED", "EmptyFolder", "Ffmpeg", "environment", "find_ffmpeg", "input_arguments"]

EXHAUSTED = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
"""What keeps one ffmpeg from starting and passes; the program itself is there."""

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mp3,wav,w64,flac,ogg,aac,loas,mpegts,mpeg,avi,flv,asf,wtv,aiff,caf,amr,"
    "ac3,eac3,dts,dtshd,truehd,au,voc,nistsphere,ape,wv,tta,tak,mpc,mpc8,dsf,iff,dss,dv,mxf,rm,qcp"
)
"""Demuxers that read one file and nothing else; no playlist, no manifest, no image, no network."""

DECODERS = (
    "aac,aac_latm,ac3,eac3,alac,als,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,ape,dca,truehd,mlp,flac,"
    "mp1,mp1float,mp2,mp2float,mp3,mp3float,mp3adu,mp3adufloat,mp3on4,mp3on4float,mpc7,mpc8,opus,libopus,vorbis,"
    "libvorbis,speex,libspeex,wavpack,tta,tak,wmav1,wmav2,wmapro,wmavoice,wmalossless,cook,sipr,real_144,real_288,"
    "atrac3,atrac3plus,nellymoser,qdm2,qdmc,mace3,mace6,qcelp,evrc,gsm,gsm_ms,libgsm,libgsm_ms,ilbc,truespeech,"
    "g723_1,g729,adpcm_g722,g722,adpcm_g726,g726,g726le,adpcm_g726le,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,"
    "adpcm_swf,adpcm_yamaha,adpcm_ct,dss_sp,dvaudio,s302m,shorten,dsd_lsbf,dsd_msbf,dsd_lsbf_planar,"
    "dsd_msbf_planar,dst,8svx_exp,8svx_fib,pcm_alaw,pcm_mulaw,pcm_bluray,pcm_dvd,pcm_lxf,pcm_s8,pcm_s8_planar,"
    "pcm_u8,pcm_s16be,pcm_s16be_planar,pcm_s16le,pcm_s16le_planar,pcm_s24be,pcm_s24le,pcm_s24le_planar,pcm_s32be,"
    "pcm_s32le,pcm_s32le_planar,pcm_s64be,pcm_s64le,pcm_u16be,pcm_u16le,pcm_u24be,pcm_u24le,pcm_u32be,pcm_u32le,"
    "pcm_f16le,pcm_f24le,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le"
)
"""Audio only: probing opens the decoder of every stream, also of the video that nobody asked for."""

_PROBE_LIMIT = "10000000"
"""Bytes, and microseconds, that ffmpeg may read to find out what the streams are."""
_MAX_ALLOCATION = str(256 << 20)
_MOST_GUESSED = "2"
"""Channels. Six of a mixing desk are no 5.1, whose fourth is for bass alone and never mixed into one."""
_OLDEST = 4
"""Major version; older ones lack options used here, and fixes."""

_HINT = "install it (for example “apt install ffmpeg”) or set PARAKEET_FFMPEG to its path"


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """An ffmpeg that runs here. ``has_fd``: it reads open descriptors by itself, as 5.1 does not yet."""

    path: str
    version: str
    has_fd: bool


def find_ffmpeg() -> Ffmpeg:
    """The ffmpeg that ``PARAKEET_FFMPEG`` names, else the one on the PATH, else imageio-ffmpeg's.

    Raises:
        FfmpegMissing: there is none, or the one that was named does not run or is older than version 4.
    """
    named = os.environ.get("PARAKEET_FFMPEG")
    return _ask(_absolute(named) if named else _absolute(shutil.which("ffmpeg") or _bundled()))


def input_arguments(ffmpeg: Ffmpeg, descriptor: int, log_level: str) -> list[str]:
    """The command up to and including the input: the media behind ``descriptor``, wherever it came from.

    No path reaches ffmpeg, so no name can be an option or a protocol, and an unnamed file has no neighbours.
    """
    return [
        *(ffmpeg.path, "-nostdin", "-hide_banner", "-nostats", "-loglevel", f"repeat+{log_level}"),
        *("-threads", "1", "-max_alloc", _MAX_ALLOCATION),
        *("-probesize", _PROBE_LIMIT, "-analyzeduration", _PROBE_LIMIT),
        *("-guess_layout_max", _MOST_GUESSED),
        *("-format_whitelist", FORMATS, "-codec_whitelist", DECODERS),
        *_input(ffmpeg, descriptor),
    ]


class EmptyFolder:
    """A new empty folder for a child to stand in; the root where none can be made, as on a full disk.

    ffmpeg opens nothing by a name and may write nothing, so that any folder does.
    """

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        with suppress(OSError):
            self._folder = temporary_folder()
        self.name = self._folder.name if self._folder else "/"

    def cleanup(self) -> None:
        if self._folder:
            self._folder.cleanup()


def environment() -> dict[str, str]:
    """What a child gets of ours: no keys, no proxies, no FFREPORT, and messages in English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


@cache
def _ask(path: str) -> Ffmpeg:
    """One run tells the version (in the banner) and the protocols."""
    folder = EmptyFolder()
    try:
        answer = subprocess.run(
            [path, "-protocols"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
            cwd=folder.name,
            env=environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        if isinstance(error, OSError) and error.errno in EXHAUSTED:
            raise DecodeKilled(f"ffmpeg cannot be started at present ({error.strerror}); try again later.") from error
        reason = error.strerror if isinstance(error, OSError) else "no answer for 30 s"
        raise FfmpegMissing(f"{display(path)} cannot be run ({reason}); {_HINT}.") from error
    finally:
        folder.cleanup()
    if answer.returncode == -signal.SIGKILL:
        raise DecodeKilled("ffmpeg was killed from outside as it was asked what it can do; try again.")
    version = re.search(rb"^ffmpeg version (\S+)", answer.stderr, re.MULTILINE)
    if version is None or answer.returncode != 0:
        raise FfmpegMissing(f"{display(path)} does not answer as ffmpeg does; {_HINT}.")
    name = version[1].decode(errors="replace")
    if (number := re.match(r"n?(\d{1,3})\.", name)) and int(number[1]) < _OLDEST:
        raise FfmpegMissing(f"{display(path)} is too old (version {display(name)}); {_HINT}.")
    inputs = answer.stdout.partition(b"Output:")[0]
    return Ffmpeg(path, name, has_fd=b"fd" in inputs.split())


def _absolute(name: str) -> str:
    """Children run in another folder."""
    return str(Path(shutil.which(name) or name).absolute())


def _bundled() -> str:
    import imageio_ffmpeg  # noqa: PLC0415 # where it is not needed it only costs time

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise FfmpegMissing(f"ffmpeg, which reads all media, is missing; {_HINT}.") from error


def _input(ffmpeg: Ffmpeg, descriptor: int) -> tuple[str, ...]:
    if ffmpeg.has_fd:
        return ("-protocol_whitelist", "fd", "-fd", str(descriptor), "-i", "fd:")
    folder = "/proc/self/fd" if Path("/proc/self/fd").is_dir() else "/dev/fd"
    return ("-protocol_whitelist", "file", "-i", f"file:{folder}/{descriptor}")
