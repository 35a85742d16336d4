"""The token-and-duration transducer, decoded greedily for many rows at once with the state of each carried over.

Label looping (arXiv:2406.06220): all rows look for their next token together, so that the prediction network, the dear
part, runs once a token and not once a frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from parakeet_cli.transcription.fastconformer.architecture import Architecture
from parakeet_cli.transcription.fastconformer.prediction import Prediction
from parakeet_cli.transcription.pytorch.decoding import Emission, Jumps

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


@dataclass(slots=True)
class _Row:
    """Where one row stands."""

    end: int
    frame: int
    emissions: list[Emission] = field(default_factory=list)
    repeats: int = 0
    """Tokens found at the frame of the last one."""


class Transducer(nn.Module):
    """Prediction network and joint network."""

    def __init__(self, architecture: Architecture, jumps: Jumps) -> None:
        super().__init__()
        self._blank = architecture.blank
        self._jumps = jumps
        self._max_symbols = architecture.max_symbols
        joint = architecture.joint
        self._state_shape = (architecture.prediction_layers, 1, architecture.prediction)
        self.prediction = Prediction(architecture)
        self.from_frames = nn.Linear(architecture.width, joint)
        self.from_tokens = nn.Linear(architecture.prediction, joint)
        self.out = nn.Linear(joint, architecture.pieces + 1 + len(architecture.durations))

    def decode(
        self, encoded: Tensor, lengths: Tensor, states: Sequence[State | None]
    ) -> list[tuple[list[Emission], State]]:
        """``encoded`` is [rows, frames, width], of which ``lengths`` [rows] are each row's; a state a row."""
        projected = self.from_frames(encoded)
        hidden, cell, predicted = self._begin(states)
        rows = [
            _Row(count, 0 if state is None else state.ahead)
            for count, state in zip(lengths.tolist(), states, strict=True)
        ]
        unspoken = torch.tensor(self._jumps.unspoken, device=encoded.device)
        while found := self._next_tokens(rows, projected, predicted, unspoken):
            index = torch.tensor(list(found), device=encoded.device)
            tokens = torch.tensor(list(found.values()), device=encoded.device)
            hidden[:, index], cell[:, index] = self.prediction(tokens, hidden[:, index], cell[:, index])
            predicted[index] = self.from_tokens(hidden[-1, index])
        return [
            (row.emissions, State(hidden[:, i].clone(), cell[:, i].clone(), predicted[i].clone(), row.frame - row.end))
            for i, row in enumerate(rows)
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

    def _begin(self, states: Sequence[State | None]) -> tuple[Tensor, Tensor, Tensor]:
        known = [self._first() if state is None else state for state in states]
        return (
            torch.stack([state.hidden for state in known], dim=1),
            torch.stack([state.cell for state in known], dim=1),
            torch.stack([state.predicted for state in known]),
        )

    def _first(self) -> State:
        """Before any token: as after a blank, whose embedding is zero."""
        device = self.out.weight.device
        nothing = torch.zeros(self._state_shape, device=device)
        hidden, cell = self.prediction(torch.tensor([self._blank], device=device), nothing, nothing)
        return State(hidden[:, 0], cell[:, 0], self.from_tokens(hidden[-1, 0]), 0)

    def _next_tokens(
        self, rows: Sequence[_Row], projected: Tensor, predicted: Tensor, unspoken: Tensor
    ) -> dict[int, int]:
        """Move each row to its next token; the tokens found, by row."""
        found: dict[int, int] = {}
        searching = [index for index, row in enumerate(rows) if row.frame < row.end]
        while searching:
            places = torch.tensor([rows[index].frame for index in searching], device=projected.device)
            index = torch.tensor(searching, device=projected.device)
            logits = self.out(torch.relu(projected[index, places] + predicted[index]))
            scores = logits[:, : self._blank + 1]
            best, indices = scores.max(dim=1)
            labels = indices.tolist()
            total = scores.logsumexp(dim=1)
            logprobs = (best - total).tolist()
            nothing = (scores[:, unspoken].logsumexp(dim=1) - total).exp().tolist() if self._blank in labels else []
            chances = logits[:, self._blank + 1 :].softmax(dim=1).tolist()
            still = []
            for place, (label, chance) in enumerate(zip(labels, chances, strict=True)):
                row = rows[searching[place]]
                if label != self._blank:
                    found[searching[place]] = label
                    duration = self._jumps.durations[self._jumps.after_token(chance)]
                    self._emit(row, Emission(label, row.frame, duration, logprobs[place]))
                    continue
                row.frame += max(self._jumps.durations[self._jumps.after_blank(nothing[place], chance)], 1)
                if row.frame < row.end:
                    still.append(searching[place])
            searching = still
        return found

    def _emit(self, row: _Row, emission: Emission) -> None:
        repeats = bool(row.emissions) and row.emissions[-1].frame == emission.frame
        row.repeats = row.repeats + 1 if repeats else 1
        row.emissions.append(emission)
        row.frame += emission.frames
        if row.repeats >= self._max_symbols and row.frame == emission.frame:
            row.frame += 1
