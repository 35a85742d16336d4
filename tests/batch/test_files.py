import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.batch.files import check_writable, remove_orphans, write_atomically
from parakeet_cli.errors import DiskFull, OutputUnwritable


def test_a_file_is_replaced_as_a_whole_with_the_users_mode(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".srt")
    path.write_text("old")
    before = os.umask(0o027)
    try:
        write_atomically(path, "neu — 日本".encode())
    finally:
        os.umask(before)
    assert path.read_text(encoding="utf-8") == "neu — 日本"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_what_it_points_to_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target.txt"
    target.write_text("mine")
    link = tmp_path / "out.srt"
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert target.read_text() == "mine"
    assert not link.is_symlink()


def test_a_full_device_is_told_from_other_troubles(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match="choose another folder"):
        write_atomically(tmp_path / "missing" / "a.srt", b"text")
    with pytest.raises(OutputUnwritable):
        check_writable(Path("/proc/parakeet"))
    assert issubclass(DiskFull, OutputUnwritable)


def test_a_folder_that_may_be_written_and_not_read_takes_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read all folders, so one that it may not is made up."""
    open_any = os.open

    def open_no_folder(path: Path, flags: int, *more: int) -> int:
        if flags & os.O_DIRECTORY:
            raise PermissionError(errno.EACCES, "Permission denied")
        return open_any(path, flags, *more)

    monkeypatch.setattr(os, "open", open_no_folder)
    write_atomically(tmp_path / "a.srt", b"text")
    assert (tmp_path / "a.srt").read_bytes() == b"text"


def test_only_temporary_files_that_nobody_writes_are_orphans(tmp_path: Path) -> None:
    left, busy, other = (tmp_path / name for name in (".parakeet-00000000.tmp", ".parakeet-11111111.tmp", "keep.tmp"))
    for path in (left, busy, other):
        path.write_text("half")
    with busy.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert remove_orphans(tmp_path) == 1
    assert sorted(tmp_path.iterdir()) == sorted([busy, other])
    assert remove_orphans(tmp_path) == 1


def test_a_folder_is_made_and_left_empty_by_the_check(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


_HAMMER = """
import sys, time
from pathlib import Path
from parakeet_cli.batch.files import check_writable, remove_orphans, write_atomically
folder = Path(sys.argv[1])
until = time.monotonic() + 2
while time.monotonic() < until:
    check_writable(folder)
    write_atomically(folder / f"{sys.argv[2]}.txt", b"text")
    remove_orphans(folder)
"""


def test_runs_that_start_together_do_not_take_each_others_files_for_orphans(tmp_path: Path) -> None:
    runs = [subprocess.Popen([sys.executable, "-c", _HAMMER, tmp_path, str(number)]) for number in range(3)]
    assert [run.wait(timeout=60) for run in runs] == [0, 0, 0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.txt", "1.txt", "2.txt"]
