import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parakeet_cli.user_folders import temporary_folder

_HOURS_AGO = time.time() - 2 * 3600


def _in_a_process(parent: Path, then: str) -> int:
    """Makes a temporary folder with something in it in ``parent``, and goes on; returns the exit code."""
    code = (
        "import os, pathlib\n"
        "from parakeet_cli.user_folders import temporary_folder\n"
        f"with temporary_folder() as name:\n    pathlib.Path(name, 'vocab.txt').touch()\n    {then}\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(parent)}, check=False
    ).returncode


def test_a_temporary_folder_that_a_kill_left_is_removed_by_a_later_start(tmp_path: Path) -> None:
    assert _in_a_process(tmp_path, "os.kill(os.getpid(), 9)") == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert _in_a_process(tmp_path, "pass") == 0
    assert list(tmp_path.iterdir()) == [left], "another process may be using it"
    os.utime(left, (_HOURS_AGO, _HOURS_AGO))
    assert _in_a_process(tmp_path, "pass") == 0
    assert list(tmp_path.iterdir()) == []


def test_nothing_else_is_removed_from_the_temporary_folder(tmp_path: Path) -> None:
    with temporary_folder() as name:
        ours = Path(name).name
    others = tmp_path / "others"
    others.mkdir()
    parent = tmp_path / "temporary"
    parent.mkdir()
    (parent / ours).symlink_to(others)
    (parent / "parakeet-training").mkdir()
    (parent / f"{ours}.keep").mkdir()
    (parent / f"{ours[:-1]}-").touch()
    (parent / f"{ours[:-2]}aa").touch()
    for path in parent.iterdir():
        os.utime(path, (_HOURS_AGO, _HOURS_AGO), follow_symlinks=False)
    before = sorted(parent.iterdir())
    assert _in_a_process(parent, "pass") == 0
    assert sorted(parent.iterdir()) == before
    assert others.is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of somebody else")
def test_a_temporary_folder_of_somebody_else_stays(tmp_path: Path) -> None:
    assert _in_a_process(tmp_path, "os.kill(os.getpid(), 9)") == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    os.chown(left, 65_534, 65_534)
    os.utime(left, (_HOURS_AGO, _HOURS_AGO))
    assert _in_a_process(tmp_path, "pass") == 0
    assert list(tmp_path.iterdir()) == [left]
