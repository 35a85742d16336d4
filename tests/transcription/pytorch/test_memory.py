"""How many chunks fit a card, and that the encoders use no more than that reckons with."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from parakeet_cli.transcription.chunking import Chunk, Span
from parakeet_cli.transcription.fastconformer.encoder import Encoder
from parakeet_cli.transcription.pytorch.memory import Activations, rows_that_fit
from parakeet_cli.transcription.pytorch.recognizer import TorchRecognizer
from tests.full_size import FULL_SIZE
from tests.live_memory import most_alive

_GIB = 1 << 30
_OURS = Activations(3 * 128 * 256, 2 * 8)
_NEMOS = Activations(4 * 128 * 256, 8 * 8)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("frames", [125, 450, 2500, 7500])
def test_the_full_size_encoder_keeps_within_what_is_reckoned(frames: int, rows: int) -> None:
    """In fp16, on torch's meta device, which has shapes and no numbers; layers come one after the other."""
    with torch.device("meta"):
        encoder = Encoder(replace(FULL_SIZE, layers=2)).half().eval()
    features = torch.empty(rows, 8 * frames, 128, dtype=torch.half, device="meta")
    lengths = torch.full((rows,), 8 * frames)
    used = most_alive(lambda: encoder(features, lengths))
    assert 0.4 < used / (rows * 2 * _OURS.numbers(frames)) <= 1.0


def test_rows_of_different_lengths_take_no_more_than_equal_ones() -> None:
    """The largest tensor of all, in the subsampling, is silenced beyond their ends, and there is one of it."""
    subsampling = Encoder(replace(FULL_SIZE, layers=0)).eval().subsampling
    features = torch.zeros(2, 8 * 25, 128)
    with torch.inference_mode():
        equal, unequal = (
            most_alive(lambda lengths=lengths: subsampling(features, torch.tensor(lengths)))  # type: ignore[misc]
            for lengths in ([200, 200], [200, 120])
        )
    assert unequal < 1.02 * equal


@pytest.mark.model
@pytest.mark.parametrize("seconds", [10, 60])
def test_the_demo_encoder_keeps_within_what_is_reckoned(recognizer: TorchRecognizer, seconds: int) -> None:
    """Ours takes one row after the other, on a CPU, where its frames hear each other."""
    samples = np.random.default_rng(0).normal(0, 0.1, seconds * 16_000).astype(np.float32)
    chunks = [Chunk(samples, Span(0, 0, len(samples), len(samples)), row) for row in range(2)]
    features = recognizer.features(chunks)
    modules = recognizer._modules
    used = most_alive(lambda: modules.encode(*features))
    assert 0.2 < used / (2 * 4 * modules.activations.numbers(seconds * 25 // 2)) <= 1.0


@pytest.mark.parametrize(
    ("card", "ours", "nemos"),
    [(4, 13, 8), (8, 32, 26), (12, 32, 32), (24, 32, 32), (80, 32, 32)],
)
@pytest.mark.model
def test_a_batch_is_as_large_as_a_card_allows(
    recognizer: TorchRecognizer, monkeypatch: pytest.MonkeyPatch, card: int, ours: int, nemos: int
) -> None:
    """GiB, of which the driver and the weights in fp16 take two."""
    free: Any = ((card - 2) * _GIB, card * _GIB)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: free)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 0)
    monkeypatch.setattr(recognizer, "device", torch.device("cuda", 0))
    monkeypatch.setattr(recognizer, "dtype", torch.float16)
    for activations, expected in ((_OURS, ours), (_NEMOS, nemos)):
        monkeypatch.setattr(recognizer, "_modules", replace(recognizer._modules, activations=activations))
        assert recognizer.chunks_a_batch(36.0) == expected
        assert recognizer.chunks_a_batch(126.0) <= min(expected, 9)
        assert recognizer.chunks_a_batch(606.0) == 1


def test_one_row_is_tried_where_none_seems_to_fit() -> None:
    assert rows_that_fit(_OURS, 450, 2, 0) == 1


@pytest.mark.gpu
def test_a_real_card_tells_what_is_free() -> None:
    from parakeet_cli.transcription.pytorch.memory import free_bytes

    assert 0 < free_bytes(torch.device("cuda", 0)) <= torch.cuda.get_device_properties(0).total_memory
