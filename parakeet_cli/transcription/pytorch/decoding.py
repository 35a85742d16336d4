"""What decoding gives, and what decodes: the same for every network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

__all__ = ["Decoder", "Emission"]


@dataclass(frozen=True, slots=True)
class Emission:
    """A token with its first frame, counted from the first frame given, its length in frames, its log-probability."""

    token_id: int
    frame: int
    frames: int
    logprob: float


class Decoder(Protocol):
    """Decodes rows of different recordings as one batch."""

    def decode(
        self, encoded: torch.Tensor, lengths: torch.Tensor, states: Sequence[Any]
    ) -> list[tuple[list[Emission], Any]]:
        """``encoded`` is [rows, frames, features], ``lengths`` [rows]; one state (or None) a row in and out."""

    def plain(self, state: Any) -> Any:
        """A state as tensors, numbers, lists and dictionaries of them."""

    def restored(self, plain: Any) -> Any:
        """The state that ``plain`` was made of."""
