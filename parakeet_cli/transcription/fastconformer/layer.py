"""One of the encoder's Conformer layers."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from parakeet_cli.transcription.fastconformer.architecture import Architecture

__all__ = ["Layer", "central"]

_FRAMES_AT_ONCE = {"cpu": 96, "cuda": 1024}
"""Whose nearness to all others is computed together: what a cache holds, or what fills a card."""


class Layer(nn.Module):
    """Half a feed-forward step, attention, convolution, half a feed-forward step (arXiv:2005.08100)."""

    def __init__(self, architecture: Architecture, linear: type[nn.Module]) -> None:
        super().__init__()
        width = architecture.width
        self.before_first = nn.LayerNorm(width)
        self.first = _FeedForward(architecture, linear)
        self.before_attention = nn.LayerNorm(width)
        self.attention = _Attention(architecture, linear)
        self.before_convolution = nn.LayerNorm(width)
        self.convolution = _Convolution(architecture, linear)
        self.before_second = nn.LayerNorm(width)
        self.second = _FeedForward(architecture, linear)
        self.after = nn.LayerNorm(width)

    def forward(
        self, frames: Tensor, positions: Tensor, padded: Tensor | None, lengths: Sequence[int] | None
    ) -> Tensor:
        """[rows, frames, width] become as many; ``padded`` [rows, frames] are not heard by others.

        With ``lengths``, ``frames`` are one row, in which rows of so many lie one behind another. ``positions`` are
        those of the longest row, or of a longer one.
        """
        frames = frames + self.first(self.before_first(frames))
        frames = frames + self.attention(self.before_attention(frames), positions, padded, lengths)
        frames = frames + self.convolution(self.before_convolution(frames), padded, lengths)
        frames = frames + self.second(self.before_second(frames))
        return self.after(frames)  # type: ignore[no-any-return]


class _FeedForward(nn.Module):
    """Half of it: the factor stands in the second matrix."""

    def __init__(self, architecture: Architecture, linear: type[nn.Module]) -> None:
        super().__init__()
        self.up = linear(architecture.width, architecture.feed_forward, architecture.has_bias)
        self.down = linear(architecture.feed_forward, architecture.width, architecture.has_bias)

    def forward(self, frames: Tensor) -> Tensor:
        return self.down(functional.silu(self.up(frames), inplace=True))  # type: ignore[no-any-return]


class _Attention(nn.Module):
    """Every frame looks at every other, by content and by distance (arXiv:1901.02860, section 3.3)."""

    def __init__(self, architecture: Architecture, linear: type[nn.Module]) -> None:
        super().__init__()
        width, heads = architecture.width, architecture.heads
        self._heads = heads
        self.inputs = linear(width, 3 * width, architecture.has_bias)
        self.distance = nn.Linear(width, width, bias=False)
        self.content_bias = nn.Parameter(torch.empty(heads, 1, width // heads))
        self.distance_bias = nn.Parameter(torch.empty(heads, 1, width // heads))
        self.out = linear(width, width, architecture.has_bias)

    def positions(self, distances: Tensor) -> Tensor:
        """[distances, width] as sines and cosines become [heads, width of a head, distances], in their own format.

        On a CPU they lie so too: its product of bf16 copies those of a part, and else would turn them round each time.
        """
        positions = functional.linear(distances, self.distance.weight.to(distances.dtype))
        positions = positions.view(len(distances), self._heads, -1).permute(1, 2, 0)
        return positions.contiguous() if positions.device.type == "cpu" else positions

    def forward(
        self, frames: Tensor, positions: Tensor, padded: Tensor | None, lengths: Sequence[int] | None
    ) -> Tensor:
        def heard(inputs: Tensor) -> Tensor:
            return self._heard(inputs, central(positions, inputs.shape[1]), padded)

        return self.out(_row_by_row(self.inputs(frames), lengths, heard))  # type: ignore[no-any-return]

    def _heard(self, inputs: Tensor, positions: Tensor, padded: Tensor | None) -> Tensor:
        """Of queries, keys and values [rows, frames, 3 × width], what each frame hears, [rows, frames, width]."""
        rows, longest, _ = inputs.shape
        query, key, value = inputs.view(rows, longest, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        scale = 1.0 / math.sqrt(query.shape[-1])
        nearness = _nearness((query + self.distance_bias) * scale, positions)
        if padded is not None:
            nearness = nearness.masked_fill(padded[:, None, None, :], -math.inf)
        heard = functional.scaled_dot_product_attention(query + self.content_bias, key, value, nearness, scale=scale)
        return heard.transpose(1, 2).flatten(2)


def _row_by_row(frames: Tensor, lengths: Sequence[int] | None, heard: Callable[[Tensor], Tensor]) -> Tensor:
    """What frames hear of each other, where rows of ``lengths`` lie one behind another (None: where they do not)."""
    if lengths is None or len(lengths) == 1:
        return heard(frames)
    return torch.cat([heard(row) for row in torch.split(frames, list(lengths), dim=1)], dim=1)


def central(positions: Tensor, longest: int) -> Tensor:
    """Of the positions for more frames, those for ``longest``."""
    spare = positions.shape[-1] // 2 + 1 - longest
    return positions[..., spare : positions.shape[-1] - spare]


def _nearness(query: Tensor, positions: Tensor) -> Tensor:
    """Queries [rows, heads, frames, width of a head] and positions [heads, width of a head, distances] become what each
    frame is to each other by their distance, [rows, heads, frames, frames].

    Some frames at a time, which have fewer distances to all others than all frames have.
    """
    rows, heads, longest, _ = query.shape
    step = _FRAMES_AT_ONCE["cpu" if query.device.type == "cpu" else "cuda"]
    if longest <= step:
        return _shifted(torch.matmul(query, positions), longest)
    nearness = query.new_empty(rows, heads, longest, longest)
    for first in range(0, longest, step):
        last = min(first + step, longest)
        near = positions[..., longest - last : 2 * longest - 1 - first]
        nearness[:, :, first:last] = _shifted(torch.matmul(query[:, :, first:last], near), longest)
    return nearness


def _shifted(scores: Tensor, longest: int) -> Tensor:
    """[rows, heads, queries, distances from far before to far behind] become [rows, heads, queries, keys].

    Query i finds key j at distance i − j: each row of scores begins one further left.
    """
    rows, heads, queries, distances = scores.shape
    scores = scores.contiguous()
    strides = (heads * queries * distances, queries * distances, distances - 1, 1)
    return scores.as_strided((rows, heads, queries, longest), strides, queries - 1)


class _Convolution(nn.Module):
    """A gated mixing of channels, a convolution over time in each channel, and a mixing again."""

    def __init__(self, architecture: Architecture, linear: type[nn.Module]) -> None:
        super().__init__()
        width = architecture.width
        self.gated = linear(width, 2 * width, architecture.has_bias)
        reach = (0, architecture.kernel // 2)
        self.over_time = nn.Conv2d(width, width, (1, architecture.kernel), padding=reach, groups=width)
        self.mixing = linear(width, width, architecture.has_bias)

    def forward(self, frames: Tensor, padded: Tensor | None, lengths: Sequence[int] | None) -> Tensor:
        frames = functional.glu(self.gated(frames), dim=-1)
        if padded is not None:
            frames = frames.masked_fill(padded.unsqueeze(-1), 0.0)
        frames = _row_by_row(frames, lengths, self._heard)
        return self.mixing(functional.silu(frames, inplace=True))  # type: ignore[no-any-return]

    def _heard(self, frames: Tensor) -> Tensor:
        planes: Tensor = self.over_time(frames.transpose(1, 2).unsqueeze(2))
        return planes.squeeze(2).transpose(1, 2)
