"""How many chunks a card has memory for at one time.

The figures come from counting what is alive at one time while an encoder runs, with ``tests/live_memory.py``; that is
a lower bound for a card, whose kernels take workspaces and whose allocator leaves pieces unused, hence the reserve.
"""

import threading
from dataclasses import dataclass

import torch

__all__ = ["Activations", "free_bytes", "one_at_a_time", "rows_that_fit"]

one_at_a_time = threading.RLock()
"""Held by who needs much of a card's memory, or keeps others from getting it: an encoder, a recording."""

_SHARE = 0.6
"""Of the free memory; the rest is for the decoder, for what kernels need, and for pieces that fit nothing."""


@dataclass(frozen=True, slots=True)
class Activations:
    """Numbers that are alive at one time while an encoder runs, for each row of T frames: a part that grows with T, of
    the subsampling, and one that grows with T², of the attention.
    """

    a_frame: int
    a_pair_of_frames: int

    def numbers(self, frames: int) -> int:
        return self.a_frame * frames + self.a_pair_of_frames * frames**2


def rows_that_fit(activations: Activations, frames: int, number_bytes: int, free: int) -> int:
    """How many rows of ``frames`` frames ``free`` bytes are enough for; at least one."""
    return max(1, int(free * _SHARE / (activations.numbers(frames) * number_bytes)))


def free_bytes(device: torch.device) -> int:
    """Of a card: what nobody uses, and what torch keeps there for itself."""
    free, _ = torch.cuda.mem_get_info(device)
    return int(free) + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
