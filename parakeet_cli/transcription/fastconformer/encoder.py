"""The FastConformer encoder: features become frames, one for eight.

Parameters stand as ``weights.prepare`` leaves them: queries, keys and values in one matrix, batch normalisation folded
into the convolution before it, and the halves of the feed-forward steps into their second matrix. Channels come last
everywhere, which is how the convolutions by channel are quick on a CPU (``docs/performance.md``).
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from parakeet_cli.transcription.fastconformer.architecture import Architecture
from parakeet_cli.transcription.fastconformer.sharing import groups_of_rows, run_apart

__all__ = ["Encoder"]

_LONGEST_PERIOD = 10_000.0
"""Of the sinusoids that stand for distances."""
_FRAMES_AT_ONCE = {"cpu": 96, "cuda": 1024}
"""Whose nearness to all others is computed together: what a cache holds, or what fills a card."""
_FRAMES_SUBSAMPLED = 64
"""At a time on a CPU; the largest plane of a frame has 65,536 numbers in full size."""
_FRAME = 8
"""Feature frames."""
_MOST_KEPT = 512
"""Frames, 41 s; what distances mean to each layer is kept for chunks up to so many, 44 MB of bf16 in full size."""


class Encoder(nn.Module):
    """Subsampling by convolutions, and Conformer layers with attention over the whole chunk."""

    def __init__(self, architecture: Architecture, linear: type[nn.Module] = nn.Linear) -> None:
        super().__init__()
        self._width = architecture.width
        self._scale = architecture.scale
        self.subsampling = _Subsampling(architecture)
        self.layers = nn.ModuleList(_Layer(architecture, linear) for _ in range(architecture.layers))
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
            frames = run(layer, frames, positions, padded)
        return frames, counts

    def _encode_apart(self, features: Tensor, counts: Tensor, run: Callable[..., Any]) -> tuple[Tensor, Tensor]:
        """Row by row within each layer: what a row needs stays in a processor's cache, and no row is padded."""
        counted = counts.tolist()
        lengths = [-(-count // _FRAME) for count in counted]
        positions = self._positions(max(lengths), features)
        rows = list(torch.split(features, 1))

        def through_all(some: Iterable[int]) -> Iterator[None]:
            for index in some:
                rows[index] = self._subsampled(rows[index][:, : counted[index]], run)
                yield
            for layer, near in zip(self.layers, positions, strict=True):
                for index in some:
                    rows[index] = run(layer, rows[index], _central(near, lengths[index]), None)
                yield

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
        if not kept or len(kept[0]) < 2 * longest - 1 or kept[0].dtype != frames.dtype:
            distances = _distances(longest, self._width, frames.device, frames.dtype)
            kept = [layer.attention.positions(distances) for layer in cast(Iterable[_Layer], self.layers)]
            if longest <= _MOST_KEPT and frames.dtype == self.subsampling.out.weight.dtype:
                self._kept = kept
        return [_central(positions, longest) for positions in kept]


def _central(positions: Tensor, longest: int) -> Tensor:
    """Of those for more frames, those for ``longest``."""
    spare = len(positions) // 2 + 1 - longest
    return positions[spare : len(positions) - spare]


def _in_fp32(module: nn.Module, *inputs: Tensor | None) -> Any:
    own = itertools.chain(module.named_parameters(), module.named_buffers())
    weights = {name: weight.float() for name, weight in own}
    return torch.func.functional_call(module, weights, inputs)


class _Subsampling(nn.Module):
    """Three convolutions that halve frames and mels, the second and third by channel with a mixing of channels."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels = architecture.channels
        self.first = nn.Linear(9, channels)
        self.halving = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels) for _ in range(2)
        )
        self.mixing = nn.ModuleList(nn.Linear(channels, channels) for _ in range(2))
        self.out = nn.Linear(channels * architecture.subsampled_mels, architecture.width)

    def forward(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        planes = self.first(_patches(features)).relu_()
        counts = (counts - 1) // 2 + 1
        for halving, mixing in zip(self.halving, self.mixing, strict=True):
            halved = halving(_silenced(planes, counts).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            planes = mixing(halved).relu_()
            counts = (counts - 1) // 2 + 1
        return self.out(_silenced(planes, counts).flatten(2)), counts


def _patches(features: Tensor) -> Tensor:
    """[rows, frames, mels] become the [rows, frames, mels, 9] that a convolution of 3 × 3 sees in steps of two."""
    rows, frames, mels = features.shape
    framed = functional.pad(features, (1, 1, 1, 1))
    row, frame, mel = framed.stride()
    shape = (rows, (frames - 1) // 2 + 1, (mels - 1) // 2 + 1, 3, 3)
    return framed.as_strided(shape, (row, 2 * frame, 2 * mel, frame, mel)).flatten(3)


def _silenced(planes: Tensor, counts: Tensor) -> Tensor:
    """[rows, frames, mels, channels] with zeros beyond the frames of each row, which a convolution would hear.

    Written into ``planes``, the largest of all tensors.
    """
    longest = planes.shape[1]
    if int(counts.min()) >= longest:
        return planes
    beyond = torch.arange(longest, device=planes.device) >= counts.unsqueeze(1)
    return planes.masked_fill_(beyond[:, :, None, None], 0.0)


class _Layer(nn.Module):
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

    def forward(self, frames: Tensor, positions: Tensor, padded: Tensor | None) -> Tensor:
        frames = frames + self.first(self.before_first(frames))
        frames = frames + self.attention(self.before_attention(frames), positions, padded)
        frames = frames + self.convolution(self.before_convolution(frames), padded)
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
        """[distances, width] as sines and cosines become [distances, heads, width of a head], in their own format."""
        positions = functional.linear(distances, self.distance.weight.to(distances.dtype))
        return positions.view(len(distances), self._heads, -1)

    def forward(self, frames: Tensor, positions: Tensor, padded: Tensor | None) -> Tensor:
        rows, longest, width = frames.shape
        shape = (rows, longest, 3, self._heads, width // self._heads)
        query, key, value = self.inputs(frames).view(shape).permute(2, 0, 3, 1, 4)
        scale = 1.0 / math.sqrt(width // self._heads)
        nearness = _nearness((query + self.distance_bias) * scale, positions)
        if padded is not None:
            nearness = nearness.masked_fill(padded[:, None, None, :], -math.inf)
        heard = functional.scaled_dot_product_attention(query + self.content_bias, key, value, nearness, scale=scale)
        return self.out(heard.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def _nearness(query: Tensor, positions: Tensor) -> Tensor:
    """Queries [rows, heads, frames, width of a head] and positions [distances, heads, width of a head] become what each
    frame is to each other by their distance, [rows, heads, frames, frames].

    Some frames at a time, which have fewer distances to all others than all frames have.
    """
    rows, heads, longest, _ = query.shape
    step = _FRAMES_AT_ONCE["cpu" if query.device.type == "cpu" else "cuda"]
    if longest <= step:
        return _shifted(torch.matmul(query, positions.permute(1, 2, 0)), longest)
    nearness = query.new_empty(rows, heads, longest, longest)
    for first in range(0, longest, step):
        last = min(first + step, longest)
        near = positions[longest - last : 2 * longest - 1 - first].permute(1, 2, 0)
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

    def forward(self, frames: Tensor, padded: Tensor | None) -> Tensor:
        frames = functional.glu(self.gated(frames), dim=-1)
        if padded is not None:
            frames = frames.masked_fill(padded.unsqueeze(-1), 0.0)
        planes = self.over_time(frames.transpose(1, 2).unsqueeze(2))
        frames = functional.silu(planes, inplace=True).squeeze(2).transpose(1, 2)
        return self.mixing(frames)  # type: ignore[no-any-return]


def _distances(longest: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """[2 × longest − 1, width]: sines and cosines of the distances longest − 1 … 1 − longest."""
    distances = torch.arange(longest - 1, -longest, -1, dtype=torch.float32, device=device).unsqueeze(1)
    exponents = torch.arange(0, width, 2, dtype=torch.float32, device=device)
    angles = distances * torch.exp(exponents * -(math.log(_LONGEST_PERIOD) / width))
    return torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1).to(dtype)
