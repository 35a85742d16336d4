"""The token-and-duration transducer, decoded greedily for many rows at once with the state of each carried over."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from parakeet_cli.transcription.fastconformer.architecture import Architecture
from parakeet_cli.transcription.fastconformer.graphs import Graphs, record_on_card
from parakeet_cli.transcription.fastconformer.prediction import Prediction
from parakeet_cli.transcription.fastconformer.stepping import Board, Found, Stepper, emissions, search
from parakeet_cli.transcription.pytorch.decoding import BatchJumps, Emission, Jumps

__all__ = ["State", "Transducer"]


@dataclass(frozen=True, slots=True)
class State:
    """Of one row: ``hidden`` and ``cell`` [layers, width] after the last token, what the network predicts from it
    [joint], and how many of the coming frames the last duration reaches over.
    """

    hidden: Tensor
    cell: Tensor
    predicted: Tensor
    ahead: int


class Transducer(nn.Module):
    """Prediction network and joint network."""

    def __init__(self, architecture: Architecture, jumps: Jumps, *, uses_graphs: bool = False) -> None:
        """``uses_graphs``: steps on a card are recorded and replayed."""
        super().__init__()
        self._uses_graphs = uses_graphs
        self._first: State | None = None
        self._searches: Callable[[Board], tuple[Board, list[Found]]] | None = None
        self._blank = architecture.blank
        self._jumps = jumps
        self._max_symbols = architecture.max_symbols
        joint = architecture.joint
        self._state_shape = (architecture.prediction_layers, 1, architecture.prediction)
        self.prediction = Prediction(architecture)
        self.from_frames = nn.Linear(architecture.width, joint)
        self.from_tokens = nn.Linear(architecture.prediction, joint)
        self.out = nn.Linear(joint, architecture.pieces + 1 + len(architecture.durations))

    def decode(self, encoded: Sequence[Tensor], states: Sequence[State | None]) -> list[tuple[list[Emission], State]]:
        """``encoded`` has [frames, width] a row; a state a row."""
        board, found = self._search(self._board(encoded, states))
        ahead = (board.places - board.ends).tolist()
        return [
            (tokens, State(board.hidden[:, i].clone(), board.cell[:, i].clone(), board.predicted[i].clone(), ahead[i]))
            for i, tokens in enumerate(emissions(found, len(encoded), self._blank))
        ]

    def plain(self, state: State) -> Any:
        """A state as tensors and numbers."""
        return {
            "hidden": state.hidden.clone(),
            "cell": state.cell.clone(),
            "predicted": state.predicted.clone(),
            "ahead": state.ahead,
        }

    def restored(self, plain: Any) -> State:
        """The state that ``plain`` was made of."""
        return State(**plain)

    def _board(self, encoded: Sequence[Tensor], states: Sequence[State | None]) -> Board:
        frames = self.from_frames(torch.cat(tuple(encoded)))
        ends = [len(row) for row in encoded]
        starts = [end - count for end, count in zip(itertools.accumulate(ends), ends, strict=True)]
        places = [0 if state is None else state.ahead for state in states]
        stuck, labels = [0] * len(ends), [self._blank] * len(ends)
        numbers = torch.tensor([starts, ends, places, stuck, labels], device=frames.device)
        hidden, cell, predicted = self._begin(states)
        return Board(frames, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], hidden, cell, predicted)

    def _search(self, board: Board) -> tuple[Board, list[Found]]:
        if self._searches is None:
            stepper = self._stepper()
            if self._uses_graphs:
                self._searches = Graphs(stepper.run, record_on_card(board.frames.device)).search
            else:
                run = stepper.loop if board.frames.device.type == "cpu" else stepper.run
                self._searches = lambda board: (board, search(board, run))
        return self._searches(board)

    def _stepper(self) -> Stepper:
        jumps = BatchJumps(self._jumps, self.out.weight.device)
        return Stepper(self.prediction, self.from_tokens, self.out, jumps, self._blank, self._max_symbols)

    def _begin(self, states: Sequence[State | None]) -> tuple[Tensor, Tensor, Tensor]:
        if self._first is None:
            self._first = self._before_any_token()
        known = [state or self._first for state in states]
        return (
            torch.stack([state.hidden for state in known], dim=1),
            torch.stack([state.cell for state in known], dim=1),
            torch.stack([state.predicted for state in known]),
        )

    def _before_any_token(self) -> State:
        """As after a blank, whose embedding is zero."""
        device = self.out.weight.device
        nothing = torch.zeros(self._state_shape, device=device)
        hidden, cell = self.prediction(torch.tensor([self._blank], device=device), nothing, nothing)
        return State(hidden[:, 0], cell[:, 0], self.from_tokens(hidden[-1, 0]), 0)
