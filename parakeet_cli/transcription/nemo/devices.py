"""Which device and which number format a checkpoint runs in here, and what ``parakeet doctor`` says of them."""

from dataclasses import dataclass
from pathlib import Path

import torch

from parakeet_cli.errors import DeviceUnavailable
from parakeet_cli.settings import Dtype

__all__ = ["TorchReport", "choose_device", "choose_dtype", "report", "unsupported_architecture"]

_DTYPES = {Dtype.FP32: torch.float32, Dtype.FP16: torch.float16, Dtype.BF16: torch.bfloat16}


@dataclass(frozen=True, slots=True)
class TorchReport:
    """What torch can use here. ``problem`` is a sentence where a card is present and cannot be used."""

    version: str
    cuda: str | None
    cards: tuple[str, ...]
    problem: str | None
    auto_device: str
    auto_dtype: str


def choose_device(wanted: str) -> torch.device:
    """The device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; raises ``DeviceUnavailable``."""
    match wanted:
        case "auto":
            return torch.device("cpu" if cuda_problem(0) else "cuda:0")
        case "cpu":
            return torch.device("cpu")
        case "cuda":
            index = 0
        case _ if wanted.startswith("cuda:") and wanted[5:].isdigit():
            index = int(wanted[5:])
        case _:
            raise DeviceUnavailable(f"There is no device {wanted!r}; use auto, cpu, cuda or cuda:N.")
    if problem := cuda_problem(index):
        raise DeviceUnavailable(f"{problem} Use --device cpu, or auto to take what is there.")
    return torch.device("cuda", index)


def choose_dtype(wanted: Dtype, device: torch.device) -> torch.dtype:
    """The encoder's number format: fp16 on CUDA, bf16 on a CPU that computes it natively, else fp32."""
    if wanted is not Dtype.AUTO:
        return _DTYPES[wanted]
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if _cpu_has_native_bf16() else torch.float32


def cuda_problem(index: int) -> str | None:
    """Why card ``index`` cannot be used, as a sentence; None if it can."""
    if torch.version.cuda is None:
        return "This torch was built without CUDA."
    if not torch.cuda.is_available():
        return (
            f"CUDA {torch.version.cuda} finds no usable card or driver (is the NVIDIA driver new enough, "
            "and CUDA_VISIBLE_DEVICES not empty?)."
        )
    count = torch.cuda.device_count()
    if index >= count:
        return f"There is no card {index}; this machine shows {count}."
    return unsupported_architecture(
        torch.cuda.get_device_name(index), torch.cuda.get_device_capability(index), torch.cuda.get_arch_list()
    )


def unsupported_architecture(card: str, capability: tuple[int, int], built_for: list[str]) -> str | None:
    own = capability[0] * 10 + capability[1]
    versions = [int(name.removeprefix("sm_").rstrip("abcdef")) for name in built_for if name.startswith("sm_")]
    if not versions or own >= min(versions):
        return None
    return f"{card} is sm_{own}, this torch has sm_{min(versions)} and newer; install a torch build with an older CUDA."


def _cpu_has_native_bf16() -> bool:
    """avx512_bf16, amx_bf16 or Arm's bf16 instructions; elsewhere bf16 is emulated and slower than fp32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    words = set(flags.split())
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


def report() -> TorchReport:
    """Facts for ``parakeet doctor``; raises nothing."""
    problem = cuda_problem(0)
    seen = torch.version.cuda is not None and torch.cuda.is_available()
    device = choose_device("auto")
    dtype = choose_dtype(Dtype.AUTO, device)
    return TorchReport(
        version=torch.__version__,
        cuda=torch.version.cuda,
        cards=tuple(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())) if seen else (),
        problem=problem if torch.version.cuda is not None else None,
        auto_device=str(device),
        auto_dtype=next(name.value for name, value in _DTYPES.items() if value is dtype),
    )
