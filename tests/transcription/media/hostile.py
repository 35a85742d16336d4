"""Makes media that lie, lead elsewhere, never end or are damaged; all of it while the tests run, with ffmpeg."""

import ctypes
import os
import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Self

CANARY_HERTZ = 1_234
"""The sound of the files that no other file may lead to."""
QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y")


class Maker:
    """Makes media in one folder with one ffmpeg, which need not be the one that is tested."""

    def __init__(self, ffmpeg: str, folder: Path) -> None:
        self.ffmpeg = ffmpeg
        self.folder = folder

    def __call__(self, name: str, *arguments: str | Path) -> Path:
        """Run ffmpeg for ``name`` unless it is there already; inputs are made with ``sine`` and ``picture``."""
        path = self.folder / name
        if not path.exists():
            command = [self.ffmpeg, *QUIET, *(str(argument) for argument in arguments), str(path)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        return path

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


class Openings:
    """A context in which ``names`` tells which files of a folder any process has opened since; Linux only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        system = ctypes.CDLL(None, use_errno=True)
        self._descriptor = system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert system.inotify_add_watch(self._descriptor, os.fsencode(self._folder), 0x20) > 0  # IN_OPEN
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def names(self) -> set[str]:
        found = set()
        try:
            while events := os.read(self._descriptor, 1 << 16):
                while events:
                    end = 16 + int.from_bytes(events[12:16], sys.byteorder)
                    found.add(os.fsdecode(events[16:end].rstrip(b"\0")))
                    events = events[end:]
        except BlockingIOError:
            pass
        return found


def sine(seconds: float, rate: int = 16_000, frequency: int = 440) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"sine=frequency={frequency}:duration={seconds}:sample_rate={rate}")


def picture(seconds: float) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc=duration={seconds}:size=64x64:rate=10")


def wav(
    data: bytes,
    *,
    rate: int = 16_000,
    channels: int = 1,
    bits: int = 16,
    kind: int = 1,
    claimed_bytes: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A RIFF file whose header says what it is told to say, true or not. ``kind`` 3 is float.

    ``before`` and ``after`` are chunks around that of the data.
    """
    width = channels * bits // 8
    form = struct.pack("<HHIIHH", kind, channels & 0xFFFF, rate, (rate * width) & 0xFFFFFFFF, width & 0xFFFF, bits)
    size = len(data) if claimed_bytes is None else claimed_bytes
    body = b"WAVE" + chunk(b"fmt ", form) + before + b"data" + struct.pack("<I", size) + data + after
    return b"RIFF" + struct.pack("<I", min(len(body), 0xFFFFFFFF)) + body


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def flipped(content: bytes, count: int = 200, seed: int = 1, within: tuple[float, float] = (0.1, 0.9)) -> bytes:
    """``count`` bytes changed between two places, given as shares of the whole."""
    damaged = bytearray(content)
    chance = random.Random(seed)
    first, last = (round(share * len(damaged)) for share in within)
    for _ in range(count):
        damaged[chance.randrange(first, last)] ^= chance.randrange(1, 256)
    return bytes(damaged)


def nested_readers(make: Maker, port: int) -> dict[str, Path]:
    """Text files that make a plain ffmpeg read the canary beside them, or connect to ``port`` of this machine."""
    sound = sine(3, frequency=CANARY_HERTZ)
    canaries = {ending: make(f"canary.{ending}", *sound) for ending in ("wav", "mp3", "aac", "ts", "m4a", "mp4")}
    here = make.folder
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n"
    playlists = {
        f"hls_{ending}.m3u8": f"{hls}#EXTINF:3,\nfile://{path}\n#EXT-X-ENDLIST\n" for ending, path in canaries.items()
    }
    mp4 = canaries["mp4"]
    representation = f'<Representation id="1" bandwidth="1"><BaseURL>file://{mp4}</BaseURL></Representation>'
    texts = playlists | {
        "hls_disguised.mp4": f"{hls}#EXTINF:3,\nfile://{canaries['mp3']}\n#EXT-X-ENDLIST\n",
        "hls_fragmented.m3u8": f'#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n#EXT-X-MAP:URI="file://{mp4}"\n'
        f"#EXTINF:3,\nfile://{mp4}\n#EXT-X-ENDLIST\n",
        "hls_live.m3u8": f"{hls}#EXTINF:3,\nfile://{canaries['aac']}\n",
        "hls_http.m3u8": f"{hls}#EXTINF:3,\nhttp://127.0.0.1:{port}/s.ts\n#EXT-X-ENDLIST\n",
        "concat.mp4": "ffconcat version 1.0\nfile 'canary.wav'\n",
        "concat_absolute.mp4": f"ffconcat version 1.0\nfile '{here}/canary.wav'\n",
        "concat_http.mp4": f"ffconcat version 1.0\nfile 'http://127.0.0.1:{port}/x.wav'\n",
        "concat_itself.mp4": "ffconcat version 1.0\nfile 'concat_itself.mp4'\n",
        "dash.mp4": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT3S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
        f'<AdaptationSet mimeType="audio/mp4">{representation}</AdaptationSet></Period></MPD>',
        "session.mp4": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
        "stream.asx": f'<asx version="3.0"><entry><ref href="http://127.0.0.1:{port}/x"/></entry></asx>',
        "list.pls": f"[playlist]\nFile1=http://127.0.0.1:{port}/x.mp3\nNumberOfEntries=1\nVersion=2\n",
    }
    return {name: make.write(name, text) for name, text in texts.items()}


def not_media_at_all(make: Maker) -> dict[str, Path]:
    image = make("image.png", "-f", "lavfi", "-i", "color=c=red:size=64x64", "-frames:v", "1")
    return {
        "text": make.write("text.mp4", "hello text\n" * 500),
        "html": make.write("page.mp3", "<!DOCTYPE html><html><body>404 Not Found</body></html>"),
        "noise": make.write("random.mp4", random.Random(7).randbytes(1_000_000)),
        "zeros": make.write("zeros.wav", bytes(1_000_000)),
        "picture": make.write("image.mp3", image.read_bytes()),
        "no channels": make.write("c0.wav", wav(bytes(32_000), channels=0)),
        "no rate": make.write("r0.wav", wav(bytes(32_000), rate=0)),
        "no bits": make.write("b0.wav", wav(bytes(32_000), bits=0)),
        "255 channels": make.write("c255.wav", wav(bytes(51_000), channels=255)),
        "65535 channels": make.write("c65535.wav", wav(bytes(131_070), channels=65_535)),
        "two gigahertz": make.write("r2g.wav", wav(bytes(32_000), rate=2**31 - 1)),
        "four gigahertz": make.write("r4g.wav", wav(bytes(32_000), rate=2**32 - 1)),
    }


def liars(make: Maker) -> dict[float, Path]:
    """WAV files with a strange header that can be read all the same, by the seconds of sound in them."""
    return {
        0.5: make.write("c64.wav", wav(bytes(64 * 16_000), channels=64)),
        1.0: make.write("r768000.wav", wav(bytes(2 * 768_000), rate=768_000)),
        1.5: make.write("size0.wav", wav(bytes(48_000), claimed_bytes=0)),
        2.0: make.write("size4g.wav", wav(bytes(64_000), claimed_bytes=0xFFFFFFFF)),
        200.0: make.write("r1.wav", wav(bytes(400), rate=1)),
        4.0: zero_chunks(make, megabytes=4),
    }


def containers(make: Maker, seconds: float) -> dict[str, Path]:
    """The same sound in several of them; ``last`` is an MP4 with its index at the end."""
    last = make(f"last{seconds:g}.mp4", *sine(seconds), "-c:a", "aac", "-b:a", "64k")
    name = f"whole{seconds:g}"
    return {
        "mp4": make(f"{name}.mp4", "-i", last, "-c", "copy", "-movflags", "+faststart"),
        "mp3": make(f"{name}.mp3", "-i", last, "-c:a", "libmp3lame", "-b:a", "64k"),
        "ogg": make(f"{name}.ogg", "-i", last, "-c:a", "libopus"),
        "flac": make(f"{name}.flac", "-i", last, "-c:a", "flac"),
        "mkv": make(f"{name}.mkv", "-i", last, "-c:a", "libopus"),
        "ts": make(f"{name}.ts", "-i", last, "-c", "copy"),
        "last": last,
    }


def damaged(make: Maker) -> dict[str, Path]:
    """A minute of sound in several containers, cut in half (``trunc``) or changed (``flip``)."""
    found = {}
    for ending, path in containers(make, 60).items():
        content = path.read_bytes()
        found[f"trunc {ending}"] = make.write(f"trunc.{ending}", content[: len(content) // 2])
        found[f"flip {ending}"] = make.write(f"flip.{ending}", flipped(content))
    return found


def encrypted(make: Maker) -> Path:
    base = containers(make, 60)["mp4"]
    scheme = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb")
    return make("cenc.mp4", "-i", base, "-c", "copy", *scheme, "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")


def zero_chunks(make: Maker, megabytes: int) -> Path:
    """Four seconds of sound, then zeros that read as empty RIFF chunks: ffmpeg walks them eight bytes at a time."""
    path = make.write(f"zero_chunks{megabytes}.wav", wav(bytes(4 * 32_000)))
    os.truncate(path, path.stat().st_size + (megabytes << 20))
    return path


def late_in_one_step(make: Maker, name: str, *codec: str) -> Path:
    """Two seconds of sound with a jump of 100,000 s between them."""
    jump = "sine=duration=2:sample_rate=16000,asetpts='if(gte(T,1),PTS+100000/TB,PTS)'"
    return make(name, "-f", "lavfi", "-i", jump, *codec)
