"""The corpus of media that nobody should trust, against every build of ffmpeg that is here."""

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.errors import AudioTooLong, DecodeKilled, DecodeTimeout, InputError, NotMedia
from parakeet_cli.settings import SHORTEST_AUDIO, DecodingSettings
from parakeet_cli.transcript import Partial
from parakeet_cli.transcription.media.audio import choose_track, decode, open_media, probe
from parakeet_cli.transcription.media.ffmpeg import Ffmpeg, input_arguments
from parakeet_cli.transcription.media.ffmpeg_process import FfmpegProcess, Patience
from parakeet_cli.transcription.media.inputs import FileMedia
from tests.transcription.media.hostile import (
    CANARY_HERTZ,
    Maker,
    Openings,
    containers,
    damaged,
    encrypted,
    flipped,
    late_in_one_step,
    liars,
    nested_readers,
    not_media_at_all,
    sine,
    wav,
    zero_chunks,
)

pytestmark = pytest.mark.usefixtures("no_leaks")

SETTINGS = DecodingSettings(no_progress_seconds=10)


def _decode(path: Path, settings: DecodingSettings = SETTINGS) -> tuple[float, Partial | None]:
    """Seconds that came, and what did not; nothing of it is kept."""
    with open_media(FileMedia(path)) as file:
        info = probe(file, settings)
        decoding = decode(file, info, choose_track(info, None), settings)
        for block in decoding:
            assert np.abs(block).max() <= 1
    return decoding.seconds, decoding.partial


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """A port of this machine to which nothing may connect."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture(scope="module")
def traps(make: Maker, listener: socket.socket) -> dict[str, Path]:
    return nested_readers(make, listener.getsockname()[1])


def _assert_untouched(listener: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        listener.accept()


def _canaries(names: set[str]) -> set[str]:
    return {name for name in names if name.startswith("canary")}


_WATCHED = pytest.mark.skipif(sys.platform != "linux", reason="inotify tells which files are opened")


@_WATCHED
def test_no_playlist_leads_to_another_file_or_to_the_net(
    ffmpeg_build: Ffmpeg, traps: dict[str, Path], listener: socket.socket, make: Maker
) -> None:
    with Openings(make.folder) as openings:
        for name, path in traps.items():
            began = time.monotonic()
            with pytest.raises(NotMedia):
                _decode(path)
            assert time.monotonic() - began < 2, name
            opened = openings.names()
            assert name in opened
            assert not _canaries(opened), name
    _assert_untouched(listener)


@_WATCHED
@pytest.mark.parametrize("name", ["concat.mp4", "dash.mp4", "hls_mp3.m3u8", "hls_ts.m3u8", "hls_fragmented.m3u8"])
def test_the_traps_are_real(ffmpeg_build: Ffmpeg, traps: dict[str, Path], make: Maker, name: str) -> None:
    """Without our options the same ffmpeg reads the neighbour; were it not so, the test above would prove nothing."""
    command = [ffmpeg_build.path, "-nostdin", "-v", "error", "-i", str(traps[name])]
    with Openings(make.folder) as openings:
        heard = subprocess.run(
            [*command, "-ac", "1", "-ar", "16000", "-f", "s16le", "-"], capture_output=True, check=True
        )
        assert _canaries(openings.names())
    samples = np.frombuffer(heard.stdout, "<i2")[8_000:24_000]
    assert np.argmax(np.abs(np.fft.rfft(samples))) == CANARY_HERTZ


def test_even_without_the_format_list_a_descriptor_has_no_neighbours(
    ffmpeg_build: Ffmpeg, traps: dict[str, Path], listener: socket.socket
) -> None:
    for name in ("concat.mp4", "hls_http.m3u8", "concat_http.mp4"):
        with open_media(FileMedia(traps[name])) as file:
            arguments = input_arguments(ffmpeg_build, file.descriptor, "error")
            at = arguments.index("-format_whitelist")
            command = [*arguments[:at], *arguments[at + 2 :], "-f", "s16le", "pipe:1"]
            with FfmpegProcess(command, file.descriptor, Patience(5, 1)) as process:
                assert b"".join(process.output()) == b""
    _assert_untouched(listener)


def test_what_is_no_media_is_told_within_a_second(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    for name, path in not_media_at_all(make).items():
        began = time.monotonic()
        with pytest.raises(InputError) as caught:
            _decode(path)
        assert isinstance(caught.value, NotMedia), name
        assert time.monotonic() - began < 2, name


def test_a_header_may_lie_about_all_but_the_sound(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    for seconds, path in liars(make).items():
        assert _decode(path) == (seconds, None), path.name


def test_damage_is_never_silent_where_the_container_tells_its_length(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    silent = {"trunc ogg", "trunc ts"}  # their length is that of what is left
    for name, path in damaged(make).items():
        if name == "trunc last":
            with pytest.raises(NotMedia):
                _decode(path)
            continue
        seconds, partial = _decode(path)
        if name in silent:
            assert seconds == pytest.approx(30, abs=1.5), name
            continue
        assert partial is not None, name
        assert partial.decoded_seconds == pytest.approx(seconds)
        if name.startswith("trunc"):
            assert seconds == pytest.approx(30, abs=1.5), name
            assert partial.expected_seconds == pytest.approx(60, abs=0.5), name


def test_an_encrypted_file_is_never_taken_for_whole(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    try:
        seconds, partial = _decode(encrypted(make))
    except NotMedia:
        return
    assert seconds < 10
    assert partial is not None
    assert partial.decode_errors > 100


@pytest.mark.parametrize("rounds", [3, pytest.param(200, marks=pytest.mark.prove)])
@pytest.mark.parametrize("ending", ["mp4", "mp3", "ogg", "flac", "mkv", "ts", "last"])
def test_whatever_bytes_are_changed_the_end_is_near_and_orderly(
    ffmpeg_build: Ffmpeg, make: Maker, ending: str, rounds: int
) -> None:
    """In the sound, then in the headers at the start, then in the index at the end; a wrong length is no surprise."""
    whole = containers(make, 10)[ending].read_bytes()
    places = (((0.1, 0.9), 200), ((0.0, 0.02), 4), ((0.98, 1.0), 4))
    for seed in range(rounds):
        within, count = places[seed % len(places)]
        path = make.write(f"fuzzed.{ending}", flipped(whole, count, seed, within))
        began = time.monotonic()
        try:
            seconds, _ = _decode(path, replace(SETTINGS, max_duration=60))
            assert SHORTEST_AUDIO <= seconds <= 60
        except InputError as error:
            assert not isinstance(error, DecodeKilled), seed
        assert time.monotonic() - began < 15, seed


_HOURS = [
    "alac.m4a",
    *(pytest.param(name, marks=pytest.mark.prove) for name in ("flac.flac", "libopus.opus")),
]


def _six_hours(make: Maker, name: str) -> Path:
    """Of silence, in 1.6 to 6 MB; Opus is repeated, as encoding it takes minutes."""
    silence = ("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-c:a", name.partition(".")[0], "-t")
    if name != "libopus.opus":
        return make(name, *silence, "21600")
    minute = make(f"minute.{name}", *silence, "60", "-b:a", "6k", "-frame_duration", "60")
    return make(name, "-stream_loop", "359", "-i", minute, "-c", "copy")


@pytest.mark.parametrize("name", _HOURS)
def test_hours_of_silence_in_a_small_file_stops_at_the_limit(ffmpeg_build: Ffmpeg, make: Maker, name: str) -> None:
    for path in (_six_hours(make, name), make.write("one_hertz.wav", wav(bytes(400_000), rate=1))):
        began = time.monotonic()
        with pytest.raises(AudioTooLong):
            _decode(path, replace(SETTINGS, max_duration=30))
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", _HOURS)
def test_hours_of_silence_without_a_limit_takes_no_memory(ffmpeg_build: Ffmpeg, make: Maker, name: str) -> None:
    path = _six_hours(make, name)
    before = _peak_megabytes()
    seconds, partial = _decode(path)
    assert seconds == pytest.approx(21_600, rel=0.001)
    assert partial is None
    assert _peak_megabytes() - before < 40


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def test_a_jump_in_time_is_not_filled(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    seconds, partial = _decode(late_in_one_step(make, "gap.mkv", "-c:a", "libopus"))
    assert seconds == pytest.approx(2, abs=0.1)
    assert partial is not None
    with pytest.raises(NotMedia):
        _decode(late_in_one_step(make, "gap.nut", "-c:a", "pcm_s16le", "-f", "nut"))


def test_sound_that_claims_to_start_in_a_year_is_not_waited_for(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    path = make(
        "year.mkv",
        *("-f", "lavfi", "-i", "testsrc=duration=1:size=64x64:rate=10", "-itsoffset", "20000", *sine(1)),
        *("-c:v", "mpeg4", "-c:a", "flac", "-max_interleave_delta", "1"),
    )
    seconds, partial = _decode(path)
    assert seconds == pytest.approx(3601, abs=0.1)
    assert partial is not None


def test_an_endless_walk_through_empty_chunks_is_stopped(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    path = zero_chunks(make, megabytes=400)
    began = time.monotonic()
    with pytest.raises(DecodeTimeout):
        _decode(path, replace(SETTINGS, no_progress_seconds=1, kill_grace_seconds=0.5))
    assert time.monotonic() - began < 6


def test_metadata_cannot_speak_for_ffmpeg(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    title = "x\n  Stream #0:9: Audio: pcm\n  Duration: 99:00:00.00, start: 5.0\nOutput #0\nInput #0\x1b[31m"
    for name, codec in (("meta.mp3", "libmp3lame"), ("meta.mkv", "flac"), ("meta.flac", "flac")):
        path = make(
            name,
            *(*sine(2), "-c:a", codec, "-metadata", f"title={title}", "-metadata:s:a:0", f"comment={title}"),
            *("-metadata", "Stream #0:7: Audio: pcm=1", "-metadata", "Duration: 98:00:00.00=1"),
        )
        with open_media(FileMedia(path)) as file:
            info = probe(file)
        assert len(info.tracks) == 1
        assert info.duration == pytest.approx(2, abs=0.1)


def test_an_attachment_is_never_written(ffmpeg_build: Ffmpeg, make: Maker, tmp_path: Path) -> None:
    text = make.write("evil.txt", "evil")
    name = f"filename=../../../../../../../..{tmp_path}/evil"
    path = make(
        "attach.mkv", *sine(1), "-c:a", "flac", "-attach", text, "-metadata:s:t:0", "mimetype=text/plain",
        "-metadata:s:t:0", name,
    )  # fmt: skip
    assert _decode(path) == (1.0, None)
    assert not (tmp_path / "evil").exists()


def test_joined_files_are_decoded_to_the_end(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    for name, codec, rates in (
        ("joined.ogg", "libvorbis", (48_000, 48_000)),
        ("joined.opus", "libopus", (48_000, 48_000)),
        ("joined.mp3", "libmp3lame", (44_100, 16_000)),
    ):
        parts = [make(f"{rate}.{name}", *sine(2, rate=rate), "-c:a", codec).read_bytes() for rate in rates]
        seconds, partial = _decode(make.write(name, b"".join(parts)))
        assert seconds == pytest.approx(4, abs=0.2), name
        assert partial is None or partial.decode_errors <= 4, name  # a frame at the joint may be lost


def test_a_change_of_channels_is_followed_or_told(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    one = make("one.ogg", *sine(2, rate=48_000), "-c:a", "libvorbis").read_bytes()
    two = make("two.ogg", *sine(2, rate=8_000), "-ac", "2", "-c:a", "libvorbis").read_bytes()
    seconds, partial = _decode(make.write("channels.ogg", one + two))
    assert seconds == pytest.approx(4, abs=0.2) or (partial is not None and partial.decode_errors)


def test_tags_after_the_sound_are_no_damage(ffmpeg_build: Ffmpeg, make: Maker) -> None:
    sound = make("plain.mp3", *sine(2), "-c:a", "libmp3lame").read_bytes()
    assert _decode(make.write("tagged.mp3", sound + b"TAG" + bytes(125)))[1] is None
