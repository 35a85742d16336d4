"""Samples that are read without ffmpeg: the same that it gives, and in every case of doubt it gives them."""

import os
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.errors import ChangedMedia
from parakeet_cli.transcription.media import audio, probe
from parakeet_cli.transcription.media.audio import open_media
from parakeet_cli.transcription.media.ffmpeg import Ffmpeg
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.media.interruption import Interrupted, Interruption
from parakeet_cli.transcription.media.media_file import MediaFile
from parakeet_cli.transcription.media.plain_wav import PlainWav, find_plain_wav
from tests.transcription.media.decoded import SETTINGS, decoded, noise_pcm, noise_samples, opened, probed
from tests.transcription.media.hostile import Maker, chunk, wav

pytestmark = pytest.mark.usefixtures("no_leaks")

_INFO = chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0\0")
_FORMAT = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)

_EIGHT_BITS = struct.pack("<HHIIHH", 1, 1, 16_000, 16_000, 1, 8)
_EXTENSIBLE = (
    b"\xfe\xff" + _FORMAT[2:] + struct.pack("<HHI", 22, 16, 4) + bytes.fromhex("0100000000001000800000aa00389b71")
)


def _riff(*chunks: bytes, size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


_DATA = chunk(b"data", noise_pcm(0.51))

PLAIN = {
    "bare": wav(noise_pcm(0.51)),
    "an extension of no length": _riff(chunk(b"fmt ", _FORMAT + bytes(2)), _DATA),
    "words about it": wav(noise_pcm(0.51), before=_INFO),
    "a filler": wav(noise_pcm(0.51), before=chunk(b"FLLR", bytes(4044))),
    "before the format": _riff(chunk(b"JUNK", bytes(27)), chunk(b"fmt ", _FORMAT), _DATA),
    "of broadcasters": wav(noise_pcm(0.51), before=chunk(b"bext", bytes(602)) + chunk(b"iXML", b"<BWFXML/>")),
    "a count": wav(noise_pcm(0.51), before=chunk(b"fact", struct.pack("<I", 8160))),
    "one sample": wav(b"\x01\x02"),
    "half a hundredth, once up": wav(noise_pcm(0.145)),
    "half a hundredth, in other figures": wav(noise_pcm(3.125)),
    "less than half": wav(noise_pcm(3.1249375)),
}

ODD = {
    "other rate": wav(noise_pcm(0.5), rate=16_001),
    "two channels": wav(noise_pcm(0.5), channels=2),
    "eight bits": wav(noise_pcm(0.5), bits=8),
    "24 bits": wav(noise_pcm(0.6), bits=24),
    "float": wav(noise_pcm(0.5), bits=32, kind=3),
    "a-law": wav(noise_pcm(0.5), bits=8, kind=6),
    "other alignment": _riff(chunk(b"fmt ", _FORMAT[:12] + struct.pack("<HH", 4, 16)), _DATA),
    "an extension": _riff(chunk(b"fmt ", _FORMAT + struct.pack("<HH", 2, 0)), _DATA),
    "extensible": _riff(chunk(b"fmt ", _EXTENSIBLE), _DATA),
    "two formats": _riff(chunk(b"fmt ", _FORMAT), chunk(b"fmt ", _FORMAT), _DATA),
    "two formats, of which the first counts": _riff(chunk(b"fmt ", _EIGHT_BITS), chunk(b"fmt ", _FORMAT), _DATA),
    "format after the data": _riff(_DATA, chunk(b"fmt ", _FORMAT)),
    "no format": _riff(_DATA),
    "less than it claims": wav(noise_pcm(0.5), claimed_bytes=20_000),
    "more than it claims": wav(noise_pcm(0.5), claimed_bytes=10_000),
    "no length, as of a pipe": wav(noise_pcm(0.5), claimed_bytes=0xFFFFFFFF),
    "length 0, as of a recorder that was switched off": wav(noise_pcm(0.5), claimed_bytes=0),
    "half a sample": wav(noise_pcm(0.5)[:-1]),
    "no data": wav(b""),
    "something behind": wav(noise_pcm(0.5), after=_INFO),
    "more data behind": wav(noise_pcm(0.5), after=_DATA),
    "a picture": wav(noise_pcm(0.5), before=chunk(b"id3 ", b"ID3\x04\0\0\0\0\0\0")),
    "a film": wav(noise_pcm(0.5), before=chunk(b"SMV0", bytes(40))),
    "words of no kind": wav(noise_pcm(0.5), before=chunk(b"LIST", b"INF")),
    "very many words": wav(noise_pcm(0.5), before=chunk(b"bext", bytes((1 << 20) + 2))),
    "unknown": wav(noise_pcm(0.5), before=chunk(b"what", b"")),
    "a wrong size of all": _riff(chunk(b"fmt ", _FORMAT), _DATA, size=0),
    "too many chunks": wav(noise_pcm(0.5), before=chunk(b"JUNK", b"") * 40),
    "a chunk that goes beyond": _riff(chunk(b"fmt ", _FORMAT), b"JUNK\xf0\xff\xff\xff"),
    "big endian": b"RIFX" + wav(noise_pcm(0.5))[4:],
    "the 64-bit form": b"RF64" + wav(noise_pcm(0.5))[4:],
    "cut in the header": wav(noise_pcm(0.5))[:30],
    "cut in the head of a chunk": wav(noise_pcm(0.5))[:40],
    "text": b"RIFF",
}


def _found(path: Path) -> PlainWav | None:
    with open_media(FileMedia(path)) as file:
        return find_plain_wav(file)


@pytest.fixture
def left_to_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is plain."""
    for module in (audio, probe):
        monkeypatch.setattr(module, "find_plain_wav", lambda _: None)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_files_are_what_ffmpeg_makes_of_them(
    name: str, ffmpeg_build: Ffmpeg, make: Maker, request: pytest.FixtureRequest
) -> None:
    path = make.write("plain-one.wav", PLAIN[name])
    found = _found(path)
    assert found
    with open_media(FileMedia(path)) as file:
        read = b"".join(found.read(file))
    info = probed(path)
    request.getfixturevalue("left_to_ffmpeg")
    assert info == probed(path)
    if name != "one sample":
        np.testing.assert_array_equal(np.frombuffer(read, "<i2") / np.float32(32768), decoded(path)[0])


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_left_to_ffmpeg(name: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.wav"
    path.write_bytes(ODD[name])
    assert _found(path) is None


def test_a_file_that_cannot_be_read_is_left_to_ffmpeg(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError("the disk is gone")

    with open_media(FileMedia(plain)) as file:
        monkeypatch.setattr("os.pread", fail)
        assert find_plain_wav(file) is None


def test_plain_files_need_no_ffmpeg(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAKEET_FFMPEG", "/nowhere/ffmpeg")
    samples, decoding = decoded(plain)
    np.testing.assert_array_equal(samples, noise_samples())
    assert samples.dtype == np.float32
    assert (decoding.seconds, decoding.expected_seconds, decoding.partial) == (3.21, 3.21, None)
    with opened(plain) as again:
        assert [len(block) for block in again] == [16_000, 16_000, 16_000, 3360]


@pytest.mark.parametrize(
    "changes",
    [
        {"start": 0.7501, "end": 2.5},
        {"start": 2.5, "end": 100.0},
        {"start": 60.0},
        {"end": 0.05},
        {"start": 3.2},
        {"max_duration": 2.0},
        {"max_duration": 3.21},
        {"max_duration": 1.0},
        {"max_duration": 2.0, "end": 2.0},
        {"track": 2},
        {"track": "de"},
    ],
)
def test_settings_mean_the_same(
    changes: dict[str, float], ffmpeg_build: Ffmpeg, plain: Path, request: pytest.FixtureRequest
) -> None:
    ours = _outcome(plain, changes)
    request.getfixturevalue("left_to_ffmpeg")
    assert ours == _outcome(plain, changes)


def _outcome(path: Path, changes: dict[str, float]) -> object:
    blocks: list[bytes] = []
    try:
        with opened(path, replace(SETTINGS, **changes)) as decoding:  # type: ignore[arg-type]
            blocks += [block.tobytes() for block in decoding]
    except Exception as error:
        return type(error), str(error), blocks
    return blocks, decoding.seconds, decoding.expected_seconds, decoding.partial


def test_ffmpeg_goes_on_where_reading_failed(
    ffmpeg_build: Ffmpeg, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = PlainWav.read

    def failing(wav: PlainWav, file: MediaFile) -> Iterator[bytes]:
        yield from list(read(wav, file))[:2]
        raise OSError("the disk is gone")

    monkeypatch.setattr(PlainWav, "read", failing)
    samples, decoding = decoded(plain)
    np.testing.assert_array_equal(samples, noise_samples())
    assert decoding.seconds == 3.21


@pytest.mark.parametrize("size", [0, 40_000, 200_000])
def test_a_file_that_changes_while_it_is_read_is_told(size: int, tmp_path: Path) -> None:
    path = tmp_path / "changing.wav"
    path.write_bytes(wav(noise_pcm()))
    with opened(path) as decoding, pytest.raises(ChangedMedia):
        for _ in decoding:
            os.truncate(path, size)


def test_an_interruption_ends_it(plain: Path) -> None:
    interruption = Interruption()
    with open_media(FileMedia(plain), interruption=interruption) as file:
        info = probe.probe(file)
        decoding = audio.decode(file, info, info.tracks[0], SETTINGS)
        blocks = iter(decoding)
        next(blocks)
        interruption.interrupt()
        with pytest.raises(Interrupted):
            list(blocks)
