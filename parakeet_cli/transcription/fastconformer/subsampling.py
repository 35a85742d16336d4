"""Feature frames become an eighth as many, by convolutions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from parakeet_cli.transcription.fastconformer.architecture import Architecture

__all__ = ["Subsampling"]


class Subsampling(nn.Module):
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
