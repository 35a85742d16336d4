"""WAV files that end before their samples do: what was lost of a copy is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.errors import AudioTooLong
from parakeet_cli.transcript import Partial
from parakeet_cli.transcription.media.ffmpeg import Ffmpeg
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.media.media_file import open_media
from parakeet_cli.transcription.media.riff import claimed_seconds
from tests.transcription.media.decoded import SETTINGS, decoded, noise_pcm, probed
from tests.transcription.media.hostile import Maker, chunk, wav

pytestmark = pytest.mark.usefixtures("no_leaks")

_LIST = chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0\0")


@pytest.mark.parametrize(
    ("content", "seconds", "expected"),
    [
        (wav(noise_pcm(3), claimed_bytes=320_000), 3.0, 10.0),
        (wav(noise_pcm(3), claimed_bytes=320_000, before=_LIST), 3.0, 10.0),
        (wav(noise_pcm(3), rate=8_000, claimed_bytes=320_000), 6.0, 20.0),
        (wav(noise_pcm(3), channels=2, rate=48_000, claimed_bytes=1_920_000), 0.5, 10.0),
        (wav(bytes(96_000), bits=24, claimed_bytes=480_000), 2.0, 10.0),
    ],
)
def test_what_is_missing_of_a_broken_copy_is_told(
    ffmpeg_build: Ffmpeg, make: Maker, content: bytes, seconds: float, expected: float
) -> None:
    path = make.write("broken-off.wav", content)
    assert probed(path).duration == expected
    _, decoding = decoded(path)
    assert decoding.seconds == pytest.approx(seconds, abs=0.01)
    assert decoding.partial == Partial(decoding.seconds, expected, 0)


@pytest.mark.parametrize(
    "content",
    [
        wav(noise_pcm(3), claimed_bytes=0),
        wav(noise_pcm(3), claimed_bytes=0xFFFFFFFF),
        wav(noise_pcm(3), claimed_bytes=0x80000000),
        wav(noise_pcm(3), claimed_bytes=0x7FFFFFFF - 36),
        wav(noise_pcm(3), claimed_bytes=96_044),
        wav(noise_pcm(3), claimed_bytes=130_000),
    ],
    ids=[
        "a recorder that was switched off",
        "a pipe",
        "2 GiB",
        "as much as fits",
        "the header counted in",
        "within what players pad",
    ],
)
def test_other_lengths_are_no_reason_to_warn(ffmpeg_build: Ffmpeg, make: Maker, content: bytes) -> None:
    _, decoding = decoded(make.write("length.wav", content))
    assert decoding.seconds == pytest.approx(3.0, abs=0.01)
    assert decoding.partial is None


@pytest.mark.parametrize(
    "content",
    [
        wav(noise_pcm(3)),
        wav(noise_pcm(3), after=_LIST),
        wav(noise_pcm(3), claimed_bytes=40_000),
        wav(noise_pcm(3), claimed_bytes=320_000).replace(b"WAVE", b"WAVY"),
        b"RIFF" + wav(noise_pcm(3), claimed_bytes=320_000)[4:12] + wav(noise_pcm(3), claimed_bytes=320_000)[36:],
        wav(noise_pcm(3), rate=0, claimed_bytes=320_000),
        wav(noise_pcm(3), claimed_bytes=320_000)[:30],
        wav(b"", claimed_bytes=320_000)[:-4],
        b"RIFF",
    ],
)
def test_nothing_is_claimed_otherwise(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.wav"
    path.write_bytes(content)
    with open_media(FileMedia(path)) as file:
        assert claimed_seconds(file) is None


def test_a_file_that_cannot_be_read_claims_nothing(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError("the disk is gone")

    with open_media(FileMedia(plain)) as file:
        monkeypatch.setattr("os.pread", fail)
        assert claimed_seconds(file) is None


def test_a_limit_holds_for_what_is_claimed(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    path = make.write("too-long.wav", wav(noise_pcm(3), claimed_bytes=320_000))
    with pytest.raises(AudioTooLong, match="claims 10 s"):
        decoded(path, replace(SETTINGS, max_duration=5.0))
