"""The container's entrypoint, run for real: who it becomes, what it writes, which key it keeps, what it refuses."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.conftest import ROOT, skip_for_want_of

PROGRAM = """\
#!/bin/sh
# Stands where parakeet does, and tells what it was started as.
echo "arguments=$*"
echo "pid=$$"
grep -E '^(Uid|Gid|Groups|CapEff|NoNewPrivs):' /proc/$$/status
env
trap 'echo "got TERM"; exit 9' TERM
if [ -n "${STAY:-}" ]; then echo ready; while :; do sleep 0.05; done; fi
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@dataclass(frozen=True)
class Told:
    returncode: int
    stdout: str
    stderr: str

    def __getitem__(self, name: str) -> str:
        """A variable or a line of /proc/PID/status, as the program saw it."""
        found = re.search(rf"^{name}[=:][ \t]*(.*?)[ \t]*$", self.stdout, re.MULTILINE)
        assert found, f"{name} is not in {self.stdout or self.stderr!r}"
        return found[1]

    def __contains__(self, name: str) -> bool:
        return re.search(rf"^{name}=", self.stdout, re.MULTILINE) is not None


@dataclass(frozen=True)
class Container:
    """A folder that stands for the image: the entrypoint, a program, and ``data`` where the volume is."""

    folder: Path
    user: int | None = None
    """Who starts it, with a group of that number and no other; None is who runs the tests."""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def key(self) -> Path:
        return self.data / "api-key"

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [self.folder / "entrypoint.sh", *arguments],
            cwd=self.folder,
            env=self._environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )

    def run(self, *arguments: str, **environment: str) -> Told:
        process = self.start(*arguments, **environment)
        stdout, stderr = process.communicate(timeout=30)
        return Told(process.returncode, stdout, stderr)

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return {"PATH": f"{self.folder}:/usr/sbin:/usr/bin:/sbin:/bin", "PARAKEET_DATA_DIR": str(self.data), **more}


@pytest.fixture
def container() -> Iterator[Container]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # not tmp_path, whose parents are closed to others
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(ROOT / "docker" / "entrypoint.sh", folder)
        program = folder / "parakeet"
        program.write_text(PROGRAM)
        program.chmod(0o755)
        (folder / "data").mkdir()
        yield Container(folder)


def started_by(container: Container, user: int) -> Container:
    return replace(container, user=user)


def owner(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid


def test_shellcheck_finds_nothing_in_it() -> None:
    program = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not program:
        skip_for_want_of("shellcheck")
    done = subprocess.run([program, ROOT / "docker" / "entrypoint.sh"], capture_output=True, text=True, check=False)
    assert done.stdout == ""


@needs_root
def test_root_becomes_the_user_that_was_asked_for_and_keeps_no_rights(container: Container) -> None:
    told = container.run("serve", PUID="4321", PGID="5432")
    assert told.returncode == 0
    assert told["Uid"] == "\t".join(["4321"] * 4)
    assert told["Gid"] == "\t".join(["5432"] * 4)
    assert told["Groups"] == ""
    assert int(told["CapEff"], 16) == 0
    assert told["NoNewPrivs"] == "1"
    made = [container.data, *container.data.iterdir()]
    assert {path.name for path in made} == {"data", "cache", "state", "spool", "tmp", "api-key"}
    assert {owner(path) for path in made} == {(4321, 5432)}


@needs_root
@pytest.mark.parametrize("unset", [{}, {"PUID": "", "PGID": ""}])
def test_root_becomes_user_1000_where_none_was_asked_for(container: Container, unset: dict[str, str]) -> None:
    told = container.run("serve", **unset)
    assert (told["Uid"].split()[0], told["Gid"].split()[0]) == ("1000", "1000")


@needs_root
@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PUID", "bob", "not a number"),
        ("PUID", "-1", "not a number"),
        ("PUID", "10.5", "not a number"),
        ("PUID", "10 00", "not a number"),
        ("PUID", "$(id)", "not a number"),
        ("PGID", "staff", "not a number"),
        ("PUID", "0", "root"),
        ("PUID", "000", "root"),
        ("PGID", "0", "root"),
        ("PUID", "4294967295", "above"),
        ("PGID", "99999999999999999999", "above"),
    ],
)
def test_a_user_that_cannot_be_is_refused_in_one_sentence(
    container: Container, variable: str, value: str, says: str
) -> None:
    told = container.run("serve", **{variable: value})
    assert told.returncode == 2
    assert told.stdout == ""
    assert told.stderr.count("\n") == 1
    assert told.stderr.startswith(f"{variable} is ")
    assert says in told.stderr
    assert list(container.data.iterdir()) == []


@needs_root
def test_root_stays_root_only_where_that_is_allowed(container: Container) -> None:
    told = container.run("serve", PUID="0", PGID="0", PARAKEET_ALLOW_ROOT="1")
    assert told.returncode == 0
    assert told["Uid"].split()[0] == "0"


@needs_root
def test_a_folder_with_files_of_others_keeps_its_owners(container: Container) -> None:
    (container.data / "film.mp4").touch()
    os.chown(container.data, 77, 77)
    os.chown(container.data / "film.mp4", 77, 77)
    told = container.run("serve", PUID="4321", PGID="4321")
    assert told.returncode == 7
    assert told.stdout == ""
    assert str(container.data) in told.stderr
    assert "77:77" in told.stderr
    assert "mount" in told.stderr
    assert {owner(container.data), owner(container.data / "film.mp4")} == {(77, 77)}


@needs_root
def test_what_a_link_leads_to_is_not_taken(container: Container) -> None:
    elsewhere = container.folder / "elsewhere"
    elsewhere.mkdir()
    container.data.rmdir()
    container.data.symlink_to(elsewhere)
    assert container.run("serve", PUID="4321", PGID="4321").returncode == 7
    assert owner(elsewhere) == (0, 0)


@needs_root
def test_a_plain_user_stays_who_it_is(container: Container) -> None:
    container.data.chmod(0o1777)
    told = started_by(container, 1234).run("serve")
    assert told.returncode == 0
    assert told["Uid"].split()[0] == "1234"
    assert owner(container.data) == (0, 0)
    assert {owner(path) for path in container.data.iterdir()} == {(1234, 1234)}
    assert {stat.S_IMODE(path.stat().st_mode) for path in container.data.iterdir() if path.is_dir()} == {0o700}


@needs_root
def test_a_plain_user_is_told_that_it_cannot_become_another(container: Container) -> None:
    container.data.chmod(0o1777)
    told = started_by(container, 1234).run("serve", PUID="1000", PGID="100", API_KEY="k")
    assert told["Uid"].split()[0] == "1234"
    assert "--user 1000:100" in told.stderr
    assert started_by(container, 1234).run("serve", PUID="1234", API_KEY="k").stderr == ""


@needs_root
def test_a_data_folder_that_is_closed_says_what_to_mount(container: Container) -> None:
    told = started_by(container, 1234).run("serve")
    assert told.returncode == 7
    assert told.stdout == ""
    assert told.stderr.count("\n") == 1
    assert re.search(rf"{container.data} cannot be written by 1234:1234 .*0:0.*mount a volume", told.stderr)


@needs_root
def test_a_data_folder_that_is_mounted_read_only_says_what_to_mount(container: Container) -> None:
    mount = f"mount --bind {container.data} {container.data} && mount -o remount,bind,ro {container.data}"
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{mount} && exec {container.folder}/entrypoint.sh serve"],
        env={"PATH": os.environ["PATH"], "PARAKEET_DATA_DIR": str(container.data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7
    assert "mount a volume" in done.stderr


@needs_root
def test_a_folder_that_an_earlier_user_left_says_whose_it_is(container: Container) -> None:
    container.data.chmod(0o1777)
    started_by(container, 1234).run("serve")
    told = started_by(container, 1235).run("serve")
    assert told.returncode == 7
    assert "1234:1234" in told.stderr


def test_the_program_takes_the_place_of_the_shell_and_gets_its_signals(container: Container) -> None:
    with container.start("serve", STAY="1", API_KEY="k", PUID="1000", PGID="1000") as process:
        assert process.stdout
        told = ""
        while "ready\n" not in told:
            told += process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "got TERM\n"
    assert process.returncode == 9
    assert f"pid={process.pid}\n" in told


@needs_root
def test_as_process_1_it_becomes_an_init_of_the_user_that_was_asked_for(container: Container) -> None:
    tini = container.folder / "tini"
    tini.write_text('#!/bin/sh\necho "tini $$ $(id -u) $*"\n')
    tini.chmod(0o755)
    namespace = ["unshare", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("there are no process namespaces here")
    done = subprocess.run(
        [*namespace, container.folder / "entrypoint.sh", "serve", "--port", "80"],
        env={"PATH": f"{container.folder}:/usr/bin:/bin", "PARAKEET_DATA_DIR": str(container.data), "PUID": "4321"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "tini 1 4321 -- parakeet serve --port 80\n"


def test_the_first_start_makes_a_key_and_later_ones_keep_it(container: Container) -> None:
    first = container.run("serve")
    key = container.key.read_text()
    assert re.fullmatch("[0-9a-f]{64}", key)
    assert stat.S_IMODE(container.key.stat().st_mode) == 0o600
    assert first["PARAKEET_API_KEYS_FILE"] == str(container.key)
    assert key in first.stderr
    second = container.run("serve")
    assert second["PARAKEET_API_KEYS_FILE"] == str(container.key)
    assert container.key.read_text() == key
    assert key not in second.stderr
    assert str(container.key) in second.stderr
    assert sorted(path.name for path in container.data.iterdir()) == ["api-key", "cache", "spool", "state", "tmp"]


def test_an_empty_file_is_no_key(container: Container) -> None:
    container.run("serve", API_KEY="k")
    container.key.touch()
    os.chown(container.key, *owner(container.data / "state"))
    assert container.run("serve").returncode == 0
    assert len(container.key.read_text()) == 64


@needs_root
def test_a_key_of_another_user_says_what_to_do(container: Container) -> None:
    container.data.chmod(0o1777)
    container.key.write_text("secret")
    container.key.chmod(0o600)
    told = started_by(container, 1234).run("serve")
    assert told.returncode == 7
    assert re.search("api-key cannot be read by 1234:1234: give API_KEY", told.stderr)


def test_containers_that_start_together_on_one_volume_keep_one_key(container: Container) -> None:
    container.run("doctor")  # so that the folders are there
    processes = [container.start("serve") for _ in range(8)]
    printed = "".join(process.communicate(timeout=30)[1] for process in processes)
    assert set(re.findall("[0-9a-f]{64}", printed)) == {container.key.read_text()}


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ((), {"API_KEY": "given"}),
        ((), {"PARAKEET_API_KEYS_FILE": "/run/secrets/keys"}),
        ((), {"PARAKEET_INSECURE_NO_AUTH": "true"}),
        (("--api-key", "given"), {}),
        (("--api-keys-file=/run/secrets/keys",), {}),
        (("--insecure-no-auth",), {}),
    ],
)
def test_no_key_is_made_where_one_is_given_or_none_is_wanted(
    container: Container, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    told = container.run("serve", *arguments, **environment)
    assert told.returncode == 0
    assert told.stderr == ""
    assert not container.key.exists()


@pytest.mark.parametrize("value", ["0", "false", "no", ""])
def test_a_no_to_no_authentication_still_makes_a_key(container: Container, value: str) -> None:
    container.run("serve", PARAKEET_INSECURE_NO_AUTH=value)
    assert container.key.exists()


@pytest.mark.parametrize(
    ("given", "reaches"),
    [
        ((), "serve"),
        (("serve", "--port", "80"), "serve --port 80"),
        (("parakeet", "doctor", "--json"), "doctor --json"),
        (("transcribe", "a b.mp4"), "transcribe a b.mp4"),
        (("--version",), "--version"),
    ],
)
def test_the_arguments_reach_the_program(container: Container, given: tuple[str, ...], reaches: str) -> None:
    told = container.run(*given)
    assert told["arguments"] == reaches
    assert container.key.exists() == reaches.startswith("serve")
