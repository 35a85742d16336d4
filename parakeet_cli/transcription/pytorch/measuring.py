"""What a stopwatch asks of torch: what computes here, that it has ended, and how much memory it took."""

from dataclasses import dataclass

import torch

from parakeet_cli.transcription.pytorch.devices import cpu_flags

__all__ = ["Torch", "describe", "peak_card_bytes", "synchronize"]

_INSTRUCTIONS = (
    *("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"),
    *("asimd", "asimddp", "i8mm", "bf16", "sve"),
)
"""That products of matrices are written in."""


@dataclass(frozen=True, slots=True)
class Torch:
    """``card`` is the name of the one that computes, ``cuda`` what torch was built for; None without."""

    version: str
    threads: int
    instructions: tuple[str, ...]
    cuda: str | None
    card: str | None


def describe(device: torch.device) -> Torch:
    flags = cpu_flags()
    return Torch(
        version=torch.__version__,
        threads=torch.get_num_threads(),
        instructions=tuple(name for name in _INSTRUCTIONS if name in flags),
        cuda=torch.version.cuda,
        card=torch.cuda.get_device_name(device) if device.type == "cuda" else None,
    )


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given: a card works on while a clock is read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_card_bytes(device: torch.device) -> int | None:
    """The most that torch has held of the card's memory in this process; None on a CPU."""
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None
