"""Sound becomes log-mel features, as the checkpoints were trained with."""

import torch
from torch import Tensor, nn

from parakeet_cli.transcription.fastconformer.architecture import Architecture

__all__ = ["LogMel"]

_PRE_EMPHASIS = 0.97
_GUARD = 2**-24
_DEVIATION_GUARD = 1e-5


class LogMel(nn.Module):
    """Log energies of mel bands, each normalised over the chunk that it stands in.

    ``window`` [samples] and ``bands`` [mels, bins] come with the checkpoint.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self._architecture = architecture
        self.register_buffer("window", torch.empty(architecture.window))
        self.register_buffer("bands", torch.empty(architecture.mels, architecture.fft // 2 + 1))
        self.window: Tensor
        self.bands: Tensor

    def forward(self, signals: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """[rows, samples] and [rows] become features [rows, frames, mels], zero beyond the [rows] frames of each."""
        counts = lengths // self._architecture.hop
        heard = _mask(lengths, signals.shape[1])
        emphasised = torch.cat((signals[:, :1], signals[:, 1:] - _PRE_EMPHASIS * signals[:, :-1]), dim=1)
        energies = self._energies(emphasised.masked_fill(~heard, 0.0))
        logs = torch.log(torch.matmul(self.bands, energies) + _GUARD)[:, :, : int(counts.max())]
        return _normalised(logs, counts).transpose(1, 2), counts

    def _energies(self, signals: Tensor) -> Tensor:
        spectrum = torch.stft(
            signals,
            n_fft=self._architecture.fft,
            hop_length=self._architecture.hop,
            win_length=self._architecture.window,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        return torch.view_as_real(spectrum).square().sum(-1)


def _normalised(logs: Tensor, counts: Tensor) -> Tensor:
    """Mean 0 and deviation 1 for each band, over the frames that count."""
    valid = _mask(counts, logs.shape[2]).unsqueeze(1)
    frames = counts.view(-1, 1, 1).to(logs.dtype)
    mean = torch.where(valid, logs, 0.0).sum(dim=2, keepdim=True) / frames
    squares = torch.where(valid, logs - mean, 0.0).square().sum(dim=2, keepdim=True)
    deviation = (squares / (frames - 1.0)).sqrt().nan_to_num(0.0) + _DEVIATION_GUARD
    return ((logs - mean) / deviation).masked_fill(~valid, 0.0)


def _mask(lengths: Tensor, longest: int) -> Tensor:
    """[rows, longest]: true for positions before each length."""
    return torch.arange(longest, device=lengths.device) < lengths.unsqueeze(1)
