"""The FastConformer encoder: features become frames, one for eight.

Parameters stand as ``weights.prepare`` leaves them: queries, keys and values in one matrix, batch normalisation folded
into the convolution before it, and the halves of the feed-forward steps into their second matrix. Channels come last
everywhere, which is how the convolutions by channel are quick on a CPU (``docs/performance.md``).
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from parakeet_cli.transcription.fastconformer.architecture import Architecture
from parakeet_cli.transcription.fastconformer.layer import Layer, central
from parakeet_cli.transcription.fastconformer.sharing import groups_of_rows, run_apart
from parakeet_cli.transcription.fastconformer.subsampling import Subsampling

__all__ = ["Encoder"]

_LONGEST_PERIOD = 10_000.0
"""Of the sinusoids that stand for distances."""
_FRAMES_SUBSAMPLED = 64
"""At a time on a CPU; the largest plane of a frame has 65,536 numbers in full size."""
_FRAME = 8
"""Feature frames."""
_MOST_JOINED = 1024
"""Frames of rows that lie one behind another; those of two chunks of 34 s, and 17 MB of fp32 for the widest matrix."""
_MOST_KEPT = 512
"""Frames, 41 s; what distances mean to each layer is kept for chunks up to so many, 44 MB of bf16 in full size."""


class Encoder(nn.Module):
    """Subsampling by convolutions, and Conformer layers with attention over the whole chunk."""

    def __init__(self, architecture: Architecture, linear: type[nn.Module] = nn.Linear) -> None:
        super().__init__()
        self._width = architecture.width
        self._scale = architecture.scale
        self.subsampling = Subsampling(architecture)
        self.layers = nn.ModuleList(Layer(architecture, linear) for _ in range(architecture.layers))
        self._kept: list[Tensor] = []
        """Of ``_positions``, for the longest chunk so far."""

    def forward(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """[rows, feature frames, mels] and [rows] become [rows, frames, width] and the [rows] frames of each."""
        return self._encode(features, counts, lambda module, *inputs: module(*inputs))

    def exactly(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The same in fp32, whatever the weights are in; a layer's at a time are converted, and dropped again."""
        return self._encode(features.float(), counts, _in_fp32)

    def _encode(self, features: Tensor, counts: Tensor, run: Callable[..., Any]) -> tuple[Tensor, Tensor]:
        encode = self._encode_apart if features.device.type == "cpu" else self._encode_together
        return encode(features, counts, run)

    def _encode_together(self, features: Tensor, counts: Tensor, run: Callable[..., Any]) -> tuple[Tensor, Tensor]:
        """All rows at once, padded to the longest, as a card is quickest."""
        frames, counts = run(self.subsampling, features, counts)
        if self._scale != 1.0:
            frames = frames * self._scale
        longest = frames.shape[1]
        padded = None
        if int(counts.min()) < longest:
            padded = torch.arange(longest, device=frames.device) >= counts.unsqueeze(1)
        for layer, positions in zip(self.layers, self._positions(longest, frames), strict=True):
            frames = run(layer, frames, positions, padded, None)
        return frames, counts

    def _encode_apart(self, features: Tensor, counts: Tensor, run: Callable[..., Any]) -> tuple[Tensor, Tensor]:
        """Without padding: rows lie one behind another for the matrices of a layer, and are apart where frames hear
        each other."""
        counted = counts.tolist()
        lengths = [-(-count // _FRAME) for count in counted]
        positions = self._positions(max(lengths), features)
        rows = list(torch.split(features, 1))

        def through_all(some: Sequence[int]) -> Iterator[None]:
            for index in some:
                rows[index] = self._subsampled(rows[index][:, : counted[index]], run)
                yield
            parts = _joined(some, lengths)
            frames = [torch.cat([rows[index] for index in part], dim=1) for part in parts]
            within = [[lengths[index] for index in part] for part in parts]
            for layer, near in zip(self.layers, positions, strict=True):
                for number, part in enumerate(frames):
                    frames[number] = run(layer, part, near, None, within[number])
                yield
            for part, indices, own in zip(frames, parts, within, strict=True):
                for index, row in zip(indices, torch.split(part, own, dim=1), strict=True):
                    rows[index] = row

        # what converts weights puts them into the modules, which are there once
        threads = 1 if run is _in_fp32 else torch.get_num_threads()
        run_apart(groups_of_rows(lengths, threads), through_all)
        encoded = torch.nn.utils.rnn.pad_sequence([frames[0] for frames in rows], batch_first=True)
        return encoded, torch.tensor(lengths)

    def _subsampled(self, features: Tensor, run: Callable[..., Any]) -> Tensor:
        """[1, feature frames, mels] become [1, frames, width]; some at a time, whose planes a cache holds.

        A frame hears seven features before its own eight, and none behind them; so one frame more is made, and dropped.
        """
        pieces = []
        for first in range(0, features.shape[1], _FRAME * _FRAMES_SUBSAMPLED):
            part = features[:, max(first - _FRAME, 0) : first + _FRAME * _FRAMES_SUBSAMPLED]
            frames, _ = run(self.subsampling, part, torch.tensor([part.shape[1]]))
            pieces.append(frames[:, 1:] if first else frames)
        frames = torch.cat(pieces, dim=1)
        return frames * self._scale if self._scale != 1.0 else frames

    def _positions(self, longest: int, frames: Tensor) -> list[Tensor]:
        """What the distances among so many frames mean to each layer; kept, as nearly all chunks are equally long.

        In the number format of ``frames``, where they are.
        """
        kept = self._kept
        if not kept or kept[0].shape[-1] < 2 * longest - 1 or kept[0].dtype != frames.dtype:
            distances = _distances(longest, self._width, frames.device, frames.dtype)
            kept = [layer.attention.positions(distances) for layer in cast(Iterable[Layer], self.layers)]
            if longest <= _MOST_KEPT and frames.dtype == self.subsampling.out.weight.dtype:
                self._kept = kept
        return [central(positions, longest) for positions in kept]


def _joined(rows: Sequence[int], lengths: Sequence[int]) -> list[list[int]]:
    """Rows in parts of at most ``_MOST_JOINED`` frames; a longer row is one alone."""
    parts: list[list[int]] = []
    for row in rows:
        if parts and sum(lengths[other] for other in parts[-1]) + lengths[row] <= _MOST_JOINED:
            parts[-1].append(row)
        else:
            parts.append([row])
    return parts


def _in_fp32(module: nn.Module, *inputs: Any) -> Any:
    own = itertools.chain(module.named_parameters(), module.named_buffers())
    weights = {name: weight.float() for name, weight in own}
    return torch.func.functional_call(module, weights, inputs)


def _distances(longest: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """[2 × longest − 1, width]: sines and cosines of the distances longest − 1 … 1 − longest."""
    distances = torch.arange(longest - 1, -longest, -1, dtype=torch.float32, device=device).unsqueeze(1)
    exponents = torch.arange(0, width, 2, dtype=torch.float32, device=device)
    angles = distances * torch.exp(exponents * -(math.log(_LONGEST_PERIOD) / width))
    return torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1).to(dtype)
