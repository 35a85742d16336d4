"""How many processors are ours."""

import math
import os
import re
from contextlib import suppress
from pathlib import Path

__all__ = ["processors"]

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds that a container may compute in so many."""


def processors() -> int:
    """Those that this process may use, or as many as its container's share of time comes to."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError):
        if quota := re.match(r"(\d+) (\d+)", _QUOTA.read_text(encoding="utf-8")):
            return min(own, math.ceil(int(quota[1]) / int(quota[2])))
    return own
