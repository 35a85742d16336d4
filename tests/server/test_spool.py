import os
import tempfile
from pathlib import Path

import pytest

from parakeet_cli.errors import DiskFull
from parakeet_cli.server.spool import Reservation, Spool, boot_folder, unnamed_file
from parakeet_cli.settings import UploadSettings


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PARAKEET_SPOOL", str(tmp_path / "spool"))
    return tmp_path / "spool"


def test_an_unnamed_file_has_no_name(spool: Path) -> None:
    with unnamed_file() as file:
        file.write(b"sound")
        assert list(spool.iterdir()) == []
        assert os.fstat(file.fileno()).st_size == 5


def test_a_boot_folder_takes_all_temporary_files_and_goes(spool: Path) -> None:
    before = tempfile.gettempdir()
    with boot_folder() as folder:
        assert folder.parent == spool
        assert folder.stat().st_mode & 0o777 == 0o700
        assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(folder)
        (folder / "unpacked").write_bytes(b"")
    assert tempfile.gettempdir() == before
    assert not folder.exists()


def test_folders_of_the_dead_go_and_those_of_the_living_stay(spool: Path) -> None:
    with boot_folder() as living:
        dead = spool / "boot-1-abc"
        dead.mkdir()
        (dead / "lock").touch()
        (dead / "unpacked").touch()
        foreign = spool / "boot-of-somebody"
        foreign.mkdir()
        with boot_folder():
            assert living.exists()
            assert not dead.exists()
            assert foreign.exists()


def test_the_quota_is_shared_and_given_back() -> None:
    quota = Spool(UploadSettings(spool_bytes=100, free_bytes=0))
    first, second = Reservation(quota), Reservation(quota)
    first.grow(60)
    first.grow(50)
    second.grow(40)
    with pytest.raises(DiskFull):
        second.grow(41)
    assert quota.reserved == 100
    first.release()
    first.release()
    assert quota.reserved == 40
    second.release()
    assert quota.reserved == 0


def test_a_reservation_that_grows_does_so_in_steps() -> None:
    quota = Spool(UploadSettings(free_bytes=0))
    growing = Reservation(quota)
    growing.grow(1)
    growing.grow(2)
    assert quota.reserved > 1 << 20
    growing.release()
    assert quota.reserved == 0


def test_a_disk_must_keep_something_free() -> None:
    assert Spool(UploadSettings(free_bytes=0)).has_disk(1)
    assert not Spool(UploadSettings(free_bytes=1 << 60)).has_disk()
    with pytest.raises(DiskFull):
        Reservation(Spool(UploadSettings(free_bytes=1 << 60))).grow(1)
