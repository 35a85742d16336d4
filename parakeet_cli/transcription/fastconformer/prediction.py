"""The prediction network of a transducer: an LSTM over tokens, one step for many rows at once.

torch's own LSTM packs all its weights anew at every call on a CPU, which costs ten times what the step does
(``docs/performance.md``). So the step is written out, and what a token adds to the first layer, biases included, is a
row of a table that ``weights.prepare`` has multiplied out.
"""

import torch
from torch import Tensor, nn

from parakeet_cli.transcription.fastconformer.architecture import Architecture

__all__ = ["Prediction"]


class Prediction(nn.Module):
    """``tokens`` has a row a token, [4 × width]; the gates stand in torch's order: input, forget, cell, output.

    It is no ``nn.Embedding``, whose random numbers, also on the meta device, make torch import its compiler.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, layers = architecture.prediction, architecture.prediction_layers
        self.tokens = nn.Parameter(torch.empty(architecture.pieces + 1, 4 * width))
        self.first = nn.Linear(width, 4 * width, bias=False)
        self.others = nn.ModuleList(nn.Linear(2 * width, 4 * width) for _ in range(layers - 1))

    def forward(self, tokens: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """One token a row, [rows], and the state before it, [layers, rows, width] each; the state after it."""
        gates = self.tokens[tokens] + self.first(hidden[0])
        hiddens: list[Tensor] = []
        cells: list[Tensor] = []
        for layer, before in enumerate(cell):
            if layer:
                gates = self.others[layer - 1](torch.cat((hiddens[-1], hidden[layer]), dim=1))
            enter, forget, new, leave = gates.chunk(4, dim=1)
            cells.append(forget.sigmoid() * before + enter.sigmoid() * new.tanh())
            hiddens.append(leave.sigmoid() * cells[-1].tanh())
        return torch.stack(hiddens), torch.stack(cells)
