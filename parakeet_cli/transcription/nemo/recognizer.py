"""Parakeet through NeMo's modules: preprocessor, encoder and decoding computer, called directly.

``model.transcribe`` is neither re-entrant nor free of side effects, and pads what it is given; none of it is used.
"""

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from parakeet_cli.errors import RecognitionFailed
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcript import Token
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.nemo.decoding import CtcDecoder, Decoder, Emission, TransducerDecoder
from parakeet_cli.transcription.nemo.failures import engine_failures
from parakeet_cli.transcription.recognizer import UNKNOWN, DecoderState, Frames, Hypothesis, Row, owned_pieces

__all__ = ["NemoRecognizer"]

_LOG = logging.getLogger(__name__)

_CHUNKS_ON_CPU = 4
_CHUNKS_ON_CUDA = 16
_WINDOW_SECONDS = 36.0
"""What a chunk of those hears; a batch of longer ones has as many seconds."""

_SAVING = "a smaller --batch-size or --chunk-seconds"


class NemoRecognizer:
    """A loaded checkpoint. The encoder runs in ``dtype``; features, decoder and joint network in fp32."""

    def __init__(self, model: Any, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> None:
        self.model = checkpoint.name
        self.language = checkpoint.language
        self.device = device
        self.dtype = dtype
        self._model = model
        self._has_overflowed = False
        featurizer = model.preprocessor.featurizer
        featurizer.dither = 0.0  # random noise would make two runs differ
        featurizer.pad_to = 0
        self.frame_samples = int(featurizer.hop_length) * int(model.encoder.subsampling_factor)
        self._pieces = _pieces(model.tokenizer)
        self._encoder = model.encoder.to(dtype)
        self._decoder: Decoder = TransducerDecoder(model) if hasattr(model, "joint") else CtcDecoder(model)

    def chunks_a_batch(self, window_seconds: float) -> int:
        most = _CHUNKS_ON_CPU if self.device.type == "cpu" else _CHUNKS_ON_CUDA
        return max(1, int(most * min(1.0, _WINDOW_SECONDS / window_seconds)))

    @engine_failures(_SAVING)
    @torch.inference_mode()
    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        lengths = torch.tensor([len(chunk.samples) for chunk in chunks])
        signals = torch.zeros(len(chunks), int(lengths.max()))
        for row, chunk in enumerate(chunks):
            signals[row, : len(chunk.samples)] = torch.from_numpy(chunk.samples)
        features, feature_lengths = self._model.preprocessor(
            input_signal=signals.to(self.device), length=lengths.to(self.device)
        )
        encoded, frame_counts = self._run_encoder(features, feature_lengths, exactly)
        return [
            self._owned(chunk, frames, count)
            for chunk, frames, count in zip(chunks, encoded.transpose(1, 2), frame_counts.tolist(), strict=True)
        ]

    def _run_encoder(
        self, features: torch.Tensor, lengths: torch.Tensor, exactly: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not exactly:
            encoded, counts = self._encoder(audio_signal=features.to(self.dtype), length=lengths)
            if torch.isfinite(encoded).all():
                return encoded.float(), counts
            if self.dtype != torch.float32:
                self._warn_of_overflow()
        with self._in_fp32():
            encoded, counts = self._encoder(audio_signal=features, length=lengths)
        if not torch.isfinite(encoded).all():
            raise RecognitionFailed("The encoder gives values that are not finite for this audio, also in fp32.")
        return encoded, counts

    def _warn_of_overflow(self) -> None:
        if not self._has_overflowed:
            _LOG.warning("The encoder's %s overflows for some audio; such batches are repeated in fp32.", self.dtype)
        self._has_overflowed = True

    @contextmanager
    def _in_fp32(self) -> Iterator[None]:
        self._encoder.float()
        try:
            yield
        finally:
            self._encoder.to(self.dtype)

    def _owned(self, chunk: Chunk, frames: torch.Tensor, count: int) -> tuple[Frames, ...]:
        return tuple(
            Frames(place, last - first, frames[first:last].clone())
            for place, first, last in owned_pieces(chunk, count, self.frame_samples)
        )

    @engine_failures(_SAVING)
    @torch.inference_mode()
    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        pieces = [torch.cat([frames.encoded for frames in row.frames]) for row in rows]
        lengths = torch.tensor([len(piece) for piece in pieces], device=self.device)
        encoded = torch.nn.utils.rnn.pad_sequence(pieces, batch_first=True)
        decoded = self._decoder.decode(encoded, lengths, [row.state for row in rows])
        return [
            (self._hypothesis(emissions, row.frames[0].first_sample), state)
            for row, (emissions, state) in zip(rows, decoded, strict=True)
        ]

    def pack(self, state: DecoderState) -> bytes:
        file = io.BytesIO()
        torch.save(None if state is None else self._decoder.plain(state), file)
        return file.getvalue()

    def unpack(self, packed: bytes) -> DecoderState:
        plain = torch.load(io.BytesIO(packed), map_location=self.device, weights_only=True)
        return None if plain is None else self._decoder.restored(plain)

    def _hypothesis(self, emissions: Sequence[Emission], first_sample: int) -> Hypothesis:
        tokens = []
        for emission in emissions:
            if text := self._pieces[emission.token_id]:
                start = first_sample + emission.frame * self.frame_samples
                end = start + emission.frames * self.frame_samples
                tokens.append(Token(text, start / SAMPLE_RATE, end / SAMPLE_RATE, emission.logprob))
        return Hypothesis(tuple(tokens))


def _pieces(tokenizer: Any) -> tuple[str, ...]:
    """The text of every token id: a leading space where a word starts, empty for control tokens."""
    tokens: list[str] = tokenizer.ids_to_tokens(list(range(tokenizer.vocab_size)))
    return tuple(_text(token) for token in tokens)


def _text(piece: str) -> str:
    if piece == "<unk>":
        return UNKNOWN
    if piece.startswith("<") and piece.endswith(">") and len(piece) > 2:
        return ""
    return piece.replace("▁", " ")
