"""NeMo's own decoding, without our chunks: what ours is held against."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nemo.collections.asr.models import ASRModel
from nemo.utils import logging
from omegaconf import open_dict

from benchmarks.decoding import FRAME_SECONDS
from benchmarks.peer_methods import HeardToken
from benchmarks.recordings import NO_PADS, Pads, SpokenWord, Utterance
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.chunking import Samples

__all__ = ["NemoReference"]

_FRAME = SAMPLE_RATE // 50
"""Samples, 20 ms: what has a level."""


class NemoReference:
    """A checkpoint in NeMo, fp32, on the CPU, that decodes whole pieces of sound in one pass each."""

    def __init__(self, checkpoint: Path) -> None:
        logging.setLevel(logging.ERROR)
        self._model: Any = ASRModel.restore_from(str(checkpoint), map_location="cpu").eval()
        self._model.preprocessor.featurizer.dither = 0.0  # the same sound gives the same features
        self._model.preprocessor.featurizer.pad_to = 0
        decoding = deepcopy(self._model.cfg.decoding)
        with open_dict(decoding):
            decoding.compute_timestamps = True
        self._model.change_decoding_strategy(decoding, verbose=False)

    def decode_utterances(
        self, samples: Samples, utterances: Sequence[Utterance], pads: Pads = NO_PADS, batch_size: int = 8
    ) -> list[SpokenWord]:
        """Decode each stretch of a recording by itself; words in order, with times in the recording."""
        words: dict[float, list[SpokenWord]] = {}
        for batch in _batches(utterances, batch_size):
            pieces = [_padded(samples[round(u.start * SAMPLE_RATE) : round(u.end * SAMPLE_RATE)], pads) for u in batch]
            for utterance, heard in zip(batch, self.decode(pieces), strict=True):
                words[utterance.start] = [_shifted(word, utterance.start - pads.before) for word in heard]
        return [word for start in sorted(words) for word in words[start]]

    def decode(self, pieces: Sequence[Samples]) -> list[list[SpokenWord]]:
        """Decode pieces as one batch with full attention; the words of each, in seconds from its start."""
        return [_words(hypothesis) for hypothesis in self._hypotheses(pieces)]

    def decode_tokens(self, pieces: Sequence[Samples]) -> list[list[HeardToken]]:
        """As ``decode``, for the tokens of each piece."""
        return [self._tokens(hypothesis) for hypothesis in self._hypotheses(pieces)]

    def transcribe(self, pieces: Sequence[Samples]) -> list[list[SpokenWord]]:
        """NeMo's ``transcribe(timestamps=True)``, one piece after the other."""
        hypotheses = self._model.transcribe(list(pieces), timestamps=True, batch_size=1, verbose=False)
        return [_words(hypothesis) for hypothesis in hypotheses]

    @torch.inference_mode()
    def _hypotheses(self, pieces: Sequence[Samples]) -> list[Any]:
        self._model.eval()  # NeMo's transcribe leaves the encoder in training mode, with dropout
        lengths = torch.tensor([len(piece) for piece in pieces])
        signal = torch.zeros(len(pieces), int(lengths.max()))
        for row, piece in enumerate(pieces):
            signal[row, : len(piece)] = torch.from_numpy(piece)
        features, feature_lengths = self._model.preprocessor(input_signal=signal, length=lengths)
        encoded, encoded_lengths = self._model.encoder(audio_signal=features, length=feature_lengths)
        hypotheses: list[Any] = self._model.decoding.rnnt_decoder_predictions_tensor(
            encoder_output=encoded, encoded_lengths=encoded_lengths, return_hypotheses=True
        )
        return hypotheses

    def _tokens(self, hypothesis: Any) -> list[HeardToken]:
        ids = [int(number) for number in hypothesis.y_sequence]
        places = [int(frame) for frame in hypothesis.timestamp["timestep"]]
        lengths = [int(frames) for frames in hypothesis.token_duration]
        pieces = self._model.tokenizer.ids_to_tokens(ids)
        return [
            HeardToken(number, piece.replace("▁", " "), place * FRAME_SECONDS, (place + length) * FRAME_SECONDS)
            for number, piece, place, length in zip(ids, pieces, places, lengths, strict=True)
        ]


def _words(hypothesis: Any) -> list[SpokenWord]:
    return [
        SpokenWord(word["word"], word["start_offset"] * FRAME_SECONDS, word["end_offset"] * FRAME_SECONDS)
        for word in hypothesis.timestamp["word"]
    ]


def _batches(utterances: Sequence[Utterance], size: int) -> Iterator[list[Utterance]]:
    """Batches of like lengths, so that little is padded."""
    by_length = sorted(utterances, key=lambda utterance: utterance.end - utterance.start)
    for start in range(0, len(by_length), size):
        yield by_length[start : start + size]


def _padded(piece: Samples, pads: Pads) -> Samples:
    frames = piece[: len(piece) // _FRAME * _FRAME].reshape(-1, _FRAME)
    level = np.percentile(np.std(frames, axis=1), 10) if len(frames) else 0.0
    noise = np.random.default_rng(0)  # the same in every run
    before, after = (
        noise.standard_normal(round(seconds * SAMPLE_RATE), np.float32) * np.float32(level) for seconds in pads
    )
    return np.concatenate((before, piece, after))


def _shifted(word: SpokenWord, seconds: float) -> SpokenWord:
    return SpokenWord(word.text, word.start + seconds, word.end + seconds)
