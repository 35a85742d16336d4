"""On a CPU a row is subsampled in parts: the same frames, and a part of the memory."""

from dataclasses import replace

import pytest
import torch

from parakeet_cli.transcription.fastconformer.encoder import Encoder
from tests.full_size import FULL_SIZE
from tests.live_memory import most_alive

_PART = 8 * 64
"""Feature frames."""


@pytest.fixture(scope="module")
def without_layers() -> Encoder:
    """A subsampling of full size but for its width, and nothing after it."""
    torch.manual_seed(0)
    return Encoder(replace(FULL_SIZE, layers=0, width=64)).eval()


@pytest.mark.parametrize(
    "count", [1, 7, 8, 9, _PART - 1, _PART, _PART + 1, _PART + 9, 2 * _PART, 2 * _PART + 1, 3 * _PART - 7]
)
def test_in_parts_a_row_becomes_the_frames_that_it_becomes_in_one(without_layers: Encoder, count: int) -> None:
    features = torch.randn(1, count, 128)
    counts = torch.tensor([count])
    with torch.inference_mode():
        whole, frames = without_layers.subsampling(features, counts)
        in_parts, lengths = without_layers(features, counts)
    assert lengths.tolist() == frames.tolist() == [in_parts.shape[1]]
    torch.testing.assert_close(in_parts, whole, rtol=1e-5, atol=1e-6)


def test_the_memory_of_the_planes_does_not_grow_with_the_chunk(without_layers: Encoder) -> None:
    a_part = 4 * 98_304 * 64
    for frames in (450, 1500):
        features, counts = torch.zeros(1, 8 * frames, 128), torch.tensor([8 * frames])
        assert a_part < most_alive(lambda: without_layers(features, counts)) < 1.5 * a_part  # noqa: B023
