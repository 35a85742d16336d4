"""``parakeet doctor`` and the install rows (I..) of the fault table that a machine without a card can show."""

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.errors import DeviceUnavailable
from tests.conftest import ROOT, Command

pytestmark = pytest.mark.model


def doctor(parakeet: Command, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "parakeet_cli", "doctor", *arguments],
        cwd=parakeet.folder,
        env=parakeet.environment | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_that_works_is_described_with_a_checkpoint_that_does_not_and_exit_code_0(parakeet: Command) -> None:
    (parakeet.folder / "models").mkdir()
    (parakeet.folder / "models/mine.nemo").write_text("half a download")
    done = doctor(parakeet, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)["findings"]
    findings = {finding["subject"]: finding for finding in found}
    assert re.search(r"\d+\.\d+.* at /", findings["ffmpeg"]["fact"])
    assert "CUDA" in findings["torch"]["fact"]
    assert re.match(r"auto takes (cpu|cuda:0) with (fp32|fp16|bf16)", findings["device"]["fact"])
    assert "GiB free" in findings["models folder"]["fact"]
    assert findings["NeMo"]["fact"].startswith("3.0")
    models = [finding for finding in found if finding["subject"] == "model"]
    assert [model["fact"] for model in models if model["problem"] and "mine.nemo" in model["fact"]]
    assert [model["fact"] for model in models if not model["problem"] and model["fact"].startswith("demo at")]


def test_a_machine_without_ffmpeg_is_told_what_to_do_and_exit_code_1(parakeet: Command) -> None:
    done = doctor(parakeet, PARAKEET_FFMPEG="/nowhere/ffmpeg")
    assert done.returncode == 1
    assert "✗ ffmpeg" in done.stdout
    assert "✓ NeMo" in done.stdout
    assert "PARAKEET_FFMPEG" in done.stdout
    assert "does not work here" in done.stdout


@pytest.mark.parametrize(
    ("capability", "built_for", "problem"),
    [
        ((6, 1), ["sm_75", "sm_80", "sm_90"], "GTX 1080 is sm_61, this torch has sm_75 and newer"),
        ((7, 5), ["sm_75", "sm_80"], None),
        ((12, 0), ["sm_75", "sm_90a"], None),
        ((9, 0), [], None),
    ],
)
def test_a_card_too_old_for_this_torch_is_named(
    capability: tuple[int, int], built_for: list[str], problem: str | None
) -> None:
    from parakeet_cli.transcription.pytorch.devices import unsupported_architecture

    found = unsupported_architecture("GTX 1080", capability, built_for)
    assert (found or "").startswith(problem or "")
    assert (found is None) == (problem is None)


def test_auto_takes_the_cpu_where_there_is_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from parakeet_cli.settings import Dtype
    from parakeet_cli.transcription.pytorch.devices import choose_device, choose_dtype

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H100")
    device = choose_device("auto")
    assert device.type == "cpu"
    assert choose_dtype(Dtype.AUTO, device) in (torch.bfloat16, torch.float32)
    assert choose_dtype(Dtype.AUTO, torch.device("cuda", 0)) is torch.float16
    assert choose_dtype(Dtype.FP32, device) is torch.float32
    with pytest.raises(DeviceUnavailable, match="--device cpu"):
        choose_device("cuda")


@pytest.mark.gpu
def test_auto_takes_a_card_that_is_there() -> None:
    from parakeet_cli.transcription.pytorch.devices import choose_device

    assert choose_device("auto").type == "cuda"


@pytest.mark.parametrize(
    ("stranger", "home"),
    [
        (65_534, None),
        (65_534, "/nonexistent"),
        (54_321, "/nonexistent"),
        (54_321, None),
    ],
    indirect=["stranger"],
)
def test_no_home_and_an_arbitrary_user_still_work(stranger: Command, home: str | None) -> None:
    """As in a container with ``--user`` and a read-only root: what is remembered is in the temporary folder."""
    environment = {
        name: value
        for name, value in stranger.environment.items()
        if not name.startswith(("HOME", "XDG_", "PARAKEET_"))
    }
    temporary = stranger.folder.parent
    homeless = replace(
        stranger, environment=environment | {"TMPDIR": str(temporary)} | ({"HOME": home} if home else {})
    )
    recording = ROOT / "tests/data/demo/one-two-three.flac"
    for said in ("1 ok, 0 failed, 0 skipped", "0 ok, 0 failed, 1 skipped"):
        done = homeless("transcribe", recording, "--model", "demo", "-o", "out")
        assert done.returncode == 0, done.stderr
        assert said in done.stderr
    assert [path.name for path in stranger.folder.rglob("*")] == ["out", "one-two-three.srt"]
    assert (temporary / f"parakeet-{stranger.user}").stat().st_mode & 0o777 == 0o700


def test_a_spool_folder_that_cannot_be_written_is_named_where_it_is_needed(parakeet: Command) -> None:
    """stdin must be spooled; the message names the folder."""
    done = parakeet(
        "transcribe", "-", stdin=b"RIFF" * 1000, environment={"PARAKEET_SPOOL": "/proc/nowhere", "HOME": "/proc"}
    )
    assert done.returncode == 7
    assert "/proc/nowhere" in done.stderr


def test_unsupported_pythons_are_refused_by_the_metadata() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.14"


def test_the_wheel_holds_the_demo_checkpoint_and_its_licence(tmp_path: Path) -> None:
    """Installed from a wheel alone, ``--model demo`` works without network."""
    import zipfile

    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT],
        check=True,
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "parakeet_cli/models/parakeet-tdt-demo.nemo" in names
    assert "parakeet_cli/timing/one-two-three.flac" in names
    for licence in ("LICENSE-demo-checkpoint.md", "LICENSE-one-two-three.md"):
        assert any("/licenses/" in name and name.endswith(licence) for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, tmp_path / "site"], check=True)
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from parakeet_cli.transcription.checkpoints import find; print(find('demo').path)",
        ],
        cwd=tmp_path,
        env=parakeet_environment(tmp_path / "site"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(tmp_path / "site/parakeet_cli/models/parakeet-tdt-demo.nemo")


def parakeet_environment(site: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(site)}
