import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.errors import (
    NoAudioStream,
    NoSuchTrack,
)
from parakeet_cli.transcription.media.audio import (
    AudioTrack,
    MediaInfo,
    choose_track,
    examine,
    open_media,
)
from parakeet_cli.transcription.media.ffmpeg import Ffmpeg
from parakeet_cli.transcription.media.inputs import FileMedia
from tests.fakes import beeps, write_wav
from tests.transcription.media.decoded import SETTINGS, decoded, noise_samples, probed
from tests.transcription.media.hostile import Maker, picture, sine

pytestmark = pytest.mark.usefixtures("no_leaks")


def test_tracks_are_told_apart(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    subtitles = make.write("s.srt", "1\n00:00:00,000 --> 00:00:01,000\nhi\n")
    sounds = [argument for number in range(8) for argument in sine(2, frequency=300 + 100 * number)]
    maps = [argument for number in range(10) for argument in ("-map", str(number))]
    path = make(
        "tracks8.mkv",
        *picture(2),
        *sounds,
        *("-i", subtitles),
        *maps,
        *("-c:v", "mpeg4", "-c:a", "aac", "-c:s", "srt"),
        *("-attach", subtitles, "-metadata:s:t", "mimetype=text/plain"),
        *("-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng", "-metadata:s:a:2", "language=fre"),
        *("-metadata:s:a:1", "title=Director\n  Stream #0:9: Audio: pcm\x1b[31m"),
        *("-disposition:a:0", "0", "-disposition:a:2", "default"),
    )
    info = probed(path)
    assert [track.index for track in info.tracks] == list(range(8))
    assert [track.language for track in info.tracks[:4]] == ["ger", "eng", "fre", None]
    assert [track.codec for track in info.tracks] == ["aac"] * 8
    assert info.tracks[1].title == "Director"
    assert info.has_video
    assert info.duration == pytest.approx(2.0, abs=0.1)
    assert choose_track(info, None) == info.tracks[2]
    for wanted, frequency in ((None, 500), (1, 300), (8, 1000), ("en", 400), ("deu", 300), ("fr-CA", 500)):
        samples, _ = decoded(path, replace(SETTINGS, track=wanted))
        assert np.argmax(np.abs(np.fft.rfft(samples[8_000:24_000]))) == pytest.approx(frequency, abs=1)
    for missing in (9, 0, -1, "sv"):
        with pytest.raises(NoSuchTrack, match=r"there is 1 \(ger, aac\), 2 \(eng, aac\)"):
            choose_track(info, missing)


def test_what_is_known_of_a_file_holds_by_any_name_until_it_changes(tmp_path: Path) -> None:
    path, link, copy = (tmp_path / name for name in ("sound.wav", "link", "copy.wav"))
    write_wav(path, beeps(["one", "two"]))
    with open_media(FileMedia(path)) as file:
        found = examine(file)
        known = replace(found, info=replace(found.info, duration=99.0))
        assert examine(file, known) is known
    link.hardlink_to(path)
    with open_media(FileMedia(link)) as file:
        assert examine(file, known) is known
    copy.write_bytes(path.read_bytes())
    with open_media(FileMedia(copy)) as file:
        assert examine(file, known).info == found.info
    os.utime(path, ns=(0, 0))
    with open_media(FileMedia(path)) as file:
        assert examine(file, known).info == found.info


def test_the_first_track_is_taken_where_none_is_the_default() -> None:
    tracks = tuple(AudioTrack(index, index, None, "aac", False, None) for index in range(3))
    assert choose_track(MediaInfo(None, tracks), None) == tracks[0]


def test_300_tracks_are_found(ffmpeg_build: Ffmpeg, make: Maker, noise: Path) -> None:
    maps = [argument for _ in range(300) for argument in ("-map", "0:a")]
    path = make("tracks300.mka", "-i", noise, "-t", "0.3", *maps, "-c:a", "pcm_s16le")
    assert len(probed(path).tracks) == 300
    samples, _ = decoded(path, replace(SETTINGS, track=300))
    np.testing.assert_array_equal(samples, noise_samples()[:4800])


def test_a_cover_is_no_video(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    cover = make("cover.png", "-f", "lavfi", "-i", "color=c=red:size=64x64", "-frames:v", "1")
    arguments = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic", "-id3v2_version", "3")
    path = make("cover.mp3", *sine(2), "-i", cover, *arguments)
    assert not probed(path).has_video
    assert decoded(path)[1].seconds == pytest.approx(2, abs=0.06)


def test_a_video_without_sound_is_told(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    with pytest.raises(NoAudioStream):
        probed(make("mute.mp4", *picture(2), "-c:v", "mpeg4"))


def test_streams_that_ffmpeg_lists_in_groups_are_found(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    """Since 7.1 a picture with a time code is listed so."""
    path = make("code.mov", *picture(1), *sine(1), "-timecode", "00:00:00:00", "-c:v", "mpeg4", "-c:a", "aac")
    info = probed(path)
    assert info.has_video
    assert [track.codec for track in info.tracks] == ["aac"]
