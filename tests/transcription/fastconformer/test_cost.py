"""What is computed, counted: equal on every machine, so that a regression is noticed where time is too noisy."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from parakeet_cli.transcription.fastconformer.encoder import Encoder
from parakeet_cli.transcription.fastconformer.transducer import Transducer
from parakeet_cli.transcription.pytorch.decoding import Jumps
from tests.full_size import FULL_SIZE


@pytest.mark.parametrize("rows", [1, 4])
def test_the_encoder_multiplies_little_beyond_its_matrices(rows: int) -> None:
    frames, width = 450, FULL_SIZE.width
    matrices = 2 * 2 * width * FULL_SIZE.feed_forward + (3 + 1) * width**2 + (2 + 1) * width**2
    least = 2 * rows * frames * FULL_SIZE.layers * matrices
    with torch.device("meta"):
        encoder = Encoder(FULL_SIZE).eval()
    features = torch.empty(rows, 8 * frames, 128, device="meta")
    with torch.inference_mode():
        encoder(features[:1], torch.tensor([8 * frames]))  # what distances mean is kept from here on
        with FlopCounterMode(display=False) as counter:
            encoder(features, torch.full((rows,), 8 * frames))
    assert 1.0 < counter.get_total_flops() / least < 1.11  # attention, and the subsampling


def test_a_token_costs_few_operators() -> None:
    """Most of them wait for memory; but a hundred more would be felt on a CPU, and more so on a card."""
    torch.manual_seed(0)
    small = replace(FULL_SIZE, width=32, prediction=32, joint=32, pieces=20)
    transducer = Transducer(small, Jumps(small.durations, 0.9, (small.blank,))).eval()
    with torch.inference_mode(), _Operators() as operators:
        ((emissions, _),) = transducer.decode([torch.randn(400, 32)], [None])
    assert len(emissions) > 100
    assert operators.count / len(emissions) < 110


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch gives it no types
    count = 0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return operator(*args, **(kwargs or {}))
