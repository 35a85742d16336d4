import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from parakeet_cli.errors import DiskFull
from parakeet_cli.server.spool import FORM_OVERHEAD, Reservation, Spool, boot_folder, unnamed_file
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
    size = 40 << 20
    quota = Spool(UploadSettings(max_bytes=1, spool_bytes=100 << 20, free_bytes=0))
    first, second = Reservation(quota), Reservation(quota)
    first.grow(60 << 20)
    first.grow(50 << 20)
    second.grow(size)
    with pytest.raises(DiskFull):
        second.grow(size + 1)
    assert quota.reserved == 100 << 20
    first.release()
    first.release()
    assert quota.reserved == size
    second.release()
    assert quota.reserved == 0


def test_the_largest_upload_that_is_taken_has_room_also_in_a_small_quota() -> None:
    largest = UploadSettings(max_bytes=10 << 20, spool_bytes=1 << 20, free_bytes=0)
    known, growing = Reservation(Spool(largest)), Reservation(Spool(largest))
    known.grow(2 * (largest.max_bytes + FORM_OVERHEAD))
    for size in range(1, 2 * (largest.max_bytes + FORM_OVERHEAD), 1 << 20):
        growing.grow(size)
    growing.grow(2 * (largest.max_bytes + FORM_OVERHEAD))


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


def test_the_same_room_on_the_disk_is_promised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What others reserved and have not written yet is gone for who comes; what they have written the disk knows."""
    free = 100
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: SimpleNamespace(free=free))
    disk = Spool(UploadSettings(free_bytes=20))
    first, second, third = (Reservation(disk) for _ in range(3))
    first.grow(50)
    with pytest.raises(DiskFull, match="no room"):
        second.grow(31)
    second.grow(30)
    first.has_written(50)
    free = 50
    with pytest.raises(DiskFull, match="no room"):
        third.grow(1)
    first.release()
    free = 100
    third.grow(50)
    assert disk.reserved == 80
