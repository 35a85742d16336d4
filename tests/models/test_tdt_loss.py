"""The TDT loss against the definition, by going all ways one by one, and against NeMo's own."""

import math
from collections.abc import Iterator, Sequence

import pytest
import torch

from models.tdt_loss import rnnt_loss, tdt_loss

DURATIONS = (0, 1, 2, 3, 4)
Step = tuple[int, int, bool, int]
"""Frame, token position, whether it is a blank, duration."""


def ways(frames: int, tokens: int, durations: Sequence[int], blanks: Sequence[int]) -> Iterator[list[Step]]:
    """All ways through the lattice; each ends with a blank just past the last frame."""

    def walk(frame: int, position: int) -> Iterator[list[Step]]:
        for duration in blanks:
            step = (frame, position, True, duration)
            if frame + duration == frames and position == tokens:
                yield [step]
            elif frame + duration < frames:
                yield from ([step, *rest] for rest in walk(frame + duration, position))
        for duration in durations:
            if position < tokens and frame + duration < frames:
                step = (frame, position, False, duration)
                yield from ([step, *rest] for rest in walk(frame + duration, position + 1))

    return walk(0, 0)


def by_definition(logits: torch.Tensor, targets: Sequence[int], frames: int, sigma: float) -> float:
    labels = logits[..., : -len(DURATIONS)].log_softmax(-1) - sigma
    lengths = logits[..., -len(DURATIONS) :].log_softmax(-1)
    total = 0.0
    for way in ways(frames, len(targets), DURATIONS, DURATIONS[1:]):
        scores = [
            labels[t, u, -1 if blank else targets[u]] + lengths[t, u, DURATIONS.index(d)] for t, u, blank, d in way
        ]
        total += math.exp(sum(float(score) for score in scores))
    return -math.log(total)


def random_batch(seed: int, frames: int, tokens: int, vocabulary: int, size: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(seed)
    logits = 2 * torch.randn(size, frames, tokens + 1, vocabulary + 1 + len(DURATIONS))
    return logits, torch.randint(vocabulary, (size, tokens))


@pytest.mark.parametrize(("frames", "tokens"), [(1, 0), (1, 2), (2, 1), (3, 2), (5, 1), (5, 3), (6, 2)])
@pytest.mark.parametrize("sigma", [0.0, 0.02])
def test_the_loss_is_the_sum_over_all_ways(frames: int, tokens: int, sigma: float) -> None:
    logits, targets = random_batch(frames, frames, tokens, 3, 1)
    loss = tdt_loss(logits, targets, torch.tensor([frames]), torch.tensor([tokens]), DURATIONS, sigma)
    assert float(loss) == pytest.approx(by_definition(logits[0], targets[0].tolist(), frames, sigma), abs=1e-4)


def test_without_durations_it_is_the_sum_over_the_ways_of_a_plain_transducer() -> None:
    logits, targets = random_batch(1, 4, 3, 3, 1)
    logits = logits[..., : -len(DURATIONS)]
    scores = logits[0].log_softmax(-1)
    total = sum(
        math.exp(sum(float(scores[t, u, -1 if blank else targets[0, u]]) for t, u, blank, _ in way))
        for way in ways(4, 3, [0], [1])
    )
    loss = rnnt_loss(logits, targets, torch.tensor([4]), torch.tensor([3]))
    assert float(loss) == pytest.approx(-math.log(total), abs=1e-4)


def test_what_lies_beyond_a_texts_lengths_changes_nothing() -> None:
    logits, targets = random_batch(2, 7, 4, 5, 3)
    frames, lengths = torch.tensor([7, 5, 2]), torch.tensor([4, 2, 0])
    together = tdt_loss(logits, targets, frames, lengths, DURATIONS, 0.02)
    for row in range(3):
        t, u = int(frames[row]), int(lengths[row])
        alone = tdt_loss(
            logits[row : row + 1, :t, : u + 1],
            targets[row : row + 1, :u],
            frames[row : row + 1],
            lengths[row : row + 1],
            DURATIONS,
            0.02,
        )
        assert float(together[row]) == pytest.approx(float(alone), abs=1e-4)


def test_padding_gets_no_gradient() -> None:
    logits, targets = random_batch(3, 6, 3, 4, 2)
    logits.requires_grad_()
    frames, lengths = torch.tensor([6, 3]), torch.tensor([3, 1])
    loss = tdt_loss(logits, targets, frames, lengths, DURATIONS).sum()
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(gradient).all()
    assert not gradient[1, 3:].any()
    assert not gradient[1, :, 2:].any()
    assert gradient[1, :3, :2].any()


@pytest.mark.model
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # NeMo scripts modules on import
def test_the_loss_and_its_gradient_are_those_of_nemos_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from nemo.collections.asr.losses.rnnt_pytorch import TDTLossPytorch

    monkeypatch.setattr(torch.Tensor, "cuda", lambda self: self)  # NeMo's loss asks for a GPU without need
    logits, targets = random_batch(4, 9, 4, 6, 3)
    frames, lengths = torch.tensor([9, 8, 6]), torch.tensor([4, 3, 1])
    logits.requires_grad_()
    ours = tdt_loss(logits, targets, frames, lengths, DURATIONS, 0.02)
    (gradient,) = torch.autograd.grad(ours.sum(), logits)
    nemo = TDTLossPytorch(blank=6, durations=list(DURATIONS), reduction="none", sigma=0.02)
    theirs = nemo(acts=logits, labels=targets, act_lens=frames, label_lens=lengths)
    (expected,) = torch.autograd.grad(theirs.sum(), logits)
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert torch.allclose(gradient, expected, atol=1e-4)
