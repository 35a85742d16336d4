"""The loss of a token-and-duration transducer, in plain PyTorch on any device.

TDT (arXiv:2304.06795) lets every token and every blank skip some frames. The probability of a text is the sum over
all ways through a lattice of frames × tokens; here it is summed along the lattice's diagonals, so that each
step is one operation over the batch and all tokens. PyTorch differentiates it.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

__all__ = ["rnnt_loss", "tdt_loss"]

_IMPOSSIBLE = -1e30
"""A logarithm of zero that stays finite, since minus infinity has no gradient."""


def tdt_loss(
    logits: Tensor,
    targets: Tensor,
    frames: Tensor,
    target_lengths: Tensor,
    durations: Sequence[int],
    sigma: float = 0.0,
) -> Tensor:
    """Negative log-likelihood of each text, in nats: [B].

    ``logits`` is [B, T, U + 1, V + 1 + D]: scores of V tokens, blank and D durations, which need no normalising;
    ``targets`` [B, U] holds token numbers, ``frames`` and ``target_lengths`` [B] what of it is valid. ``sigma``
    under-normalises tokens and blank (section 3.3 of the paper), which favours longer durations.
    """
    labels = logits[..., : -len(durations)]
    duration_scores = logits[..., -len(durations) :].log_softmax(dim=-1)
    blank, tokens = _scores(labels, targets, sigma)
    blanks = {d: blank + duration_scores[..., i] for i, d in enumerate(durations) if d > 0}
    emissions = {d: tokens + duration_scores[:, :, :-1, i] for i, d in enumerate(durations)}
    return -_log_likelihood(blanks, emissions, frames, target_lengths)


def rnnt_loss(logits: Tensor, targets: Tensor, frames: Tensor, target_lengths: Tensor) -> Tensor:
    """As ``tdt_loss`` without durations: blank takes one frame, a token none. ``logits`` is [B, T, U + 1, V + 1]."""
    blank, tokens = _scores(logits, targets, 0.0)
    return -_log_likelihood({1: blank}, {0: tokens}, frames, target_lengths)


def _scores(labels: Tensor, targets: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Log-probabilities of blank, [B, T, U + 1], and of the next token, [B, T, U]."""
    total = labels.logsumexp(dim=-1) + sigma
    index = targets[:, None, :, None].expand(-1, labels.shape[1], -1, 1)
    tokens = labels[:, :, :-1].gather(-1, index).squeeze(-1)
    return labels[..., -1] - total, tokens - total[:, :, :-1]


def _log_likelihood(
    blanks: Mapping[int, Tensor], emissions: Mapping[int, Tensor], frames: Tensor, target_lengths: Tensor
) -> Tensor:
    """Sum over all ways; ``blanks[d]`` and ``emissions[d]`` score leaving a point with ``d`` frames skipped.

    All points on a diagonal, where frame + token is constant, are reached from earlier diagonals only.
    """
    skewed_blanks = {d: _skew(scores) for d, scores in blanks.items()}
    skewed_emissions = {d: _skew(scores) for d, scores in emissions.items()}
    batch, frame_count, positions = next(iter(blanks.values())).shape
    start = torch.full((batch, positions), _IMPOSSIBLE, device=frames.device)
    start[:, 0] = 0.0
    diagonals = [start]
    for diagonal in range(1, frame_count + positions - 1):
        ways = [
            diagonals[diagonal - d] + scores[:, diagonal - d] for d, scores in skewed_blanks.items() if d <= diagonal
        ]
        for d, scores in skewed_emissions.items():
            if (before := diagonal - d - 1) >= 0:
                way = diagonals[before][:, :-1] + scores[:, before, : positions - 1]
                ways.append(torch.nn.functional.pad(way, (1, 0), value=_IMPOSSIBLE))
        diagonals.append(torch.stack(ways).logsumexp(dim=0))
    return _last_blanks(torch.stack(diagonals, dim=1), blanks, frames, target_lengths)


def _last_blanks(diagonals: Tensor, blanks: Mapping[int, Tensor], frames: Tensor, target_lengths: Tensor) -> Tensor:
    """Sum over the blanks that lead from the last token exactly past the last frame."""
    rows = torch.arange(len(frames), device=frames.device)
    ways = []
    for d, scores in blanks.items():
        frame = (frames - d).clamp(min=0)
        way = diagonals[rows, frame + target_lengths, target_lengths] + scores[rows, frame, target_lengths]
        ways.append(way.masked_fill(frames < d, _IMPOSSIBLE))
    return torch.stack(ways).logsumexp(dim=0)


def _skew(scores: Tensor) -> Tensor:
    """[B, T, U] → [B, T + U, U] with ``out[:, t + u, u] = scores[:, t, u]``, impossible elsewhere."""
    _, frame_count, positions = scores.shape
    diagonal = torch.arange(frame_count + positions, device=scores.device)[:, None]
    frame = diagonal - torch.arange(positions, device=scores.device)
    outside = (frame < 0) | (frame >= frame_count)
    index = frame.clamp(0, frame_count - 1).expand(len(scores), -1, -1)
    return scores.gather(1, index).masked_fill(outside, _IMPOSSIBLE)
