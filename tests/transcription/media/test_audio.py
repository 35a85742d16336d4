import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.errors import (
    AudioTooLong,
    AudioTooShort,
    ChangedMedia,
    DecodeKilled,
    DecodeTimeout,
    NotMedia,
)
from parakeet_cli.settings import DecodingSettings
from parakeet_cli.transcript import Partial
from parakeet_cli.transcription.media.audio import (
    AudioTrack,
    Decoding,
    MediaInfo,
    open_media,
)
from parakeet_cli.transcription.media.ffmpeg import Ffmpeg
from parakeet_cli.transcription.media.inputs import FileMedia
from tests.transcription.media.decoded import SETTINGS, Samples, decoded, noise_pcm, noise_samples, opened, probed
from tests.transcription.media.hostile import Maker, picture, sine, wav

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("n.wav", ()),
        ("n.flac", ()),
        ("n.mkv", ("-c:a", "flac")),
        ("n.m4a", ("-c:a", "alac")),
        ("n.aiff", ()),
        ("n.caf", ()),
        ("n.wv", ()),
        ("n.tta", ()),
        ("n.w64", ()),
        ("n.au", ()),
        ("n24.wav", ("-c:a", "pcm_s24le")),
        ("n.mov", ("-c:a", "pcm_s16be")),
        ("n.nut.mka", ("-c:a", "pcm_s16le", "-f", "matroska")),
    ],
)
def test_lossless_media_give_the_very_samples(
    ffmpeg_build: Ffmpeg, make: Maker, noise: Path, name: str, codec: tuple[str, ...]
) -> None:
    samples, decoding = decoded(make(name, "-i", noise, *codec))
    np.testing.assert_array_equal(samples, noise_samples())
    assert samples.dtype == np.float32
    assert decoding.seconds == 3.21
    assert decoding.partial is None


def test_blocks_last_a_second(ffmpeg_build: Ffmpeg, noise: Path) -> None:
    with opened(noise) as decoding:
        assert [len(block) for block in decoding] == [16_000, 16_000, 16_000, 3360]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("s.mp3", ("-c:a", "libmp3lame")),
        ("s.m4a", ("-c:a", "aac")),
        ("s.aac", ("-c:a", "aac")),
        ("s.ogg", ("-c:a", "libvorbis")),
        ("s.opus", ("-c:a", "libopus")),
        ("s.webm", ("-c:a", "libopus")),
        ("s.wma", ("-c:a", "wmav2")),
        ("s.ac3", ("-c:a", "ac3")),
        ("s.mp2", ("-c:a", "mp2")),
        ("s.ts", ("-c:a", "aac")),
        ("s.avi", ("-c:a", "libmp3lame")),
        ("s.flv", ("-c:a", "libmp3lame")),
        ("s.mpg", ("-c:a", "mp2")),
        ("ulaw.wav", ("-c:a", "pcm_mulaw", "-ar", "8000")),
        ("adpcm.wav", ("-c:a", "adpcm_ima_wav")),
        ("double.wav", ("-c:a", "pcm_f64le")),
    ],
)
def test_lossy_media_give_their_sound_and_length(
    ffmpeg_build: Ffmpeg, make: Maker, name: str, codec: tuple[str, ...]
) -> None:
    samples, decoding = decoded(make(name, *sine(4, rate=44_100), *codec))
    assert len(samples) == pytest.approx(4 * 16_000, abs=1_500)
    spectrum = np.abs(np.fft.rfft(samples[16_000:48_000]))
    assert np.argmax(spectrum) / 2 == pytest.approx(440, abs=1)
    assert decoding.partial is None


def test_a_name_means_nothing_to_ffmpeg(ffmpeg_build: Ffmpeg, tmp_path: Path, noise: Path) -> None:
    names = [
        "12:30 meeting.mp3",
        "-rf.mp3",
        "concat:a|b.mp3",
        "a%03d.mp3",
        "new\nline.mp3",
        "esc\x1b[31m\x1b]0;x\a.mp3",
    ]
    names += ["emoji 😀 日本.mp3", "<img src=x onerror=alert(1)>.mp3", "=cmd|calc!A1.mp3", "quote\"'.mp3"]
    names += ["rlo\u202egpj.mp3", os.fsdecode(b"bad\xff\xfe.m3u8"), "n" * 251 + ".mp3"]
    for name in names:
        path = tmp_path / name
        path.write_bytes(noise.read_bytes())
        samples, _ = decoded(path)
        assert len(samples) == 51_360


def test_start_and_end_are_exact_even_in_mp3(ffmpeg_build: Ffmpeg, make: Maker, noise: Path) -> None:
    for path in (noise, make("exact.mp3", "-i", noise, "-c:a", "libmp3lame")):
        whole, _ = decoded(path)
        part, decoding = decoded(path, replace(SETTINGS, start=0.7501, end=2.5))
        np.testing.assert_array_equal(part, whole[12_002:40_000])
        assert decoding.seconds == pytest.approx(1.7499, abs=1e-4)
        assert decoding.partial is None
        assert decoding.expected_seconds == pytest.approx(1.7499)
        late, _ = decoded(path, replace(SETTINGS, start=2.5, end=100.0))
        np.testing.assert_array_equal(late, whole[40_000:])


def test_a_start_after_the_end_of_the_sound_is_told(ffmpeg_build: Ffmpeg, noise: Path) -> None:
    with pytest.raises(AudioTooShort, match="no sound after 60 s"):
        decoded(noise, replace(SETTINGS, start=60.0))


def test_more_than_the_limit_is_refused_before_it_is_given_out(ffmpeg_build: Ffmpeg, noise: Path) -> None:
    given = 0
    with opened(noise, replace(SETTINGS, max_duration=2.0)) as decoding, pytest.raises(AudioTooLong):
        for block in decoding:
            given += len(block)
    assert given == 32_000
    samples, _ = decoded(noise, replace(SETTINGS, max_duration=3.21))
    assert len(samples) == 51_360
    samples, _ = decoded(noise, replace(SETTINGS, max_duration=2.0, end=2.0))
    assert len(samples) == 32_000


def test_a_file_that_claims_more_than_the_limit_is_refused_before_it_is_decoded(
    ffmpeg_build: Ffmpeg, make: Maker
) -> None:
    path = make("ten.flac", *sine(10), "-c:a", "flac")
    for settings in (
        replace(SETTINGS, max_duration=7.9),
        replace(SETTINGS, max_duration=3.9, start=4.0),
        replace(SETTINGS, max_duration=3.9, start=1.0, end=7.0),
    ):
        with opened(path, settings) as decoding, pytest.raises(AudioTooLong, match="claims"):
            next(iter(decoding))
    samples, _ = decoded(path, replace(SETTINGS, max_duration=3.0, start=1.0, end=4.0))
    assert len(samples) == 48_000


def test_an_estimate_of_the_length_refuses_nothing(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    late = "anoisesrc=d=20:r=16000:a=0.5,volume='if(lt(t,2),0,1)':eval=frame"
    path = make("quiet_start.mp3", "-f", "lavfi", "-i", late, "-c:a", "libmp3lame", "-q:a", "2", "-write_xing", "0")
    info = probed(path)
    assert info.is_estimate
    assert info.duration is not None
    assert info.duration > 24
    samples, _ = decoded(path, replace(SETTINGS, max_duration=21.0))
    assert len(samples) / 16_000 == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("late.mp4", ("-c:v", "mpeg4", "-c:a", "aac")),
        ("late.mov", ("-c:v", "mpeg4", "-c:a", "pcm_s16le")),
        ("late.mkv", ("-c:v", "mpeg4", "-c:a", "libopus")),
        ("late.webm", ("-c:v", "libvpx", "-c:a", "libvorbis")),
        ("late.ts", ("-c:v", "mpeg2video", "-c:a", "mp2")),
    ],
)
def test_sound_that_starts_after_the_picture_keeps_its_time(
    ffmpeg_build: Ffmpeg, make: Maker, name: str, codec: tuple[str, ...]
) -> None:
    path = make(name, *picture(5), "-itsoffset", "1.5", *sine(3, rate=48_000), "-map", "0", "-map", "1", *codec)
    samples, decoding = decoded(path)
    heard = np.flatnonzero(np.abs(samples) > 0.02)
    assert heard[0] / 16_000 == pytest.approx(1.5, abs=0.03)
    assert len(samples) / 16_000 == pytest.approx(4.5, abs=0.06)
    assert decoding.partial is None


def test_a_picture_that_starts_after_the_sound_moves_nothing(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    path = make("early.mkv", "-itsoffset", "1.5", *picture(3), *sine(3), "-c:v", "mpeg4", "-c:a", "flac")
    samples, _ = decoded(path)
    assert len(samples) == 48_000


def test_a_duration_from_the_bit_rate_is_an_estimate_and_nothing_is_missing(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    quiet = ("-f", "lavfi", "-i", "sine=d=60,volume='if(lt(t,2),1,0)':eval=frame")
    path = make("vbr.mp3", *quiet, "-c:a", "libmp3lame", "-q:a", "2", "-write_xing", "0")
    assert probed(path).is_estimate
    assert decoded(path)[1].partial is None
    samples, decoding = decoded(make.write("streamed.wav", wav(noise_pcm(2), claimed_bytes=0xFFFFFFFF)))
    assert (len(samples), decoding.partial) == (32_000, None)


def test_opposite_channels_are_silence_and_several_channels_one(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    opposite = make("opposite.wav", *sine(1), "-filter_complex", "[0:a]pan=stereo|c0=c0|c1=-1*c0")
    samples, decoding = decoded(opposite)
    assert (len(samples), np.abs(samples).max(), decoding.partial) == (16_000, 0.0, None)
    surround = "[0:a]pan=7.1|" + "|".join(f"c{number}=c0" for number in range(8))
    samples, _ = decoded(make("surround.flac", *sine(1), "-filter_complex", surround))
    assert 0.05 < np.abs(samples).max() < 0.5


@pytest.mark.parametrize("channels", [3, 6, 12, 32])
def test_of_the_channels_of_a_mixing_desk_none_is_lost(ffmpeg_build: Ffmpeg, make: Maker, channels: int) -> None:
    """Taken for 5.1 or another layout by their number, some would not be mixed into one."""
    own = 100 * np.arange(1, channels + 1)  # Hz
    tones = 10_000 * np.sin(2 * np.pi * own * np.arange(16_000)[:, np.newaxis] / 16_000)
    samples, decoding = decoded(
        make.write(f"desk{channels}.wav", wav(tones.astype("<i2").tobytes(), channels=channels))
    )
    heard = np.abs(np.fft.rfft(samples))[own] / 8_000
    assert heard == pytest.approx(10_000 / 32_768 / channels, rel=0.05)
    assert decoding.partial is None


def test_silence_is_sound_too(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    samples, decoding = decoded(make.write("silence.wav", wav(bytes(64_000))))
    assert (len(samples), np.abs(samples).max(), decoding.partial) == (32_000, 0.0, None)


@pytest.mark.parametrize("count", [0, 1, 160, 1279])
def test_less_than_80_ms_is_too_short(ffmpeg_build: Ffmpeg, make: Maker, count: int) -> None:
    with pytest.raises(AudioTooShort):
        decoded(make.write(f"short{count}.wav", wav(bytes(2 * count))))


def test_80_ms_are_enough(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    assert len(decoded(make.write("enough.wav", wav(bytes(2560))))[0]) == 1280


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e38])
def test_numbers_that_are_none_become_finite(ffmpeg_build: Ffmpeg, make: Maker, value: float) -> None:
    data = np.full(16_000, value, "<f4").tobytes()
    samples, _ = decoded(make.write("float.wav", wav(data, bits=32, kind=3)))
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1


def test_a_file_that_grows_while_it_is_read_is_told(ffmpeg_build: Ffmpeg, tmp_path: Path, noise: Path) -> None:
    path = tmp_path / "growing.wav"
    path.write_bytes(noise.read_bytes())
    with opened(path) as decoding, pytest.raises(ChangedMedia):
        for _ in decoding:
            with path.open("ab") as file:
                file.write(b"more")


def test_a_file_that_is_removed_while_it_is_read_is_read_to_its_end(
    ffmpeg_build: Ffmpeg, tmp_path: Path, noise: Path
) -> None:
    path = tmp_path / "going.wav"
    path.write_bytes(noise.read_bytes())
    with opened(path) as decoding:
        path.unlink()
        assert sum(len(block) for block in decoding) == 51_360


def test_stopping_early_ends_ffmpeg(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    with opened(make("long.flac", *sine(1800), "-c:a", "flac")) as decoding:
        blocks = iter(decoding)
        next(blocks)
        blocks.close()  # type: ignore[attr-defined] # it is a generator
        assert decoding.partial is None


def test_a_crash_after_some_sound_leaves_a_part(tmp_path: Path, noise: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoding = _with_fake(tmp_path, monkeypatch, noise, "head -c 64001 /dev/zero; kill -SEGV $$")
    assert sum(len(block) for block in decoding) == 32_000
    assert decoding.partial == Partial(2.0, 3.21, 1)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("kill -SEGV $$", NotMedia),
        ("echo '[x @ 0x1] no good\x1b' >&2; exit 183", NotMedia),
        ("head -c 64000 /dev/zero; kill -9 $$", DecodeKilled),
        ("sleep 60", DecodeTimeout),
        ("trap '' TERM; sleep 60; sleep 60", DecodeTimeout),
        ("yes", AudioTooLong),
        ("true", AudioTooShort),
    ],
)
def test_an_ffmpeg_that_fails_is_told_as_what_it_is(
    tmp_path: Path, noise: Path, monkeypatch: pytest.MonkeyPatch, body: str, error: type[Exception]
) -> None:
    decoding = _with_fake(tmp_path, monkeypatch, noise, body)
    with pytest.raises(error) as caught:
        for _ in decoding:
            pass
    assert "\x1b" not in str(caught.value)


def test_an_ffmpeg_killed_once_is_started_again_and_no_sample_is_given_out_twice(
    tmp_path: Path, noise: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sound").write_bytes(noise_pcm())
    first = f"mkdir {tmp_path}/first 2>/dev/null && head -c 80000 {tmp_path}/sound && echo bad >&2 && kill -9 $$"
    decoding = _with_fake(tmp_path, monkeypatch, noise, f"{first}\ncat {tmp_path}/sound")
    np.testing.assert_array_equal(np.concatenate(list(decoding)), noise_samples())
    assert (tmp_path / "first").exists()
    assert decoding.seconds == 3.21
    assert decoding.partial is None


def test_an_ffmpeg_killed_before_its_first_sample_is_started_again(
    tmp_path: Path, noise: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sound").write_bytes(noise_pcm())
    first = f"mkdir {tmp_path}/first 2>/dev/null && kill -9 $$"
    decoding = _with_fake(tmp_path, monkeypatch, noise, f"{first}\ncat {tmp_path}/sound")
    assert [len(block) for block in decoding] == [16_000, 16_000, 16_000, 3360]


def test_an_ffmpeg_killed_twice_is_not_started_a_third_time(
    tmp_path: Path, noise: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    decoding = _with_fake(tmp_path, monkeypatch, noise, f"mkdir {runs}/$$; head -c 80000 /dev/zero; kill -9 $$")
    given = []
    with pytest.raises(DecodeKilled):
        for block in decoding:
            given.append(len(block))
    assert given == [16_000, 16_000]
    assert len(list(runs.iterdir())) == 2


@pytest.mark.parametrize("always", [False, True])
def test_a_probe_that_was_killed_is_made_once_more(
    tmp_path: Path, noise: Path, monkeypatch: pytest.MonkeyPatch, ffmpeg_build: Ffmpeg, always: bool
) -> None:
    condition = "true" if always else f"mkdir {tmp_path}/first 2>/dev/null"
    real = f'exec {ffmpeg_build.path} "$@"'
    _fake(tmp_path, monkeypatch, f'case "$*" in -protocols) {real};; esac\n{condition} && kill -9 $$\n{real}')
    if always:
        with pytest.raises(DecodeKilled):
            probed(noise)
    else:
        assert probed(noise).duration == 3.21


def _with_fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, media: Path, body: str) -> Decoding:
    _fake(tmp_path, monkeypatch, f'case "$*" in -protocols) echo "ffmpeg version 8.0" >&2; exit;; esac\n{body}')
    settings = DecodingSettings(no_progress_seconds=0.4, kill_grace_seconds=0.3, max_duration=60)
    track = AudioTrack(0, 0, None, "pcm_s16le", True, None)
    return _Open(media, MediaInfo(3.21, (track,)), track, settings)


def _fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    script = tmp_path / "fake-ffmpeg"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PARAKEET_FFMPEG", str(script))


class _Open(Decoding):
    """Opens its media for as long as it is iterated."""

    def __init__(self, media: Path, info: MediaInfo, track: AudioTrack, settings: DecodingSettings) -> None:
        self._media = media
        self._rest = (info, track, settings)

    def __iter__(self) -> Iterator[Samples]:
        with open_media(FileMedia(self._media)) as file:
            super().__init__(file, *self._rest)
            yield from super().__iter__()


@pytest.mark.parametrize(
    ("container", "codec"), [("mp4", "libx264"), ("mkv", "libx264"), ("avi", "mpeg4"), ("ts", "mpeg4")]
)
def test_sound_that_ends_before_the_picture_is_whole(
    ffmpeg_build: Ffmpeg, make: Maker, container: str, codec: str
) -> None:
    samples, decoding = decoded(make(f"quiet.{container}", *picture(30), *sine(20), "-c:v", codec, "-c:a", "mp2"))
    assert len(samples) / 16_000 == pytest.approx(20, abs=0.2)
    assert decoding.partial is None


@pytest.mark.parametrize("name", ["two.mka", "two.m4a"])
def test_a_track_that_ends_before_another_is_whole(
    ffmpeg_build: Ffmpeg, make: Maker, tmp_path: Path, name: str
) -> None:
    path = make(name, *sine(30), *sine(20), "-map", "0:a", "-map", "1:a", "-c:a", "aac")
    samples, decoding = decoded(path, replace(SETTINGS, track=2))
    assert len(samples) / 16_000 == pytest.approx(20, abs=0.2)
    assert decoding.partial is None
    cut = tmp_path / "cut.mka"
    cut.write_bytes(make("whole.mka", "-i", path, "-map", "0", "-c", "copy").read_bytes()[: path.stat().st_size // 3])
    assert decoded(cut, replace(SETTINGS, track=2))[1].partial is not None


def test_a_video_that_is_cut_off_is_not_whole(ffmpeg_build: Ffmpeg, make: Maker, tmp_path: Path) -> None:
    whole = make("whole_video.flv", *picture(30), *sine(30, 44_100), "-c:v", "flv1", "-c:a", "libmp3lame")
    cut = tmp_path / "cut.flv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    _, decoding = decoded(cut)
    assert decoding.partial is not None
    assert decoding.partial.decoded_seconds < 20
