import errno
import http.server
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.errors import (
    DiskFull,
    DownloadFailed,
    EmptyMedia,
    OutputUnwritable,
    UnreadableMedia,
    VanishedMedia,
)
from parakeet_cli.transcription.media.audio import (
    decode,
    open_media,
    probe,
)
from parakeet_cli.transcription.media.ffmpeg import Ffmpeg
from parakeet_cli.transcription.media.inputs import DescriptorMedia, FileMedia, StdinMedia, UrlMedia
from parakeet_cli.transcription.media.interruption import Interrupted, Interruption
from tests.transcription.media.decoded import SETTINGS, decoded, noise_samples
from tests.transcription.media.hostile import Maker, sine

pytestmark = pytest.mark.usefixtures("no_leaks")


def test_an_empty_file_is_told_without_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAKEET_FFMPEG", "/nonexistent")
    (tmp_path / "zero.mp4").touch()
    with pytest.raises(EmptyMedia), open_media(FileMedia(tmp_path / "zero.mp4")):
        pass


def test_what_vanished_or_became_a_pipe_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    for name, error in (("gone.mp3", VanishedMedia), ("pipe.mp3", UnreadableMedia), ("..", UnreadableMedia)):
        with pytest.raises(error), open_media(FileMedia(tmp_path / name)):
            pass


@pytest.mark.parametrize("whole_file", [True, False])
def test_stdin_is_copied_so_that_mp4_can_seek(
    ffmpeg_build: Ffmpeg, make: Maker, monkeypatch: pytest.MonkeyPatch, whole_file: bool
) -> None:
    path = make("plain.m4a", *sine(3), "-c:a", "aac")
    if whole_file:
        stdin = path.open()
    else:
        read, write = os.pipe()
        threading.Thread(target=_pour, args=(path.read_bytes(), write)).start()
        stdin = os.fdopen(read)
    with stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        samples, _ = decoded(StdinMedia())
    assert len(samples) == pytest.approx(48_000, abs=500)


def _pour(content: bytes, descriptor: int) -> None:
    with os.fdopen(descriptor, "wb") as pipe:
        pipe.write(content)


def test_empty_stdin_is_an_empty_file(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(EmptyMedia), open_media(StdinMedia()):
            pass


def test_a_full_disk_under_the_spool_stops_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stdin = (tmp_path / "x").open("w+")
    stdin.write("x")
    stdin.seek(0)
    full = Path("/dev/full").open("r+b", buffering=0)  # noqa: SIM115 # closed as the spool file is
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full)
    with stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(DiskFull), open_media(StdinMedia()):
            pass


def test_a_spool_that_cannot_be_made_stops_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PARAKEET_SPOOL", str(tmp_path / "file" / "spool"))
    with pytest.raises(OutputUnwritable), open_media(StdinMedia()):
        pass


class _Server(http.server.BaseHTTPRequestHandler):
    """Breaks off after ``cut`` bytes of each answer; ``log`` keeps the ranges that were asked for."""

    def __init__(self, content: bytes, cut: int | None, ranges: bool, log: list[str | None], *rest: object) -> None:
        self.content, self.cut, self.ranges, self.log = content, cut, ranges, log
        super().__init__(*rest)  # type: ignore[arg-type]

    tag = '"one"'

    def do_GET(self) -> None:
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        asked = self.headers.get("Range")
        self.log.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        rest = self.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        self.send_header("Content-Length", str(len(rest)))
        if tag := self.tag:
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(rest[: self.cut])

    def log_message(self, format: str, *arguments: object) -> None:
        pass


Serve = Callable[..., tuple[str, list[str | None]]]


@pytest.fixture
def serve(no_leaks: None) -> Iterator[Serve]:
    running = []

    def start(content: bytes, *, cut: int | None = None, ranges: bool = True) -> tuple[str, list[str | None]]:
        log: list[str | None] = []
        server = http.server.HTTPServer(("127.0.0.1", 0), partial(_Server, content, cut, ranges, log))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}", log

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_url_is_fetched_and_decoded(ffmpeg_build: Ffmpeg, serve: Serve, noise: Path) -> None:
    address, _ = serve(noise.read_bytes())
    told: list[tuple[int, int | None]] = []
    with open_media(UrlMedia(f"{address}/to/{address}/day 1é.wav?a=b"), lambda *facts: told.append(facts)) as file:
        info = probe(file)
        samples = np.concatenate(list(decode(file, info, info.tracks[0], SETTINGS)))
    np.testing.assert_array_equal(samples, noise_samples())
    assert told[-1] == (102_782, 102_782)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_breaks_off_is_taken_up_again(serve: Serve, noise: Path, ranges: bool) -> None:
    content = noise.read_bytes()
    address, log = serve(content, cut=40_000 if ranges else None, ranges=ranges)
    with open_media(UrlMedia(f"{address}/x.wav")) as file:
        assert os.pread(file.descriptor, 200_000, 0) == content
    assert log == ([None, "bytes=40000-", "bytes=80000-"] if ranges else [None])


def test_another_file_that_comes_in_its_place_is_fetched_whole(
    serve: Serve, noise: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a server that does not know ``If-Range``."""
    content = noise.read_bytes()
    address, log = serve(content, cut=60_000)
    tags = iter(['"one"', '"two"', '"two"', '"two"'])
    monkeypatch.setattr(_Server, "tag", property(lambda _: next(tags)))
    with open_media(UrlMedia(f"{address}/x.wav")) as file:
        assert os.pread(file.descriptor, 200_000, 0) == content
    assert log == [None, "bytes=60000-", None, "bytes=60000-"]


def test_a_file_that_is_another_each_time_is_given_up_in_a_sentence(
    serve: Serve, noise: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, log = serve(noise.read_bytes(), cut=60_000)
    tags = iter(f'"{number}"' for number in range(9))
    monkeypatch.setattr(_Server, "tag", property(lambda _: next(tags)))
    with pytest.raises(DownloadFailed, match="another file at each try"), open_media(UrlMedia(f"{address}/x.wav")):
        pass
    assert log == [None, "bytes=60000-", None, "bytes=60000-"]


def test_without_a_validator_nothing_is_joined(serve: Serve, noise: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, log = serve(noise.read_bytes(), cut=60_000)
    monkeypatch.setattr(_Server, "tag", "")
    with pytest.raises(DownloadFailed, match="sent 60000 of 102782 bytes"), open_media(UrlMedia(f"{address}/x.wav")):
        pass
    assert log == [None] * 4


@pytest.mark.parametrize(
    "error", [ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED]"), OSError(errno.EHOSTUNREACH, "No route")]
)
def test_what_a_connection_says_is_not_taken_for_the_disk(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """TLS counts its errors as the system does: 1 is EPERM, too."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("urllib.request.OpenerDirector.open", fail)
    with pytest.raises(DownloadFailed, match="check the address"), open_media(UrlMedia("https://localhost/x.wav")):
        pass


def test_a_download_that_stays_short_fails_and_leaves_nothing(serve: Serve, noise: Path) -> None:
    address, log = serve(noise.read_bytes(), cut=40_000, ranges=False)
    with pytest.raises(DownloadFailed, match="sent 40000 of 102782 bytes"), open_media(UrlMedia(f"{address}/x.wav")):
        pass
    assert log == [None, *["bytes=40000-"] * 3]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/missing?token=secret", "http://127.0.0.1/missing answered 404 Not Found; check the address."),
        ("/to/file:///etc/passwd", "302"),
        ("/to/ftp://127.0.0.1/x", "127.0.0.1"),
    ],
)
def test_a_url_that_leads_nowhere_is_one_clear_sentence(serve: Serve, path: str, said: str) -> None:
    address, _ = serve(b"")
    with pytest.raises(DownloadFailed) as caught, open_media(UrlMedia(address + path)):
        pass
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "http://no-such-host.invalid/x", "http://[::1/x", "http://a:b/"]
)
def test_a_server_that_is_not_there_is_told(url: str) -> None:
    with pytest.raises(DownloadFailed), open_media(UrlMedia(url)):
        pass


def _tmpfile(folder: Path) -> int:
    return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)


def _unlinked(folder: Path) -> int:
    path = folder / "upload"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    path.unlink()
    return descriptor


@pytest.fixture(params=[_tmpfile, _unlinked])
def upload(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[bytes], int]]:
    """Descriptors of files without a name; their offset stands at the end, as after an upload."""
    made: list[int] = []

    def take(content: bytes) -> int:
        descriptor: int = request.param(tmp_path)
        made.append(descriptor)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        return descriptor

    yield take
    for descriptor in made:
        os.close(descriptor)


def test_an_upload_without_a_name_is_read_again_and_again_and_left_open(
    ffmpeg_build: Ffmpeg, upload: Callable[[bytes], int], noise: Path
) -> None:
    media = DescriptorMedia(upload(noise.read_bytes()), "talk.wav")
    for _ in range(3):
        with open_media(media) as file:
            info = probe(file)
            assert info == probe(file)
            os.lseek(media.descriptor, 1000, os.SEEK_SET)  # as whoever looks into it between
        samples, _ = decoded(media)
        np.testing.assert_array_equal(samples, noise_samples())
    assert os.fstat(media.descriptor).st_size == noise.stat().st_size


def test_an_upload_that_ffmpeg_must_seek_in_needs_no_name(
    ffmpeg_build: Ffmpeg, upload: Callable[[bytes], int], make: Maker
) -> None:
    path = make("plain.m4a", *sine(3), "-c:a", "aac")  # its index is at the end
    samples, _ = decoded(DescriptorMedia(upload(path.read_bytes()), "talk.m4a"))
    assert len(samples) == pytest.approx(48_000, abs=500)


def test_uploads_are_decoded_at_once_in_threads(
    ffmpeg_build: Ffmpeg, upload: Callable[[bytes], int], noise: Path
) -> None:
    """Also one and the same: none moves the place at which another reads."""
    files = [DescriptorMedia(upload(noise.read_bytes()), f"{number}.wav") for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        for samples, _ in threads.map(decoded, files * 3):
            np.testing.assert_array_equal(samples, noise_samples())
    assert {os.lseek(file.descriptor, 0, os.SEEK_CUR) for file in files} == {noise.stat().st_size}


def test_an_upload_with_a_large_number_is_decoded(ffmpeg_build: Ffmpeg, noise: Path) -> None:
    """Beyond the number of files that ffmpeg may open: a server has many open."""
    others = [os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(100)]
    descriptor = os.open(noise, os.O_RDONLY | os.O_CLOEXEC)
    samples, _ = decoded(DescriptorMedia(descriptor, "talk.wav"))
    for opened in (*others, descriptor):
        os.close(opened)
    np.testing.assert_array_equal(samples, noise_samples())


def test_an_upload_that_is_empty_or_no_file_is_told_and_left_open(upload: Callable[[bytes], int]) -> None:
    read, write = os.pipe()
    for descriptor, error in ((upload(b""), EmptyMedia), (read, UnreadableMedia)):
        with pytest.raises(error), open_media(DescriptorMedia(descriptor, "talk.wav")):
            pass
        os.fstat(descriptor)
    os.close(read)
    os.close(write)


def test_a_copy_of_stdin_is_interrupted_when_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    interruption = Interruption()
    interruption.interrupt()
    os.write(write, b"sound")
    with os.fdopen(read) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(Interrupted), open_media(StdinMedia(), interruption=interruption):
            pass
    os.close(write)
