"""Matrices in int8 for CPUs: a scale for each output, fixed, and one for each frame, found as it comes.

A frame's result so does not depend on what else is in its batch. oneDNN multiplies, through torch's operators for
quantised networks.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from parakeet_cli.transcription.pytorch.devices import cpu_multiplies_int8_exactly

__all__ = ["Int8Linear", "is_available", "quantize"]

_LARGEST = 127
_SMALLEST_SCALE = 1e-20
"""A frame of zeros has none."""


def is_available() -> bool:
    """Whether this torch was built with what multiplies."""
    return "onednn" in torch.backends.quantized.supported_engines


def quantize(weights: Mapping[str, Tensor], names: frozenset[str]) -> dict[str, Tensor]:
    """``weights`` with the matrices called ``names`` in int8, and the scales [outputs] of each beside it."""
    prepared = dict(weights)
    for name in names:
        weight = weights[f"{name}.weight"].float()
        scale = (weight.abs().amax(dim=1) / _LARGEST).clamp_min(_SMALLEST_SCALE)
        prepared[f"{name}.weight"] = (weight / scale[:, None]).round_().to(torch.int8)
        prepared[f"{name}.scale"] = scale
    return prepared


class Int8Linear(nn.Module):
    """As ``nn.Linear``. ``weight`` [outputs, inputs] is int8, ``scale`` [outputs] and ``bias`` are floats.

    Where they are replaced by floats, as for a repeat in fp32, it multiplies floats.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.register_buffer("weight", torch.empty(outputs, inputs, dtype=torch.int8))
        self.register_buffer("scale", torch.empty(outputs))
        self.weight: Tensor
        self.scale: Tensor
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None
        self._packed: Tensor | None = None
        self._scale = self._zeros = torch.empty(0)
        self._half = 0.0

    def pack(self) -> None:
        """To be called once the weights are assigned: lays them out as this processor multiplies them."""
        self._packed = torch.ops.onednn.qlinear_prepack(self.weight, None)
        self._scale = self.scale.float()
        self._zeros = torch.zeros(len(self._scale), dtype=torch.int64)
        self._half = 128.0 if cpu_multiplies_int8_exactly() else 64.0

    def forward(self, frames: Tensor) -> Tensor:
        if self.weight.is_floating_point():
            return functional.linear(frames, self.weight * self.scale.unsqueeze(1), self.bias)
        rows = frames.reshape(-1, frames.shape[-1])
        largest = torch.maximum(rows.amax(dim=1, keepdim=True), -rows.amin(dim=1, keepdim=True))
        steps = largest.float().clamp_min_(_SMALLEST_SCALE) / (self._half - 1)
        # a half more, as the conversion cuts off what is behind the point
        levels = (rows * steps.reciprocal()).add_(self._half + 0.5).to(torch.uint8)
        made: Tensor = torch.ops.onednn.qlinear_pointwise(
            levels,
            1.0,
            int(self._half),
            self._packed,
            self._scale,
            self._zeros,
            None,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        ).mul_(steps)
        if self.bias is not None:
            made += self.bias
        return made.to(frames.dtype).view(*frames.shape[:-1], -1)
