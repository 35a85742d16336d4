"""What decoding gives, and what decodes: the same for every network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from parakeet_cli.punctuation import is_punctuation
from parakeet_cli.transcription.recognizer import UNKNOWN

__all__ = ["BatchJumps", "Decoder", "Emission", "Jumps", "unspoken"]


@dataclass(frozen=True, slots=True)
class Emission:
    """A token with its first frame, counted from the first frame given, its length in frames, its log-probability."""

    token_id: int
    frame: int
    frames: int
    logprob: float


@dataclass(frozen=True, slots=True)
class Jumps:
    """How far a token-and-duration transducer goes on after each of its steps.

    Greedy decoding goes as far as the likeliest duration says. After a blank that is a guess that nothing begins in the
    frames between, and where it is wrong a word is lost. So a blank jumps only as far as ``confidence`` allows; 0 is
    greedy decoding. ``durations`` are in frames, in the order of the joint network's outputs; ``unspoken`` are the
    labels that no sound is lost with: blank, and the marks, of which more would be written if each got several chances.
    """

    durations: tuple[int, ...]
    confidence: float
    unspoken: tuple[int, ...]


class BatchJumps:
    """``Jumps`` for all rows of a batch at once, on their device: a card is asked nothing, and so need not wait."""

    def __init__(self, jumps: Jumps, device: torch.device) -> None:
        self._confidence = jumps.confidence
        self._unspoken = torch.tensor(jumps.unspoken, device=device)
        self._durations = torch.tensor(jumps.durations, device=device)
        self._shortest = self._durations.min()
        self._as_long = (self._durations.unsqueeze(1) >= self._durations).float()
        """[durations, durations]: 1 where the first is as long as the second, or longer."""

    def after_blank(self, logprobs: torch.Tensor, chances: torch.Tensor) -> torch.Tensor:
        """The longest duration, [rows], that is sure enough and not over the likeliest, else the shortest.

        How sure a jump is: the probability of the unspoken labels, times that of a duration as long or longer.
        ``logprobs`` [rows, labels] are logarithms of probabilities, ``chances`` [rows, durations] the joint network's
        outputs as they are.
        """
        nothing = logprobs[:, self._unspoken].exp().sum(dim=1, keepdim=True)
        is_sure = nothing * (chances.softmax(dim=1) @ self._as_long) >= self._confidence
        allowed = is_sure & (self._durations <= self.after_token(chances).unsqueeze(1))
        return torch.where(allowed, self._durations, self._shortest).amax(dim=1)

    def after_token(self, chances: torch.Tensor) -> torch.Tensor:
        """The likeliest duration, [rows]."""
        return self._durations[chances.argmax(dim=1)]

    def alone(self, frames: torch.Tensor) -> torch.Tensor:
        """Outputs of the joint network, [rows, durations], that leave each row only the duration of its ``frames``."""
        return torch.zeros_like(self._as_long[:1]).masked_fill(self._durations != frames.unsqueeze(1), -math.inf)


def unspoken(pieces: Sequence[str], blank: int) -> tuple[int, ...]:
    """Of the labels of these texts: blank, and those that are nothing but punctuation."""
    return (*(label for label, piece in enumerate(pieces) if is_punctuation(piece) and piece != UNKNOWN), blank)


class Decoder(Protocol):
    """Decodes rows of different recordings as one batch."""

    def decode(self, encoded: Sequence[torch.Tensor], states: Sequence[Any]) -> list[tuple[list[Emission], Any]]:
        """``encoded`` has [frames, width] a row; one state (or None) a row in and out."""

    def plain(self, state: Any) -> Any:
        """A state as tensors, numbers, lists and dictionaries of them."""

    def restored(self, plain: Any) -> Any:
        """The state that ``plain`` was made of."""
