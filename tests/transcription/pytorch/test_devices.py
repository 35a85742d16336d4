"""What is said of cards that cannot be used, where torch's answers are those of a build with CUDA; and threads."""

import logging
import warnings

import pytest
import torch

from parakeet_cli.errors import DeviceUnavailable
from parakeet_cli.settings import Dtype
from parakeet_cli.transcription.pytorch import devices
from parakeet_cli.transcription.pytorch.devices import (
    choose_device,
    choose_dtype,
    cuda_problem,
    report,
    share_processors,
)

OLD_DRIVER = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver by downloading "
    "and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx Alternatively, go to: "
    "https://pytorch.org to install a PyTorch version that has been compiled with your version of the CUDA driver."
)
NO_DRIVER = (
    "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from "
    "http://www.nvidia.com/Download/index.aspx"
)
ERROR_803 = (
    "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that "
    "might have already set an error? Error 803: system has unsupported display driver / cuda driver combination"
)
UNKNOWN = (
    "CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing env variable "
    "CUDA_VISIBLE_DEVICES after program start. Setting the available devices to be zero."
)


def torch_without_a_card(monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    """As a build for CUDA 13.0 does: ``is_available`` warns, ``init`` raises."""

    def is_available() -> bool:
        warnings.warn(f"CUDA initialization: {says}", UserWarning, stacklevel=2)
        return False

    def init() -> None:
        raise RuntimeError(says)

    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    monkeypatch.setattr(torch.cuda, "init", init)


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (OLD_DRIVER, "The NVIDIA driver on your system is too old (found version 11040)."),
        (NO_DRIVER, "Found no NVIDIA driver on your system."),
        (ERROR_803, "system has unsupported display driver / cuda driver combination."),
        ("No CUDA GPUs are available", "No CUDA GPUs are available (is CUDA_VISIBLE_DEVICES empty?)."),
        (
            UNKNOWN,
            "e.g. changing env variable CUDA_VISIBLE_DEVICES after program start (is CUDA_VISIBLE_DEVICES empty?).",
        ),
    ],
)
def test_a_card_that_cannot_be_used_is_told_with_the_driver_found_and_the_cuda_needed(
    monkeypatch: pytest.MonkeyPatch, says: str, told: str
) -> None:
    torch_without_a_card(monkeypatch, says)
    problem = cuda_problem(0)
    assert problem is not None
    assert problem.startswith("This torch needs a driver for CUDA 13.0 and finds no usable card: ")
    assert problem.endswith(told)
    with pytest.raises(DeviceUnavailable, match=r"CUDA 13\.0.*--device cpu"):
        choose_device("cuda")
    assert report().problem == problem


def test_a_card_that_is_there_and_does_not_start_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    torch_without_a_card(monkeypatch, "CUDA error: uncorrectable ECC error encountered\nCUDA kernel errors might be")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert "uncorrectable ECC error encountered" in (cuda_problem(0) or "")
    assert report().cards == ()


def test_auto_that_finds_no_card_where_one_was_hoped_for_warns_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    torch_without_a_card(monkeypatch, NO_DRIVER)
    assert choose_device("auto").type == "cpu"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.name.startswith("parakeet_cli.")
    assert "much slower" in record.getMessage() and "parakeet doctor" in record.getMessage()


def test_a_cpu_that_was_chosen_gives_no_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    torch_without_a_card(monkeypatch, NO_DRIVER)
    assert choose_device("cpu").type == "cpu"
    report()
    monkeypatch.setattr(torch.version, "cuda", None)
    assert choose_device("auto").type == "cpu"
    assert caplog.records == []


@pytest.mark.parametrize(
    ("card", "dtype"),
    [
        ("NVIDIA GeForce GTX 1660 Ti", torch.float32),
        ("NVIDIA GeForce RTX 2080", torch.float16),
        ("Tesla T4", torch.float16),
    ],
)
def test_cards_that_are_slow_in_fp16_get_fp32(monkeypatch: pytest.MonkeyPatch, card: str, dtype: torch.dtype) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: card)
    assert choose_dtype(Dtype.AUTO, torch.device("cuda", 0)) is dtype
    assert choose_dtype(Dtype.FP16, torch.device("cuda", 0)) is torch.float16


@pytest.mark.parametrize(
    ("ours", "environment", "threads"),
    [
        (2, {}, 2),  # a container with a part of the machine's time
        (64, {}, 8),
        (2, {"OMP_NUM_THREADS": "8"}, 8),
        (2, {"MKL_NUM_THREADS": "8"}, 8),
    ],
)
def test_torch_computes_with_the_processors_that_are_ours(
    monkeypatch: pytest.MonkeyPatch, ours: int, environment: dict[str, str], threads: int
) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(devices, "processors", lambda: ours)
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    try:
        share_processors()
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
