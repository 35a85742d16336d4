"""The systemd unit: systemd itself reads it where it is installed, and its notices arrive."""

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from parakeet_cli.server.service_notice import READY, STOPPING, tell_manager
from parakeet_cli.server.service_unit import ENVIRONMENT_FILE, closed_to_others, service_unit
from parakeet_cli.settings import ServerSettings

COMMAND = ["/usr/bin/env", "parakeet", "serve"]


def values(unit: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)


def verify(unit: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """What systemd says to it; silence is consent."""
    program = shutil.which("systemd-analyze")
    if not program:
        pytest.skip("there is no systemd-analyze on this machine")
    path = folder / "parakeet.service"
    path.write_text(unit)
    environment = os.environ | {"SYSTEMD_LOG_LEVEL": "warning"}
    return subprocess.run(
        [program, "verify", path], capture_output=True, text=True, check=False, env=environment, timeout=60
    )


def test_systemd_takes_the_unit_without_a_word(tmp_path: Path) -> None:
    done = verify(service_unit(COMMAND, {"PARAKEET_MODEL": "v3"}), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_would_complain_of_a_program_that_is_not_there(tmp_path: Path) -> None:
    done = verify(service_unit(["/nowhere/parakeet", "serve"]), tmp_path)
    assert done.returncode != 0
    assert "/nowhere/parakeet" in done.stderr


def test_systemd_finds_a_program_whose_path_has_odd_characters(tmp_path: Path) -> None:
    program = tmp_path / "a b %h $HOME" / "parakeet"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    done = verify(service_unit([str(program), "serve", "--allow-host", "50% ${x}"]), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_words_and_variables_are_written_so_that_systemd_changes_nothing_in_them() -> None:
    unit = service_unit(["/opt/parakeet", '100% $x "y" \\'], {"PARAKEET_MODEL": 'a "b" 5% $z'})
    assert values(unit, "ExecStart") == [r'"/opt/parakeet" "100%% $$x \"y\" \\"']
    assert r'"PARAKEET_MODEL=a \"b\" 5%% $z"' in values(unit, "Environment")


@pytest.mark.parametrize(
    "command",
    [["parakeet", "serve"], ["/opt/a'b", "serve"], ["/opt/a\\b"], ["/opt/parakeet", "two\nlines"]],
)
def test_a_command_that_a_unit_cannot_hold_is_refused(command: list[str]) -> None:
    with pytest.raises(ValueError, match=r"absolute path|control characters"):
        service_unit(command)


def test_the_service_has_time_to_finish_and_its_children_are_not_stopped_first() -> None:
    unit = service_unit(COMMAND)
    assert float(values(unit, "TimeoutStopSec")[0]) > ServerSettings().drain_seconds
    assert values(unit, "KillMode") == ["mixed"]
    assert values(unit, "Restart") == ["on-failure"]


def test_the_service_may_use_a_graphics_card_and_write_only_its_own_folders() -> None:
    unit = service_unit(COMMAND)
    forbidden = ("PrivateDevices", "DevicePolicy", "DeviceAllow", "MemoryDenyWriteExecute", "ProcSubset")
    assert [name for name in forbidden if values(unit, name)] == []
    assert values(unit, "ProtectSystem") == ["strict"]
    assert values(unit, "DynamicUser") == ["yes"]
    assert values(unit, "EnvironmentFile") == [f"-{ENVIRONMENT_FILE}"]
    folders = dict(variable.strip('"').split("=") for variable in values(unit, "Environment"))
    assert {folder for folder in folders.values() if not folder.startswith(("%S/parakeet", "%C/parakeet"))} == set()


@pytest.mark.parametrize(
    ("program", "homes"),
    [("/opt/parakeet/bin/parakeet", "yes"), ("/home/ann/.venv/bin/parakeet", "read-only"), ("/homes/p", "yes")],
)
def test_homes_are_hidden_unless_the_program_lies_in_one(program: str, homes: str) -> None:
    assert values(service_unit([program, "serve"]), "ProtectHome") == [homes]


def test_a_program_that_the_services_user_cannot_reach_is_found_out(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    program = folder / "parakeet"
    program.touch(0o755)
    for parent in (tmp_path, folder):
        parent.chmod(0o755)
    closed = next((each for each in reversed(tmp_path.parents) if not each.stat().st_mode & 0o001), None)
    assert closed_to_others(program) == closed
    program.chmod(0o750)
    assert closed_to_others(program) == closed or program
    assert closed_to_others(Path("/usr/bin/env")) is None


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_hears_what_it_is_told(
    abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"@parakeet-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(10)
        tell_manager(READY)
        tell_manager(STOPPING)
        assert [manager.recv(100), manager.recv(100)] == [b"READY=1", b"STOPPING=1"]


@pytest.mark.parametrize("name", ["", "/nowhere/notify"])
def test_nothing_happens_where_no_service_manager_listens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    tell_manager(READY)
