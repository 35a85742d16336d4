"""Nothing that we import calls home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize("imports", ["onnxruntime", "parakeet_cli, onnxruntime"])
def test_onnx_runtime_makes_no_identity_of_this_machine_once_we_are_imported(imports: str, tmp_path: Path) -> None:
    unset = ("ORT_DISABLE_TELEMETRY", "CI", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", f"import {imports}"], env=environment, check=True, timeout=120)
    made = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    if imports == "onnxruntime" and not made:
        pytest.skip("this ONNX Runtime has no telemetry")
    assert ("deviceid" in made) == (imports == "onnxruntime")
