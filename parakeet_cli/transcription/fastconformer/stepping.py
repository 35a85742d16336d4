"""Greedy decoding of many rows in steps of fixed shapes: every row looks at its frame, and is moved on; then the
prediction network, the dear part, is told of the tokens that were found.

On a CPU it is told once all rows have found one, so that it runs once a token and not once a frame (label looping,
arXiv:2406.06220). A card, to which a question costs more than a step, is told to do many before it is asked anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from parakeet_cli.transcription.fastconformer.prediction import Prediction
from parakeet_cli.transcription.pytorch.decoding import BatchJumps, Emission

__all__ = ["Board", "Found", "Run", "Stepper", "emissions", "search"]

_STEPS = 16
"""Between two questions; half of them, on average, are in vain at the end of a batch."""


@dataclass(frozen=True, slots=True)
class Board:
    """Where the rows of a batch stand. The tensors keep their shapes and are changed in place."""

    frames: Tensor
    """[frames, joint]: those of all rows, one row after the other; some may belong to none."""
    starts: Tensor
    """[rows]: where those of each row begin."""
    ends: Tensor
    """[rows]: how many they are."""
    places: Tensor
    """[rows]: the frame at which a row stands, counted from its first; ``ends`` or more when it is done."""
    stuck: Tensor
    """[rows]: tokens without duration that were found at that frame."""
    labels: Tensor
    """[rows]: the token that the prediction network has not been told of; blank for none."""
    hidden: Tensor
    """[layers, rows, width]"""
    cell: Tensor
    """[layers, rows, width]"""
    predicted: Tensor
    """[rows, joint]: what the prediction network says to the next label."""


@dataclass(frozen=True, slots=True)
class Found:
    """What some steps have found: labels, places and durations in one [steps, 3, rows], and the logarithms of the
    labels' probabilities, [steps, rows]. The label is blank where a row found nothing or did not look.
    """

    numbers: Tensor
    logprobs: Tensor


Run = Callable[[Board], Found]
"""Some steps."""


class Stepper:
    """``out`` makes what frames and predictions add up to [rows, labels and durations]; ``blank`` is the last label."""

    def __init__(
        self,
        prediction: Prediction,
        from_tokens: nn.Linear,
        out: nn.Linear,
        jumps: BatchJumps,
        blank: int,
        max_symbols: int,
    ) -> None:
        self._prediction = prediction
        self._from_tokens = from_tokens
        self._out = out
        self._jumps = jumps
        self._blank = blank
        self._max_symbols = max_symbols

    def run(self, board: Board) -> Found:
        """A ``Run`` that asks for no answer; rows that are done stay as they are."""
        looks = []
        for _ in range(_STEPS):
            looks.append(self._look(board))
            self._tell(board)
        return _stacked(looks)

    def loop(self, board: Board) -> Found:
        """A ``Run`` to the end, or to where all rows that are not done have found a token."""
        looks = []
        while True:
            looks.append(self._look(board))
            left, labels = torch.stack((board.ends - board.places, board.labels)).tolist()
            waits = [label != self._blank for label in labels]
            if all(is_waiting or frames <= 0 for is_waiting, frames in zip(waits, left, strict=True)):
                break
        if any(waits):
            self._tell(board)
        return _stacked(looks)

    def _look(self, board: Board) -> tuple[Tensor, Tensor]:
        looks = (board.places < board.ends) & (board.labels == self._blank)
        places = (board.starts + board.places).clamp(max=len(board.frames) - 1)
        logits = self._out(torch.relu(board.frames[places] + board.predicted))
        logprobs, chances = logits[:, : self._blank + 1].log_softmax(dim=1), logits[:, self._blank + 1 :]
        best, labels = logprobs.max(dim=1)
        speaks = looks & (labels != self._blank)
        labels = labels.masked_fill(~speaks, self._blank)
        durations = self._jumps.after_token(chances)
        skipped = self._jumps.after_blank(logprobs, chances).clamp(min=1)
        found = torch.stack((labels, board.places, durations)), best
        self._move(board, looks, speaks, torch.where(speaks, durations, skipped))
        board.labels.copy_(torch.where(looks, labels, board.labels))
        return found

    def _move(self, board: Board, looks: Tensor, speaks: Tensor, frames: Tensor) -> None:
        """As many frames on; one at least where too many tokens were found at one."""
        stuck = (board.stuck + 1) * (speaks & (frames == 0))
        leaves = stuck >= self._max_symbols
        board.places.add_((frames + leaves) * looks)
        board.stuck.copy_(torch.where(looks, stuck * ~leaves, board.stuck))

    def _tell(self, board: Board) -> None:
        told = (board.labels != self._blank).unsqueeze(1)
        hidden, cell = self._prediction(board.labels, board.hidden, board.cell)
        board.predicted.copy_(torch.where(told, self._from_tokens(hidden[-1]), board.predicted))
        board.hidden.copy_(torch.where(told, hidden, board.hidden))
        board.cell.copy_(torch.where(told, cell, board.cell))
        board.labels.fill_(self._blank)


def _stacked(looks: Sequence[tuple[Tensor, Tensor]]) -> Found:
    numbers, logprobs = zip(*looks, strict=True)
    return Found(torch.stack(numbers), torch.stack(logprobs))


def search(board: Board, run: Run) -> list[Found]:
    """Until all rows are done."""
    found = []
    while bool((board.places < board.ends).any()):
        found.append(run(board))
    return found


def emissions(found: Sequence[Found], rows: int, blank: int) -> list[list[Emission]]:
    """Of each row, in order."""
    if not found:
        return [[] for _ in range(rows)]
    numbers = torch.cat([some.numbers for some in found]).cpu()
    logprobs = torch.cat([some.logprobs for some in found]).cpu()
    return [_emissions(numbers[..., row], logprobs[:, row], blank) for row in range(rows)]


def _emissions(numbers: Tensor, logprobs: Tensor, blank: int) -> list[Emission]:
    """Of one row, whose numbers are [steps, 3]."""
    is_token = numbers[:, 0] != blank
    tokens = zip(numbers[is_token].tolist(), logprobs[is_token].tolist(), strict=True)
    return [Emission(label, place, duration, logprob) for (label, place, duration), logprob in tokens]
