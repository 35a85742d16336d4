"""How many processors are ours."""

import math
import os
import re
from pathlib import Path

__all__ = ["processors"]

_GROUP = Path("/sys/fs/cgroup")
"""Of this container, with the microseconds that it may compute in so many."""
_QUOTA = re.compile(r"(\d+)\s+(\d+)")


def processors() -> int:
    """Those that this process may use, or as many as its container's share of time comes to."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if quota := _QUOTA.match(_said("cpu.max") or _said("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        return min(own, math.ceil(int(quota[1]) / int(quota[2])))
    return own


def _said(*names: str) -> str:
    """What stands in files of the group, the first or second version of it; nothing where one is not there."""
    try:
        return " ".join(Path(_GROUP, name).read_text(encoding="utf-8") for name in names)
    except OSError:
        return ""
