"""Which device and which number format a checkpoint runs in here, and what ``parakeet doctor`` says of them."""

import logging
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch

from parakeet_cli.errors import DeviceUnavailable
from parakeet_cli.processors import processors
from parakeet_cli.settings import Dtype

__all__ = [
    "TorchReport",
    "choose_device",
    "choose_dtype",
    "cpu_flags",
    "cpu_multiplies_int8_exactly",
    "dtype_name",
    "report",
    "share_processors",
    "unsupported_architecture",
    "use_steady_kernels",
]

_LOG = logging.getLogger(__name__)

_WITHOUT_FP16 = re.compile(r"\bGTX 16\d\d\b")
"""Turing without tensor cores: products of matrices in fp16 take many times as long as in fp32 (pytorch#195716)."""

_THREADS = frozenset({"OMP_NUM_THREADS", "MKL_NUM_THREADS"})

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
    """The device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; raises ``DeviceUnavailable``.

    Warns where ``auto`` leaves a torch that was built for cards without one.
    """
    match wanted:
        case "auto":
            device = _auto_device(cuda_problem(0))
            if device.type == "cpu" and torch.version.cuda is not None:
                _LOG.warning(
                    "No card can be used, so this runs on the CPU, which is much slower; `parakeet doctor` tells why."
                )
            return device
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


def _auto_device(problem: str | None) -> torch.device:
    return torch.device("cpu" if problem else "cuda:0")


def choose_dtype(wanted: Dtype, device: torch.device) -> torch.dtype:
    """The encoder's number format: fp16 on CUDA, bf16 on a CPU that computes it natively, else fp32.

    fp32 also on cards that are slow in fp16. For int8 it is that of all but the matrices. Raises ``DeviceUnavailable``
    where a card is to compute in int8.
    """
    if wanted is Dtype.INT8 and device.type == "cuda":
        raise DeviceUnavailable("int8 is computed on the CPU only; use --dtype fp16 on a card, or --device cpu.")
    if wanted in _DTYPES:
        return _DTYPES[wanted]
    if device.type == "cuda":
        return torch.float32 if _WITHOUT_FP16.search(torch.cuda.get_device_name(device)) else torch.float16
    return torch.bfloat16 if _cpu_has_native_bf16() else torch.float32


def use_steady_kernels() -> None:
    """Of those that torch has for a card, take what is as quick for a shape that is new, and as exact as it says.

    cuDNN's attention, which torch prefers on some cards, is planned anew for each length and number of rows, by each
    thread; in fp32, cuDNN's convolutions keep ten bits of each number.
    """
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.backends.cudnn.allow_tf32 = False


def share_processors() -> None:
    """Let torch compute with no more threads than processors are ours, unless the user says with how many.

    Torch counts those of the machine, of whose time a container may have a small part: more threads than that wait for
    each other until the next part comes.
    """
    if not _THREADS.intersection(os.environ):
        torch.set_num_threads(min(torch.get_num_threads(), processors()))


def dtype_name(dtype: torch.dtype) -> str:
    """As ``--dtype`` has it."""
    return next(name.value for name, value in _DTYPES.items() if value is dtype)


def cuda_problem(index: int) -> str | None:
    """Why card ``index`` cannot be used, as a sentence; None if it can."""
    if torch.version.cuda is None:
        return "This torch was built without CUDA."
    if reason := _why_cuda_does_not_start():
        hint = "" if "driver" in reason else " (is CUDA_VISIBLE_DEVICES empty?)"
        return f"This torch needs a driver for CUDA {torch.version.cuda} and finds no usable card: {reason}{hint}."
    count = torch.cuda.device_count()
    if index >= count:
        return f"There is no card {index}; this machine shows {count}."
    return unsupported_architecture(
        torch.cuda.get_device_name(index), torch.cuda.get_device_capability(index), torch.cuda.get_arch_list()
    )


def _why_cuda_does_not_start() -> str | None:
    """What torch says of it, the driver's version if that is the reason; None if CUDA starts.

    ``is_available`` tells its reason as a warning, and only the first time in a process; ``init`` raises it each time.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            is_available = torch.cuda.is_available()
            torch.cuda.init()  # type: ignore[no-untyped-call] # torch gives it no types
        except (RuntimeError, torch.cuda.DeferredCudaCallError) as error:
            return _reason(str(error))
    return None if is_available else "it names no reason"


def _reason(message: str) -> str:
    """The driver's own error if torch quotes one ("… Error 804: …"), else torch's first sentence."""
    line = message.strip().partition("\n")[0]
    quoted = re.search(r"\bError \d+: (.+)", line)
    return quoted[1] if quoted else re.split(r"\.(?:\s+(?=[A-Z])|$)", line)[0]


def unsupported_architecture(card: str, capability: tuple[int, int], built_for: list[str]) -> str | None:
    own = capability[0] * 10 + capability[1]
    versions = [int(name.removeprefix("sm_").rstrip("abcdef")) for name in built_for if name.startswith("sm_")]
    if not versions or own >= min(versions):
        return None
    return f"{card} is sm_{own}, this torch has sm_{min(versions)} and newer; install a torch build with an older CUDA."


def _cpu_has_native_bf16() -> bool:
    """avx512_bf16, amx_bf16 or Arm's bf16 instructions; elsewhere bf16 is emulated and slower than fp32."""
    return bool(cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"})


def cpu_multiplies_int8_exactly() -> bool:
    """Whether sums of products of 8 bits are kept in 32; older processors cut sums of two off at 16."""
    return bool(cpu_flags() & {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"})


def cpu_flags() -> set[str]:
    """What the processor says it can do, in the kernel's words; none where it does not tell."""
    try:
        return set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split())
    except OSError:
        return set()


def report() -> TorchReport:
    """Facts for ``parakeet doctor``; raises nothing."""
    problem = cuda_problem(0)
    seen = torch.version.cuda is not None and _why_cuda_does_not_start() is None
    device = _auto_device(problem)
    dtype = choose_dtype(Dtype.AUTO, device)
    return TorchReport(
        version=torch.__version__,
        cuda=torch.version.cuda,
        cards=tuple(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())) if seen else (),
        problem=problem if torch.version.cuda is not None else None,
        auto_device=str(device),
        auto_dtype=dtype_name(dtype),
    )
