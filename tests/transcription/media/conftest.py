"""Media for the decoding tests, and every build of ffmpeg that is here."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest

from parakeet_cli.transcription.media.ffmpeg import Ffmpeg, find_ffmpeg
from tests.conftest import skip_for_want_of
from tests.transcription.media.decoded import noise_pcm
from tests.transcription.media.hostile import Maker, chunk, wav


def _builds() -> dict[str, str | None]:
    try:
        bundled = str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        bundled = None
    return {"system": shutil.which("ffmpeg"), "imageio": bundled}


@pytest.fixture(params=["system", "imageio"])
def ffmpeg_build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Ffmpeg:
    """Each test runs once with each build."""
    path = _builds()[request.param]
    if path is None:
        skip_for_want_of(f"{request.param} ffmpeg")
    monkeypatch.setenv("PARAKEET_FFMPEG", path)
    return find_ffmpeg()


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Makes media with any ffmpeg that is here, once for all tests."""
    path = next((path for path in _builds().values() if path), None)
    if path is None:
        skip_for_want_of("ffmpeg")
    return Maker(path, tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="session")
def noise(make: Maker) -> Path:
    """``noise_pcm`` as a WAV file that is left to ffmpeg, for what comes after the samples."""
    return make.write("noise.wav", wav(noise_pcm(), after=chunk(b"note", b"an odd one")))


@pytest.fixture(scope="session")
def plain(make: Maker) -> Path:
    """``noise_pcm`` as a WAV file that needs no ffmpeg."""
    return make.write("plain.wav", wav(noise_pcm()))


@pytest.fixture
def no_leaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After the test: no descriptor, child or temporary file more than before it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("PARAKEET_SPOOL", str(folder))
    gc.collect()  # what earlier tests left behind must not hide in the numbers
    before, children = _descriptors(), _children()
    yield
    assert not set(_descriptors()) - set(before)
    assert list(folder.iterdir()) == []
    assert not _children() - children


def _children() -> set[str]:
    """Numbers of the processes that this one has started and not yet waited for."""
    return {number for task in Path("/proc/self/task").glob("*/children") for number in task.read_text().split()}


def _descriptors() -> list[str]:
    """What is open, by target; the listing's own descriptor aside."""
    targets = []
    for link in Path("/dev/fd").iterdir():
        try:
            targets.append(f"{link.name} {os.readlink(link)}")  # noqa: PTH115
        except OSError:
            continue
    return sorted(targets)
