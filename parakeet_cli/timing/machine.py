"""Which machine it is, without torch."""

import os
import platform
import re
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.processors import processors

__all__ = ["Machine", "describe", "load_average", "others_at_work", "peak_bytes"]

_BUSY = 0.25
"""Load for each core; more was somebody else's work."""


@dataclass(frozen=True, slots=True)
class Machine:
    """``cores`` are those that this process may use, ``driver`` is the card's; None where unknown."""

    cpu: str
    cores: int
    system: str
    python: str
    driver: str | None


def describe() -> Machine:
    return Machine(_cpu(), processors(), platform.platform(terse=True), platform.python_version(), _driver())


def load_average() -> float:
    """Of the last minute, over all of the machine; a container sees its host's."""
    return os.getloadavg()[0]


def others_at_work(load: float) -> bool:
    """Whether a load that was there before we began is enough to spoil a measurement."""
    return load > _BUSY * (os.cpu_count() or 1)


def peak_bytes() -> int:
    """The most memory that this process has held at one time."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _cpu() -> str:
    names = re.search(r"^model name\s*:\s*(.+)", _read("/proc/cpuinfo"), re.MULTILINE)
    return names[1].strip() if names else platform.processor() or platform.machine()


def _driver() -> str | None:
    version = re.search(r"\b\d{3}\.\d+(?:\.\d+)?\b", _read("/proc/driver/nvidia/version"))
    return version[0] if version else None


def _read(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text(encoding="utf-8", errors="replace")
    return ""
