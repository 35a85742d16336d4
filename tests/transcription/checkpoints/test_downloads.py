import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from parakeet_cli.errors import DiskFull, ModelCorrupt, ModelNotFound, OutputUnwritable
from parakeet_cli.transcription.checkpoints import downloads
from parakeet_cli.transcription.checkpoints import hub as hub_module
from parakeet_cli.transcription.checkpoints.downloads import Receipt, fetch, read_receipt
from parakeet_cli.transcription.checkpoints.hub import HubFile
from tests.transcription.checkpoints.hub_server import COMMIT, Hub, running_hub

CONTENT = hashlib.shake_256(b"a checkpoint").digest(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WANTED = HubFile("tiny", "acme/tiny", "tiny.nemo", "main")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(downloads, "PAUSES", (0.01, 0.02))
    with running_hub() as server:
        server.files["acme/tiny/tiny.nemo"] = CONTENT
        yield server


class Recorder:
    def __init__(self) -> None:
        self.waited = threading.Event()
        self.steps: list[tuple[int, int]] = []

    def waits(self, path: Path) -> None:
        self.waited.set()

    def advances(self, done: int, total: int) -> None:
        self.steps.append((done, total))


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_download_is_checked_and_leaves_a_receipt_of_commit_and_sha256(hub: Hub, tmp_path: Path) -> None:
    watcher = Recorder()
    path = fetch(WANTED, tmp_path / "new", watcher, hub.url)
    assert path.read_bytes() == CONTENT
    assert read_receipt(path) == Receipt("acme/tiny", "tiny.nemo", COMMIT, len(CONTENT), SHA256)
    assert watcher.steps[-1] == (len(CONTENT), len(CONTENT))
    assert left_in(path.parent) == {"tiny.nemo", "tiny.nemo.json", ".tiny.nemo.lock"}


def test_the_bytes_come_from_the_commit_that_the_branch_had(hub: Hub, tmp_path: Path) -> None:
    fetch(WANTED, tmp_path, endpoint=hub.url)
    assert [path.split("/")[4] for _, path, _ in hub.requests] == ["main", COMMIT]


def test_a_file_that_is_there_is_not_asked_for(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "tiny.nemo").write_bytes(b"mine")
    assert fetch(WANTED, tmp_path, endpoint=hub.url).read_bytes() == b"mine"
    assert hub.requests == []


def test_a_cut_connection_is_taken_up_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    hub.faults = deque(["cut", "cut"])
    assert fetch(WANTED, tmp_path, endpoint=hub.url).read_bytes() == CONTENT
    assert hub.gets() == [None, "bytes=150000-", "bytes=225000-"]


def test_a_server_that_cannot_resume_starts_again(hub: Hub, tmp_path: Path) -> None:
    hub.ranges, hub.faults = False, deque(["cut"])
    assert fetch(WANTED, tmp_path, endpoint=hub.url).read_bytes() == CONTENT


def test_a_download_that_never_gets_on_fails_and_keeps_what_it_has(hub: Hub, tmp_path: Path) -> None:
    hub.faults = deque(["cut"] + ["404"] * 9)
    with pytest.raises(ModelNotFound, match=r"beyond 150000 of 300000 bytes .* goes on from there"):
        fetch(WANTED, tmp_path, endpoint=hub.url)
    hub.faults.clear()
    assert fetch(WANTED, tmp_path, endpoint=hub.url).read_bytes() == CONTENT
    assert hub.gets()[-1] == "bytes=150000-"


@pytest.mark.parametrize("fault", ["wrong", "html"])
def test_wrong_content_is_moved_aside_and_downloaded_once_more(fault: str, hub: Hub, tmp_path: Path) -> None:
    hub.faults = deque([fault])
    assert fetch(WANTED, tmp_path, endpoint=hub.url).read_bytes() == CONTENT
    assert "tiny.nemo.bad" in left_in(tmp_path)


def test_content_that_is_wrong_twice_is_an_error_with_both_sizes_and_sums(hub: Hub, tmp_path: Path) -> None:
    hub.faults = deque(["wrong", "wrong"])
    with pytest.raises(ModelCorrupt) as caught:
        fetch(WANTED, tmp_path, endpoint=hub.url)
    zeros = hashlib.sha256(bytes(len(CONTENT))).hexdigest()
    for fact in (str(tmp_path / "tiny.nemo.bad"), "300000 bytes", SHA256, zeros):
        assert fact in str(caught.value)
    assert not (tmp_path / "tiny.nemo").exists()
    assert len(hub.gets()) == 2


def test_a_web_page_instead_of_the_file_is_called_so(hub: Hub, tmp_path: Path) -> None:
    hub.faults = deque(["html", "html"])
    with pytest.raises(ModelCorrupt, match="as a web page twice"):
        fetch(WANTED, tmp_path, endpoint=hub.url)


def test_a_login_page_instead_of_the_hub_is_an_error(hub: Hub, tmp_path: Path) -> None:
    hub.everywhere = "html"
    with pytest.raises(ModelCorrupt, match="perhaps a web page"):
        fetch(WANTED, tmp_path, endpoint=hub.url)


def test_another_file_than_the_pinned_one_is_refused_before_its_bytes_come(hub: Hub, tmp_path: Path) -> None:
    pinned = HubFile("tiny", "acme/tiny", "tiny.nemo", "main", "0" * 64)
    with pytest.raises(ModelCorrupt, match="0000 is pinned"):
        fetch(pinned, tmp_path, endpoint=hub.url)
    assert hub.gets() == []


def test_a_file_that_the_hub_does_not_have_is_not_found(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="neither on this machine nor at http://127"):
        fetch(HubFile("none", "acme/none", "none.nemo", "main"), tmp_path, endpoint=hub.url)


def test_a_hub_in_trouble_is_named_with_its_answer(hub: Hub, tmp_path: Path) -> None:
    hub.everywhere = "503"
    with pytest.raises(ModelNotFound, match="answers 503: try again later"):
        fetch(WANTED, tmp_path, endpoint=hub.url)


def test_without_network_one_sentence_says_command_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound) as caught:
        fetch(WANTED, tmp_path, endpoint="http://127.0.0.1:1")
    assert str(caught.value) == (
        "tiny is not on this machine and 127.0.0.1:1 cannot be reached: run `parakeet models download tiny` "
        f"on a machine with network and put its tiny.nemo into {tmp_path}."
    )


@pytest.mark.parametrize("limit", ["STALL_SECONDS", "ANSWER_SECONDS"])
def test_a_hub_that_never_answers_is_given_up(
    limit: str, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub_module.ANSWER_SECONDS < 30
    monkeypatch.setattr(hub_module, limit, 0.3)
    hub.everywhere = "silent"
    with pytest.raises(ModelNotFound, match="cannot be reached"):
        fetch(WANTED, tmp_path, endpoint=hub.url)


def test_offline_mode_opens_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("socket.socket.connect", pytest.fail)
    monkeypatch.setattr("socket.getaddrinfo", pytest.fail)
    with pytest.raises(ModelNotFound, match="HF_HUB_OFFLINE forbids the network: run `parakeet models"):
        fetch(WANTED, tmp_path)


def test_a_full_disk_is_found_out_before_the_first_byte(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "SPARE_BYTES", 2**60)
    with pytest.raises(DiskFull, match=f"{tmp_path} has .* needs {2**60 + len(CONTENT)}"):
        fetch(WANTED, tmp_path, endpoint=hub.url)
    assert hub.gets() == []


def test_a_folder_that_cannot_be_made_is_named(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritable, match="file/models cannot hold tiny"):
        fetch(WANTED, tmp_path / "file" / "models", endpoint=hub.url)


def start_download(hub: Hub, folder: Path) -> subprocess.Popen[bytes]:
    program = (
        "import sys; from pathlib import Path; from parakeet_cli.transcription.checkpoints.downloads import fetch;"
        "from parakeet_cli.transcription.checkpoints.hub import HubFile;"
        "fetch(HubFile('tiny', 'acme/tiny', 'tiny.nemo', 'main'), Path(sys.argv[1]), endpoint=sys.argv[2])"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(folder), hub.url])
    deadline = time.monotonic() + 20
    while not any(path.stat().st_size for path in folder.glob(".*.part")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    return process


def test_a_second_process_waits_and_takes_over_when_the_first_is_killed(hub: Hub, tmp_path: Path) -> None:
    hub.files["acme/tiny/tiny.nemo"] = content = hashlib.shake_256(b"large").digest(6_000_000)
    hub.seconds_a_block = 0.02
    first = start_download(hub, tmp_path)
    watcher = Recorder()
    second = threading.Thread(target=fetch, args=(WANTED, tmp_path, watcher, hub.url))
    second.start()
    assert watcher.waited.wait(5)
    assert len(hub.gets()) == 1
    hub.seconds_a_block = 0.0
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    second.join(20)
    assert (tmp_path / "tiny.nemo").read_bytes() == content
    assert hub.gets()[1], "the second process goes on where the first was killed"


def test_of_two_processes_one_downloads_and_both_get_the_file(hub: Hub, tmp_path: Path) -> None:
    hub.seconds_a_block = 0.1
    first = start_download(hub, tmp_path)
    assert fetch(WANTED, tmp_path, endpoint=hub.url).read_bytes() == CONTENT
    assert first.wait(20) == 0
    assert len(hub.gets()) == 1


def test_where_the_filesystem_has_no_locks_both_finish_safely(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", no_locks)
    assert fetch(WANTED, tmp_path, endpoint=hub.url).read_bytes() == CONTENT
