import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from parakeet_cli.errors import InputError, MediaNotFound, UnreadableMedia
from parakeet_cli.transcription.media.inputs import (
    FileMedia,
    Media,
    Skipped,
    StdinMedia,
    UrlMedia,
    find_media,
    media_name,
)

HOSTILE_NAMES = [
    b"12:30 meeting.mp3",
    b"-rf.mp3",
    b"concat:a|b.mp3",
    b"a%03d.mp3",
    b"new\nline.mp3",
    b"esc\x1b[31m\x1b]0;x\x07.mp3",
    "emoji 😀 日本.mp3".encode(),
    b"bad\xff\xfe.mp3",
    b"<img src=x onerror=alert(1)>.mp3",
    b"=cmd|calc!A1.mp3",
    b"quote\"'.mp3",
    "rlo\u202egpj.mp3".encode(),
    b"n" * 251 + b".mp3",
    b"star*[x]?.mp3",
    b"@list.mp3",
]


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"sound")


def _find(*arguments: str | Path, recursive: bool = False) -> list[Media | Skipped]:
    return list(find_media([str(argument) for argument in arguments], recursive=recursive))


def _names(found: list[Media | Skipped]) -> list[str]:
    return [item.path.name for item in found if isinstance(item, FileMedia)]


def _reasons(found: list[Media | Skipped]) -> dict[str, str]:
    return {Path(item.path).name: str(item.reason) for item in found if isinstance(item, Skipped)}


def test_a_named_file_is_taken_whatever_its_extension(tmp_path: Path) -> None:
    _touch(tmp_path, "talk.dat")
    assert _find(tmp_path / "talk.dat") == [FileMedia(tmp_path / "talk.dat")]


def test_a_folder_gives_its_media_in_natural_order_and_not_its_other_files(tmp_path: Path) -> None:
    _touch(tmp_path, "part 10.mp3", "part 2.MP4", "Part 1.flac", "notes.txt", ".hidden.mp3", "sub/deep.mp3")
    found = _find(tmp_path)
    assert _names(found) == ["Part 1.flac", "part 2.MP4", "part 10.mp3"]
    assert all(isinstance(item, FileMedia) and item.root == tmp_path for item in found)


def test_sub_folders_are_walked_only_if_asked(tmp_path: Path) -> None:
    _touch(tmp_path, "b.mp3", "a/2.mp3", "a/1/x.ogg", "c/3.mkv")
    assert _names(_find(tmp_path)) == ["b.mp3"]
    assert _names(_find(tmp_path, recursive=True)) == ["b.mp3", "2.mp3", "x.ogg", "3.mkv"]


def test_one_file_named_in_several_ways_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touch(tmp_path, "a.mp3", "sub/b.mp3")
    (tmp_path / "also").symlink_to("sub")
    monkeypatch.chdir(tmp_path)
    found = _find("a.mp3", "./a.mp3", tmp_path / "sub/../a.mp3", ".", "*.mp3", "also/b.mp3", "sub/b.mp3")
    assert _names(found) == ["a.mp3", "b.mp3"]
    assert _find("-", "-", "http://x/a.mp3", "http://x/a.mp3") == [StdinMedia(), UrlMedia("http://x/a.mp3")]


def test_a_missing_file_is_a_failure_and_the_rest_goes_on(tmp_path: Path) -> None:
    _touch(tmp_path, "a.mp3")
    missing, found = _find(tmp_path / "no\x1b.mp3", tmp_path / "a.mp3")
    assert isinstance(missing, Skipped)
    assert isinstance(missing.reason, MediaNotFound)
    assert "\\x1b" in str(missing.reason)
    assert found == FileMedia(tmp_path / "a.mp3")


@pytest.mark.parametrize("name", ["x" * 300, "nul\0byte", "file.mp3/below"])
def test_an_impossible_name_is_missing(tmp_path: Path, name: str) -> None:
    _touch(tmp_path, "file.mp3")
    (found,) = _find(f"{tmp_path}/{name}")
    assert isinstance(found, Skipped)
    assert isinstance(found.reason, MediaNotFound)


@pytest.mark.parametrize("raw", HOSTILE_NAMES)
def test_any_name_is_found_in_a_folder_by_name_and_in_a_list(
    tmp_path: Path, raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(raw)
    _touch(tmp_path, name)
    expected = FileMedia(tmp_path / name, tmp_path)
    assert _find(".") == [expected]
    assert _find(name) == [FileMedia(tmp_path / name)]
    if b"\n" not in raw:
        (tmp_path / "list").write_bytes(b"# names\n\n" + raw + b"\r\n")
        assert _find("@list") == [FileMedia(tmp_path / name)]


def test_a_pattern_is_expanded_only_where_no_file_has_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _touch(tmp_path, "a1.mp3", "a2.mp3", "a10.mp3", ".a.mp3")
    assert _names(_find("a*.mp3")) == ["a1.mp3", "a2.mp3", "a10.mp3"]
    assert _names(_find("a[12].mp3")) == ["a1.mp3", "a2.mp3"]
    _touch(tmp_path, "a*.mp3")
    assert _names(_find("a*.mp3")) == ["a*.mp3"]


def test_patterns_hold_in_a_folder_whose_own_name_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touch(tmp_path, "[2024] talks/a.mp3", "[2024] talks/b.mp3")
    (tmp_path / "[2024] talks/c[1]*.mp3").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path / "[2024] talks")
    found = _find("*.mp3")
    assert _names(found) == ["a.mp3", "b.mp3"]
    assert set(_reasons(found)) == {"c[1]*.mp3"}


def test_two_stars_cross_folders_only_if_recursive(tmp_path: Path) -> None:
    _touch(tmp_path, "top.mp3", "a/one.mp3", "a/b/two.mp3", "a/b/c/three.wav")
    (tmp_path / "a/loop").symlink_to(tmp_path)
    assert _names(_find(tmp_path / "**/*.mp3")) == ["one.mp3"]
    found = _find(tmp_path / "**/*.mp3", recursive=True)
    assert _names(found) == ["two.mp3", "one.mp3", "top.mp3"]
    assert all(isinstance(item, FileMedia) and item.root == tmp_path for item in found)
    assert _names(_find(tmp_path / "a/**", recursive=True)) == ["three.wav", "two.mp3", "one.mp3"]


def test_a_pattern_that_matches_nothing_is_a_failure(tmp_path: Path) -> None:
    (found,) = _find(tmp_path / "*.mp3")
    assert isinstance(found, Skipped)
    assert isinstance(found.reason, MediaNotFound)


def test_a_list_is_read_relative_to_its_folder_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touch(tmp_path, "lists/a.mp3", "a.mp3", "b.mp3", "lists/sub/c.mp3", "lists/@d.mp3")
    lines = ["\ufeff# comment", "", "a.mp3", "b.mp3", "sub", "https://x/y.mp3", "@d.mp3", "@nested.txt", "gone.mp3"]
    (tmp_path / "lists/all.txt").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = _find("@lists/all.txt")
    assert found[:5] == [
        FileMedia(tmp_path / "lists/a.mp3"),
        FileMedia(tmp_path / "b.mp3"),
        FileMedia(tmp_path / "lists/sub/c.mp3", tmp_path / "lists/sub"),
        UrlMedia("https://x/y.mp3"),
        FileMedia(tmp_path / "lists/@d.mp3"),
    ]
    nested, gone = found[5:]
    for item in (nested, gone):
        assert isinstance(item, Skipped)
        assert isinstance(item.reason, MediaNotFound)


@pytest.mark.parametrize("name", ["gone.txt", "folder", "pipe"])
def test_a_list_that_cannot_be_read_is_a_failure(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (found,) = _find(f"@{tmp_path / name}")
    assert isinstance(found, Skipped)
    assert isinstance(found.reason, InputError)


def test_what_only_looks_like_media_in_a_folder_is_skipped_with_a_reason(tmp_path: Path) -> None:
    outside = tmp_path / "outside.mp3"
    root = tmp_path / "root"
    _touch(tmp_path, "outside.mp3", "root/good.mp3", "elsewhere/x.mp3")
    (root / "inside.mp3").symlink_to("good.mp3")
    (root / "out.mp3").symlink_to(outside)
    (root / "passwd.mp3").symlink_to("/etc/passwd")
    (root / "loop.mp3").symlink_to("loop.mp3")
    (root / "dangling.mp3").symlink_to("/nonexistent")
    (root / "folder.mp3").mkdir()
    os.mkfifo(root / "fifo.mp3")
    (root / "self").symlink_to(".")
    (root / "away").symlink_to(tmp_path / "elsewhere")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket.mp3"))
        found = _find(root)
        deep = _find(root, recursive=True)
    assert _names(found) == ["good.mp3", "inside.mp3"]
    assert _names(deep) == ["good.mp3", "inside.mp3"]
    reasons = _reasons(found)
    assert set(reasons) == {
        *("out.mp3", "passwd.mp3", "loop.mp3", "dangling.mp3"),
        *("folder.mp3", "fifo.mp3", "socket.mp3"),
    }
    assert reasons["fifo.mp3"] == "a named pipe"
    assert reasons["socket.mp3"] == "a socket"
    assert all(isinstance(item.reason, str) for item in found if isinstance(item, Skipped))
    assert set(_reasons(deep)) == set(reasons) - {"folder.mp3"} | {"self", "away"}


def test_a_device_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    for name in ("/dev/zero", str(tmp_path / "pipe.mp3")):
        (found,) = _find(name)
        assert isinstance(found, Skipped)
        assert isinstance(found.reason, UnreadableMedia)


def test_an_unreadable_file_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touch(tmp_path, "secret.mp3", "open.mp3")
    (tmp_path / "secret.mp3").chmod(0)
    real = os.access
    # Root may read everything, so the permission bits are asked in its place.
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: real(path, mode) and bool(os.stat(path).st_mode & stat.S_IRUSR),  # noqa: PTH116
    )
    for argument in (tmp_path, tmp_path / "secret.mp3"):
        skipped = [item for item in _find(argument) if isinstance(item, Skipped)]
        assert [type(item.reason) for item in skipped] == [UnreadableMedia]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_another_user_may_not_read_is_a_failure() -> None:
    script = (
        "import os, sys; os.chdir(sys.argv[1])\n"
        "from parakeet_cli.transcription.media.inputs import find_media\n"
        "os.setuid(65534)\n"
        "for item in find_media(['.'], recursive=True): print(type(getattr(item, 'reason', item)).__name__)\n"
    )
    # Not tmp_path, whose parents are closed to others.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        _touch(folder, "secret.mp3", "open.mp3", "closed/x.mp3")
        folder.chmod(0o755)
        (folder / "secret.mp3").chmod(0)
        (folder / "closed").chmod(0)
        command = [sys.executable, "-c", script, name]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["FileMedia", "UnreadableMedia", "UnreadableMedia"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/talks/day%201.mp3?token=1#t", "day 1"),
        ("https://example.org/a%2F..%2F..%2Fetc%2Fpasswd", "a_.._."),
        ("https://example.org/%2e%2e/", "example"),
        ("https://example.org", "example"),
        ("https://example.org/x%00%0a%1b.mp3", "x___"),
        ("https://example.org/" + "é" * 300 + ".mp3", "é" * 100),
    ],
)
def test_a_url_gives_a_safe_name(url: str, name: str) -> None:
    found = media_name(UrlMedia(url))
    assert found == name
    assert "/" not in found
    assert found not in ("", ".", "..")


def test_a_file_gives_its_stem_and_stdin_its_name() -> None:
    assert media_name(FileMedia(Path("/x/talk.v1.mp3"))) == "talk.v1"
    assert media_name(StdinMedia()) == "stdin"
