import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from parakeet_cli.cli import download_bar
from parakeet_cli.cli.download_bar import DownloadBar
from parakeet_cli.cli.models import app
from parakeet_cli.errors import ModelCorrupt, ModelNotFound, ModelUntrusted
from parakeet_cli.transcription.checkpoints import Places, find
from parakeet_cli.transcription.checkpoints.catalogue import MODELS
from parakeet_cli.transcription.checkpoints.conversions import conversion
from tests.transcription.checkpoints.hub_server import Hub, running_hub

DEMO = Path(__file__).parents[2] / "models" / "parakeet-tdt-demo.nemo"
TINY = "parakeet-tdt_ctc-110m"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("PARAKEET_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("PARAKEET_MODELS_DIR", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as server:
        server.files[f"nvidia/{TINY}/{TINY}.nemo"] = DEMO.read_bytes()
        yield server


@pytest.fixture
def stored(hub: Hub) -> Path:
    return find(TINY, Places(endpoint=hub.url)).path


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=answer)


def test_the_list_shows_every_model_and_where_it_lies(stored: Path) -> None:
    shown = run("list").stdout
    assert all(model.name in shown for model in MODELS)
    assert "v2, 0.6b-v2, default" in shown
    assert str(stored) in "".join(shown.split())


def test_the_list_for_programs_holds_paths_and_foreign_files_too() -> None:
    Path("models").mkdir()
    (Path("models") / "tuned [bold].nemo").write_bytes(b"x")
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)["models"]}
    assert rows["parakeet-tdt-0.6b-v3"]["languages"][:2] == ["bg", "cs"]
    assert rows["parakeet-tdt-0.6b-v2"]["path"] is None
    assert rows["tuned [bold]"]["path"].endswith("/models/tuned [bold].nemo")
    assert rows["demo"]["size"] == DEMO.stat().st_size
    assert "tuned [bold]" in run("list").stdout


def test_a_path_is_printed_alone(stored: Path) -> None:
    assert run("path", "110m").stdout == f"{stored}\n"
    assert run("path", str(DEMO)).stdout == f"{DEMO}\n"


def test_a_path_is_never_downloaded() -> None:
    error = run("path", "v3").exception
    assert isinstance(error, ModelNotFound)
    assert str(error) == "v3 is not on this machine: run `parakeet models download v3`."


def test_removing_asks_first_and_leaves_nothing(stored: Path) -> None:
    stored.with_name(f"{stored.name}.bad").touch()
    assert run("remove", "110m", answer="n\n").exit_code == 1
    assert stored.exists()
    assert run("remove", "110m", answer="y\n").exit_code == 0
    assert list(stored.parent.iterdir()) == []


def test_only_our_own_folder_is_ever_emptied(stored: Path, tmp_path: Path) -> None:
    foreign = [Path("models"), tmp_path / "mine"]
    for folder in foreign:
        folder.mkdir()
        (folder / stored.name).write_bytes(b"mine")
    assert run("remove", "110m", "--yes").exit_code == 0
    for name in ("110m", "demo", "models", f"models/{stored.name}", str(tmp_path / "mine" / stored.name), ".."):
        assert isinstance(run("remove", name, "--yes").exception, ModelNotFound)
    assert all((folder / stored.name).exists() for folder in foreign)
    assert DEMO.exists()


def converted(checkpoint: Path, number_format: str) -> Path:
    path = conversion(hashlib.sha256(checkpoint.read_bytes()).hexdigest(), number_format)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_what_a_model_was_converted_to_is_shown_and_goes_with_it(stored: Path) -> None:
    other = conversion("0" * 64, "bfloat16")
    made = [converted(stored, "bfloat16"), converted(stored, "float32")]
    other.touch()
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)["models"]}
    assert rows["parakeet-tdt_ctc-110m"]["converted"] == [str(path) for path in made]
    assert run("remove", "110m", "--yes").exit_code == 0
    assert list(other.parent.iterdir()) == [other]


def test_conversions_alone_can_be_removed_wherever_the_model_lies() -> None:
    made = converted(DEMO, "bfloat16")
    assert run("remove", "demo", "--converted").exit_code == 0
    assert not made.exists()
    assert DEMO.exists()


def test_a_sound_model_is_verified_with_its_sum(stored: Path) -> None:
    sha256 = hashlib.sha256(DEMO.read_bytes()).hexdigest()
    assert run("verify", "110m").stdout == f"OK: {stored}, sha256 {sha256}, as in the download\n"
    assert run("verify", "demo").stdout.endswith("nothing to compare it with\n")


def test_a_damaged_model_does_not_pass(stored: Path) -> None:
    stored.write_bytes(DEMO.read_bytes()[:-600_000])
    assert isinstance(run("verify", "110m").exception, ModelCorrupt)
    content = bytearray(DEMO.read_bytes())
    content[3_000_000] ^= 1
    stored.write_bytes(content)
    error = run("verify", "110m").exception
    assert isinstance(error, ModelCorrupt)
    assert "damaged or another file" in str(error)


def test_foreign_code_passes_with_trust_only(tmp_path: Path) -> None:
    evil = DEMO.read_bytes().replace(
        b"nemo.collections.asr.modules.RNNTJoint", b"xemo.collections.asr.modules.RNNTJoint"
    )
    Path("evil.nemo").write_bytes(evil)
    assert isinstance(run("verify", "evil.nemo").exception, ModelUntrusted)
    assert run("verify", "evil.nemo", "--trust-model").exit_code == 0


def test_gzip_passes_with_allow_legacy_only(tmp_path: Path) -> None:
    Path("old.nemo").write_bytes(gzip.compress(DEMO.read_bytes()))
    error = run("verify", "old.nemo").exception
    assert isinstance(error, ModelCorrupt)
    assert "--allow-legacy" in str(error)
    assert run("verify", "old.nemo", "--allow-legacy").exit_code == 0


def command(hub: Hub, tmp_path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    program = "import sys; from parakeet_cli.cli.models import app; app(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        env=os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_download_prints_the_path_on_stdout_and_nothing_else(hub: Hub, tmp_path: Path) -> None:
    done = command(hub, tmp_path, "download", "110m")
    path = tmp_path / "cache" / "models" / f"{TINY}.nemo"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}\n", "")
    assert path.read_bytes() == DEMO.read_bytes()


def test_a_long_download_without_a_terminal_writes_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with DownloadBar("v2") as bar:
        bar.advances(1, 2_000_000)
        monkeypatch.setattr(download_bar, "SECONDS_BETWEEN_LINES", 0.0)
        bar.advances(1_000_000, 2_000_000)
        bar.waits(Path("x.nemo"))
    assert capsys.readouterr().err.splitlines() == [
        "Downloading v2: 1.0 MB of 2.0 MB",
        "Another process is downloading x.nemo; waiting for it.",
    ]


def test_the_list_fits_a_narrow_terminal_with_names_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = run("list").stdout
    assert all(model.name in shown for model in MODELS)


def test_help_has_examples_and_loads_nothing_heavy() -> None:
    program = (
        "import sys; from parakeet_cli.cli.models import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'nemo', 'huggingface_hub', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "parakeet models download v3" in done.stdout
    for name in ("list", "download", "path", "remove", "verify"):
        assert "Example" in run(name, "--help").stdout
