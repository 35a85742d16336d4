"""Counts the numbers of tensors that are alive at one time: equal on every machine, unlike a process's memory."""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["most_alive"]


def most_alive(work: Callable[[], object]) -> int:
    """Bytes of what ``work`` makes, at their most; what an operator uses within itself is not seen."""
    counter = _Counter()
    with torch.inference_mode(), counter:
        work()
    return counter.most


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch gives it no types
    most = 0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._alive: dict[int, int] = {}

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = operator(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        identity = storage._cdata
        if identity not in self._alive:
            self._alive[identity] = storage.nbytes()
            weakref.finalize(storage, self._alive.pop, identity, None)
            self.most = max(self.most, sum(self._alive.values()))
