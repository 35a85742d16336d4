"""What does not fit in memory is encoded in smaller parts; a fault is injected, as on a card that is full (row C20)."""

import gc
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording
from parakeet_cli.errors import EngineFailed, RecognitionFailed
from parakeet_cli.settings import ChunkSettings
from parakeet_cli.transcript import Token
from parakeet_cli.transcription.chunking import Chunk, Samples
from parakeet_cli.transcription.pytorch.fitting import Fitting
from parakeet_cli.transcription.pytorch.recognizer import TorchRecognizer
from parakeet_cli.transcription.recognizer import Frames, Row, owned_pieces
from tests.fakes import cut

_FRAME = 1280
_SECOND = 16_000


class Card:
    """Encodes a frame as the sound it lies at, and takes no more than ``most`` samples in a batch."""

    def __init__(self, most: float) -> None:
        self.most = most
        self.tried: list[list[Chunk]] = []

    def __call__(self, batch: Sequence[Chunk]) -> list[tuple[Frames, ...]]:
        self.tried.append(list(batch))
        if len(batch) * max(len(chunk.samples) for chunk in batch) > self.most:
            raise EngineFailed("The engine ran out of memory (9 GiB); use less.") from MemoryError()
        return [self._frames(chunk) for chunk in batch]

    def _frames(self, chunk: Chunk) -> tuple[Frames, ...]:
        assert len(chunk.samples) == chunk.span.heard_until - chunk.span.heard_from
        heard = torch.from_numpy(chunk.samples[::_FRAME])
        pieces = owned_pieces(chunk, len(heard), _FRAME)
        return tuple(Frames(place, last - first, heard[first:last]) for place, first, last in pieces)


@pytest.fixture(autouse=True, scope="module")
def memory_is_given_back_quickly() -> Iterator[None]:
    """Collecting garbage takes half a second here, with all that other tests have left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)
        yield


def numbered(seconds: float) -> Samples:
    """Every sample is its own position."""
    return np.arange(round(seconds * _SECOND), dtype=np.float32)


@given(
    seconds=st.floats(0.1, 150),
    chunk_seconds=st.floats(5, 60),
    context_seconds=st.floats(0, 6),
    most_seconds=st.floats(10, 200),
    restart=st.integers(0, 1800),
)
def test_every_frame_is_encoded_once_in_its_place(
    seconds: float, chunk_seconds: float, context_seconds: float, most_seconds: float, restart: int
) -> None:
    chunks = cut(numbered(seconds), 0, ChunkSettings(chunk_seconds, context_seconds), _FRAME)
    chunks = [
        replace(chunk, restarts=(restart * _FRAME,))
        if chunk.span.owned_from <= restart * _FRAME < chunk.span.owned_until
        else chunk
        for chunk in chunks
    ]
    encoded = Fitting(_FRAME).encode(chunks, Card(most_seconds * _SECOND))
    assert len(encoded) == len(chunks)
    pieces = [frames for of_chunk in encoded for frames in of_chunk]
    found = np.concatenate([frames.encoded for frames in pieces])
    assert np.array_equal(found, numbered(seconds)[::_FRAME])
    assert all(frames.encoded[0] == frames.first_sample for frames in pieces if frames.count)
    places = [sorted({chunk.span.owned_from, *chunk.restarts}) for chunk in chunks]
    assert [[frames.first_sample for frames in of_chunk] for of_chunk in encoded] == places


def test_a_batch_is_halved_and_the_size_is_remembered(caplog: pytest.LogCaptureFixture) -> None:
    chunks = cut(numbered(240), 0, ChunkSettings(30, 3), _FRAME)
    fits, card = Fitting(_FRAME), Card(100 * _SECOND)
    fits.encode(chunks, card)
    assert [len(batch) for batch in card.tried[:3]] == [8, 4, 2]
    card.tried.clear()
    fits.encode(chunks, card)
    assert {len(batch) for batch in card.tried} == {2}
    assert [record.getMessage() for record in caplog.records] == [
        f"The engine ran out of memory (9 GiB); from here on it takes {seconds} s at a time." for seconds in (144, 72)
    ]


def test_a_chunk_that_does_not_fit_alone_is_divided_until_it_does() -> None:
    (chunk,) = cut(numbered(30), 0, ChunkSettings(30, 3), _FRAME)
    fits, card = Fitting(_FRAME), Card(14 * _SECOND)
    fits.encode([chunk], card)
    assert [len(batch[0].samples) // _SECOND for batch in card.tried] == [30, 16, 9, 11, 11, 9]
    card.tried.clear()
    fits.encode([chunk], card)
    assert [len(batch[0].samples) // _SECOND for batch in card.tried] == [9, 11, 11, 9]


def test_context_beyond_two_seconds_is_left_out_first() -> None:
    *_, chunk = cut(numbered(37), 0, ChunkSettings(30, 3), _FRAME)
    assert chunk.span.owned_until - chunk.span.owned_from < 8 * _SECOND < 30 * _SECOND < len(chunk.samples)
    card = Card(14 * _SECOND)
    Fitting(_FRAME).encode([chunk], card)
    assert [len(batch[0].samples) // _SECOND for batch in card.tried] == [36, 5]


def test_a_recording_of_which_no_part_fits_fails_by_itself() -> None:
    fits, card = Fitting(_FRAME), Card(0)
    (chunk,) = cut(numbered(30), 0, ChunkSettings(30, 3), _FRAME)
    with pytest.raises(RecognitionFailed, match=r"ran out of memory \(9 GiB\), also with a short part"):
        fits.encode([chunk], card)
    card.most = 60 * _SECOND  # somebody else has left the card
    assert len(fits.encode([chunk], card)) == 1


def test_another_failure_is_not_taken_for_memory() -> None:
    def fail(_: Sequence[Chunk]) -> list[tuple[Frames, ...]]:
        raise EngineFailed("The engine failed (an illegal access).") from RuntimeError("an illegal access")

    with pytest.raises(EngineFailed, match="an illegal access"):
        Fitting(_FRAME).encode(cut(numbered(30), 0, ChunkSettings(30, 3), _FRAME), fail)


@pytest.mark.model
def test_the_words_are_those_of_whole_batches(
    recognizer: TorchRecognizer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    samples = make_recording(60, 7, load_clips(DEFAULT_FOLDER), style="mixed").samples
    expected = _tokens(recognizer, samples)
    features = recognizer._modules.features
    limit = 0

    def short_of_memory(signals: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return features(torch.empty(10**15) if signals.numel() > limit else signals, lengths)

    monkeypatch.setattr(recognizer, "_fitting", Fitting(recognizer.frame_samples))
    monkeypatch.setattr(recognizer, "_modules", replace(recognizer._modules, features=short_of_memory))
    caplog.set_level(logging.WARNING)
    limit = 70 * _SECOND
    tokens = _tokens(recognizer, samples)
    assert [(token.text, token.start) for token in tokens] == [(token.text, token.start) for token in expected]
    limit = 15 * _SECOND  # parts of chunks hear less, as shorter chunks do
    assert SequenceMatcher(None, _words(_tokens(recognizer, samples)), _words(expected)).ratio() > 0.96
    assert "can't allocate memory" in caplog.text
    assert "it takes 29 s at a time" in caplog.text
    assert "it takes 11 s at a time" in caplog.text


def _words(tokens: Sequence[Token]) -> list[str]:
    """Without punctuation, which depends on what is heard around."""
    return re.sub(r"[.,]", "", "".join(token.text for token in tokens)).lower().split()


def _tokens(recognizer: TorchRecognizer, samples: Samples) -> list[Token]:
    chunks = cut(samples, 0, ChunkSettings(25, 2), recognizer.frame_samples)
    frames = [frames for of_chunk in recognizer.encode(chunks) for frames in of_chunk]
    ((hypothesis, _),) = recognizer.decode([Row(tuple(frames), None)])
    return list(hypothesis.tokens)
