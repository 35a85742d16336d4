"""The image and the compose file, as far as they can be judged without a container engine."""

import itertools
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.conftest import ROOT, skip_for_want_of

DOCKERFILE = ROOT / "Dockerfile"
COMPOSE = ROOT / "docker-compose.yml"


class Loader(yaml.SafeLoader):
    """Knows compose's own tag for what an extended service has and this one has not."""


Loader.add_constructor("!reset", lambda _loader, _node: None)


def compose(**variables: str) -> dict[str, Any]:
    """The compose file as it reads with these variables in the environment."""

    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        return variables.get(name) or default

    text = COMPOSE.read_text(encoding="utf-8")
    text = re.sub(r"\$\{(?P<name>\w+):-(?P<default>[^}]*)\}", value, text)
    assert "$" not in text
    loaded: dict[str, Any] = yaml.load(text, Loader)  # a SafeLoader
    return loaded


def service(**variables: str) -> dict[str, Any]:
    parakeet: dict[str, Any] = compose(**variables)["services"]["parakeet"]
    return parakeet


def cpu_service() -> dict[str, Any]:
    """The one that stands in comments."""
    lines = COMPOSE.read_text(encoding="utf-8").splitlines()
    block = itertools.takewhile(
        lambda line: line.startswith("#   "), itertools.dropwhile(lambda line: line != "#   parakeet-cpu:", lines)
    )
    loaded: dict[str, Any] = yaml.load("\n".join(line[2:] for line in block), Loader)  # a SafeLoader
    return loaded


def instructions(word: str) -> list[str]:
    """The arguments of each such instruction of the Dockerfile, continued lines joined, in order."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return re.findall(rf"^{word}\s+(.*)$", text, re.MULTILINE)


def sent_to_the_builder() -> list[str]:
    """What .dockerignore lets through: it refuses all, then names what is let in."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    return [line[1:] for line in lines if line.startswith("!")]


def environment_of_the_image() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in shlex.split(instructions("ENV")[-1]))


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    program = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not program:
        skip_for_want_of("hadolint")
    done = subprocess.run([program, DOCKERFILE], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert instructions("USER") == ["1000:1000"]
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["/usr/local/bin/parakeet-entrypoint"]
    assert any(re.search(r"apt-get install .* tini ", run) for run in instructions("RUN"))
    assert json.loads(instructions("CMD")[-1]) == ["serve"]
    assert not re.search(r"chown|chmod -R|ADD |curl|wget", DOCKERFILE.read_text())


def test_everything_that_the_image_writes_lies_in_its_volume() -> None:
    (volume,) = instructions("VOLUME")
    variables = environment_of_the_image()
    written = ("HOME", "TMPDIR", "PARAKEET_CACHE_DIR", "PARAKEET_STATE_DIR", "PARAKEET_SPOOL", "NUMBA_CACHE_DIR")
    assert {name: variables[name] for name in written if not Path(variables[name]).is_relative_to(volume)} == {}


def test_the_image_holds_no_key() -> None:
    assert not [name for name in environment_of_the_image() if re.search("KEY|TOKEN|SECRET|PASSWORD", name)]
    assert [line for line in instructions("ARG") if re.search("KEY|TOKEN|SECRET|PASSWORD", line)] == []


def test_torch_is_installed_first_and_alone_as_the_makefile_does() -> None:
    runs = instructions("RUN")
    torch = next(number for number, run in enumerate(runs) if re.search(r"-c constraints\.txt .* torch$", run))
    rest = next(number for number, run in enumerate(runs) if "-r requirements.txt" in run)
    assert torch < rest


def test_a_wheel_with_every_file_of_the_package_comes_from_what_is_sent_to_the_builder(tmp_path: Path) -> None:
    context, wheels = tmp_path / "context", tmp_path / "wheels"
    for name in sent_to_the_builder():
        source, target = ROOT / name, context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(source, target)
    for copied in instructions("COPY"):
        sources = [word for word in copied.split()[:-1] if not word.startswith("--")]
        if "--from=" not in copied:
            assert [source for source in sources if not (context / source).exists()] == []
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(wheels)]
    subprocess.run(build, cwd=context, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    package = {
        str(path.relative_to(context)) for path in (context / "parakeet_cli").rglob("*") if path.is_file()
    }  # code, and the page's templates and static files
    assert package - packed == set()
    assert "parakeet_cli/models/parakeet-tdt-demo.nemo" in packed
    assert any(name.endswith("licenses/models/LICENSE-demo-checkpoint.md") for name in packed)


def test_the_compose_file_follows_the_compose_specification() -> None:
    schema = json.loads((ROOT / "tests" / "data" / "compose-spec" / "compose-spec.json").read_text(encoding="utf-8"))
    validator = jsonschema_rs.validator_for(schema)
    with_cpu = compose()
    with_cpu["services"] |= cpu_service()
    with_typo = compose()
    with_typo["services"]["parakeet"]["read-only"] = True
    assert [error.message for error in validator.iter_errors(compose())] == []
    assert [error.message for error in validator.iter_errors(with_cpu)] == []
    assert not validator.is_valid(with_typo)


def test_the_compose_file_knows_the_variables_of_the_original_and_their_defaults() -> None:
    environment = service()["environment"]
    assert (environment["PUID"], environment["PGID"]) == (1000, 1000)
    assert (environment["IDLE_TIMEOUT_MINUTES"], environment["ENABLE_LAZY_LOAD"]) == (30, True)
    assert environment["API_KEY"] is None
    assert "CHUNK_MINITE" in environment
    changed = service(PUID="1001", PGID="1002", API_KEY="abc", CHUNK_MINITE="5", IDLE_TIMEOUT_MINUTES="0")
    assert changed["user"] == "1001:1002"
    assert (
        changed["environment"]
        | {
            "PUID": 1001,
            "PGID": 1002,
            "API_KEY": "abc",
            "CHUNK_MINITE": 5,
            "IDLE_TIMEOUT_MINUTES": 0,
        }
        == (changed["environment"])
    )


def test_every_variable_of_the_image_and_of_compose_has_a_reader() -> None:
    from typer.main import get_command

    from parakeet_cli.cli.main import app

    options = get_command(app).commands["serve"].params  # type: ignore[attr-defined] # a group
    read = {
        name
        for option in options
        for name in ([option.envvar] if isinstance(option.envvar, str) else option.envvar or ())
    }
    entrypoint = (ROOT / "docker" / "entrypoint.sh").read_text()
    package = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "parakeet_cli").rglob("*.py"))
    read |= set(re.findall(r"\$\{?([A-Z_]+)", entrypoint)) | set(re.findall(r'"(PARAKEET_[A-Z_]+)"', package))
    of_others = {"PATH", "PYTHONUNBUFFERED", "HOME", "USER", "NUMBA_CACHE_DIR"}
    given = {*environment_of_the_image(), *service()["environment"]}
    assert {name for name in given - read - of_others if not name.startswith("NVIDIA_")} == set()
    assert {"CHUNK_MINITE", "IDLE_TIMEOUT_MINUTES", "ENABLE_LAZY_LOAD", "API_KEY"} <= read


def test_the_composed_service_is_shut_in() -> None:
    parakeet = service()
    assert parakeet["ports"] == ["127.0.0.1:5092:5092"]
    assert service(PARAKEET_PUBLISH="5092")["ports"] == ["5092:5092"]
    assert parakeet["user"] == "1000:1000"
    assert parakeet["read_only"] is True
    assert parakeet["tmpfs"] == ["/tmp"]
    assert parakeet["cap_drop"] == ["ALL"]
    assert parakeet["security_opt"] == ["no-new-privileges:true"]
    assert "./models:/app/models:ro" in parakeet["volumes"]
    assert parakeet["deploy"]["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    ]
    assert cpu_service()["parakeet-cpu"]["deploy"] is None


def test_the_composed_service_and_the_image_agree() -> None:
    parakeet, variables = service(), environment_of_the_image()
    check = instructions("HEALTHCHECK")[0].partition(" CMD ")[2]
    assert parakeet["healthcheck"]["test"][1:] == json.loads(check)
    assert parakeet["ports"][0].endswith(f":{variables['PARAKEET_PORT']}")
    assert instructions("EXPOSE") == [variables["PARAKEET_PORT"]]
    mounted = {volume.split(":")[1] for volume in parakeet["volumes"]}
    assert mounted == {variables["PARAKEET_MODELS_DIR"], variables["PARAKEET_DATA_DIR"]}


def test_the_composed_service_is_given_time_to_finish() -> None:
    from parakeet_cli.settings import ServerSettings

    assert float(service()["stop_grace_period"].removesuffix("s")) > ServerSettings().drain_seconds


@pytest.fixture(params=[200, 503])
def answering(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Status and port of a server that answers /health/live with that status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            self.send_response(request.param if self.path == "/health/live" else 404)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield request.param, server.server_port
        server.shutdown()
        thread.join()


def health_check(port: int) -> "subprocess.CompletedProcess[str]":
    script = ROOT / "docker" / "healthcheck.py"
    environment = {"PARAKEET_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run(
        [sys.executable, "-I", "-S", script], env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def test_the_health_check_asks_the_server_whether_it_lives(answering: tuple[int, int]) -> None:
    status, port = answering
    done = health_check(port)
    assert (done.returncode == 0) == (status == 200)
    assert ("503" in done.stderr) == (status == 503)


def test_the_health_check_fails_where_nobody_listens() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        done = health_check(unheard.getsockname()[1])
    assert done.returncode == 1
    assert "ConnectionRefusedError" in done.stderr
