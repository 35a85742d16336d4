"""Weights are laid into large pages of memory, while there is nothing else to do.

A few seconds of sound cost little but going through all weights once. Where a page of 4 KiB lies stands in tables,
which lie in memory too and are cold after a second's rest, in a virtual machine doubly so; a large page needs one
entry for 512 of those (``docs/performance.md`` has the figures). Nothing but Linux lets a process ask for them.
"""

import itertools
import mmap
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["settle"]

_LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_MEMORY = Path("/proc/meminfo")
_GROUP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
_VERSIONS = (
    (r"^0::/(.*)", "", "memory.max", "memory.current"),
    (r"^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:/(.*)", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
)
"""Of groups: what tells which one is ours, the folder that all are in, and files with its limit and what it uses."""

_ALIGNMENT = 64
_ROOM = 2
"""Times the weights that have to be free, so that nothing else has to make room for them."""


def settle(module: nn.Module) -> Iterator[None]:
    """Move the weights of ``module``, one with each step; others may compute with it meanwhile.

    Weights that came from one mapped file leave it together, with the last step. Does nothing where the system has no
    large pages, or not twice the memory to spare.
    """
    weights = [
        (owner, name, tensor)
        for owner in module.modules()
        for name, tensor in itertools.chain(owner.named_parameters(recurse=False), owner.named_buffers(recurse=False))
        if tensor.numel() and tensor.is_contiguous()
    ]
    places = list(itertools.accumulate((_room(tensor) for _, _, tensor in weights), initial=0))
    memory = _large_pages(places[-1])
    if memory is None:
        return
    while weights:
        owner, name, tensor = weights.pop()
        place = places[len(weights)]
        moved = _copied(tensor, np.frombuffer(memory, np.uint8, tensor.nbytes, place))
        if isinstance(tensor, nn.Parameter):
            moved = nn.Parameter(moved, tensor.requires_grad)
        setattr(owner, name, moved)  # and not its data, which somebody may be reading
        yield


def _copied(tensor: Tensor, to: NDArray[np.uint8]) -> Tensor:
    """By numpy, as torch would start threads for it."""
    np.copyto(to, tensor.detach().view(-1).view(torch.uint8).numpy())
    return torch.from_numpy(to).view(tensor.dtype).view(tensor.shape)


def _room(tensor: Tensor) -> int:
    return -(-tensor.nbytes // _ALIGNMENT) * _ALIGNMENT


def _large_pages(size: int) -> mmap.mmap | None:
    """So many bytes, of which none is taken before something is written there."""
    if sys.platform != "linux" or "[never]" in (_said(_LARGE_PAGES) or "[never]") or _spare() < _ROOM * size:
        return None
    try:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_HUGEPAGE)
    except (OSError, ValueError):  # a limit on addresses, a kernel built without, or no weights
        return None
    return memory


def _spare() -> int:
    """Bytes that can be had without taking them from others: of the machine, and of each group that we are in."""
    available = re.search(r"MemAvailable:\s+(\d+) kB", _said(_MEMORY))
    spare = [int(available[1]) << 10 if available else 0]
    for own, root, limits, uses in _VERSIONS:
        path = re.search(own, _said(_GROUP), re.MULTILINE)
        group = _GROUPS / root / (path[1] if path else "")
        for folder in (group, *group.parents):
            if (limit := _said(folder / limits).strip()).isdecimal():
                files = re.findall(r"^(?:in)?active_file (\d+)", _said(folder / "memory.stat"), re.MULTILINE)
                spare.append(int(limit) - int(_said(folder / uses) or limit) + sum(map(int, files)))
    return min(spare)


def _said(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
