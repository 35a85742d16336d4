"""What decoding gives, and what decodes: the same for every network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from parakeet_cli.punctuation import is_punctuation
from parakeet_cli.transcription.recognizer import UNKNOWN

__all__ = ["Decoder", "Emission", "Jumps", "unspoken"]


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

    def after_token(self, probabilities: Sequence[float]) -> int:
        """The place of the likeliest duration."""
        return max(range(len(probabilities)), key=probabilities.__getitem__)

    def after_blank(self, probability: float, probabilities: Sequence[float]) -> int:
        """The place of the longest duration that is sure enough and not over the likeliest, else of the shortest.

        How sure a jump is: the ``probability`` of the unspoken labels, times that of a duration as long or longer.
        """
        likeliest = self.after_token(probabilities)
        if not self.confidence:
            return likeliest
        places = [place for place, length in enumerate(self.durations) if length <= self.durations[likeliest]]
        sure = [place for place in places if probability * self._at_least(place, probabilities) >= self.confidence]
        return max(sure, key=self.durations.__getitem__) if sure else min(places, key=self.durations.__getitem__)

    def _at_least(self, place: int, probabilities: Sequence[float]) -> float:
        shortest = self.durations[place]
        return sum(value for length, value in zip(self.durations, probabilities, strict=True) if length >= shortest)


def unspoken(pieces: Sequence[str], blank: int) -> tuple[int, ...]:
    """Of the labels of these texts: blank, and those that are nothing but punctuation."""
    return (*(label for label, piece in enumerate(pieces) if is_punctuation(piece) and piece != UNKNOWN), blank)


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
