"""``parakeet serve --install-service``: what the unit says, where it goes, and what systemd is told."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command

PROGRAM = [sys.executable, "-P", "-m", "parakeet_cli", "serve"]


def exec_start(unit: str) -> str:
    (line,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    return str(line)


def test_a_unit_is_printed_that_serves_with_the_same_options(parakeet: Command) -> None:
    done = parakeet("serve", "--model", "demo", "--install-service", "--port", "80")
    assert done.returncode == 0
    assert exec_start(done.stdout) == " ".join(f'"{word}"' for word in [*PROGRAM, "--model", "demo", "--port", "80"])
    assert "[Install]" in done.stdout


def test_files_are_named_so_that_the_service_finds_them(parakeet: Command) -> None:
    (parakeet.folder / "keys.txt").write_text("a-key-that-is-long-enough-for-a-server\n")
    (parakeet.folder / "mine.nemo").write_text("")
    done = parakeet("serve", "--install-service", "--api-keys-file=keys.txt", "-m", "mine.nemo", "--port", "80")
    assert done.returncode == 0, done.stderr
    folder = parakeet.folder
    words = [*PROGRAM, f"--api-keys-file={folder}/keys.txt", "-m", f"{folder}/mine.nemo", "--port", "80"]
    assert exec_start(done.stdout) == " ".join(f'"{word}"' for word in words)
    again = parakeet("serve", "--install-service", "--api-keys-file=./keys.txt", "-m./mine.nemo", "--port", "80")
    assert exec_start(again.stdout) == " ".join(f'"{word}"' for word in [*words[:-4], f"-m{words[-3]}", *words[-2:]])
    other = parakeet("serve", "--install-service", "--model", "/on/another/machine.nemo")
    assert (other.returncode, "Traceback" in other.stderr) == (0, False)


def test_a_key_is_not_written_into_a_unit_that_everybody_may_read(parakeet: Command) -> None:
    for key in (["--api-key", "secret"], ["--api-key=secret"]):
        done = parakeet("serve", "--install-service", *key)
        assert done.returncode == 2
        assert done.stdout == ""
        assert "/etc/parakeet/environment" in done.stderr.replace("\n", "")
    kept = parakeet("serve", "--install-service", environment={"API_KEY": "secret"})
    assert kept.returncode == 0
    assert "secret" not in kept.stdout


def test_options_that_would_not_serve_make_no_unit(parakeet: Command) -> None:
    done = parakeet("serve", "--install-service", "--max-upload", "much")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("is_there", [True, False])
def test_in_a_terminal_the_unit_is_written(is_there: bool, tmp_path: Path) -> None:
    place = tmp_path / "system" / "parakeet.service"
    if is_there:
        place.parent.mkdir()
    code = (
        "import sys; from pathlib import Path; from parakeet_cli.cli.serve_service import install_service\n"
        f"install_service(['--port', '80'], place=Path({str(place)!r}))"
    )
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(theirs)
    os.close(ours)
    assert (done.returncode == 0) == is_there
    if is_there:
        assert exec_start(place.read_text()).endswith('"serve" "--port" "80"')
        assert "systemctl enable --now parakeet" in done.stderr
    else:
        assert "use sudo" in done.stderr


def test_the_service_manager_is_told_when_the_server_listens_and_when_it_stops(
    parakeet: Command, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        with parakeet.start("serve", "--port", "0", NOTIFY_SOCKET=str(tmp_path / "notify")) as server:
            assert manager.recv(100) == b"READY=1"
            server.send_signal(signal.SIGTERM)
            assert manager.recv(100) == b"STOPPING=1"
            server.communicate(timeout=60)
        assert server.returncode == 0
