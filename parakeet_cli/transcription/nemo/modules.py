"""NeMo's preprocessor, encoder and decoding computer, called directly.

``model.transcribe`` is neither re-entrant nor free of side effects, and pads what it is given; none of it is used.
"""

from typing import Any

import torch

from parakeet_cli.settings import EngineChoice
from parakeet_cli.transcription.nemo.decoding import CtcDecoder, TransducerDecoder
from parakeet_cli.transcription.pytorch.memory import Activations
from parakeet_cli.transcription.pytorch.recognizer import Modules, piece_text

__all__ = ["modules_of"]


def modules_of(model: Any, skip_confidence: float) -> Modules:
    """The parts of a NeMo model that a recognizer uses."""
    featurizer = model.preprocessor.featurizer
    featurizer.dither = 0.0  # random noise would make two runs differ
    featurizer.pad_to = 0

    def features(signals: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        made: tuple[torch.Tensor, torch.Tensor] = model.preprocessor(input_signal=signals, length=lengths)
        return made

    halfway: list[bool] = []  # where memory was short, the encoder may be in two formats

    def encode(spectra: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if halfway or next(model.encoder.parameters()).dtype != spectra.dtype:
            halfway.append(True)
            model.encoder.to(spectra.dtype)
            halfway.clear()
        encoded, counts = model.encoder(audio_signal=spectra, length=lengths)
        return encoded.transpose(1, 2), counts

    tokens: list[str] = model.tokenizer.ids_to_tokens(list(range(model.tokenizer.vocab_size)))
    pieces = tuple(piece_text(token) for token in tokens)
    return Modules(
        features=features,
        encoder=model.encoder,
        encode=encode,
        encode_exactly=encode,  # features come in fp32
        activations=_activations(model.cfg.encoder),
        decoder=TransducerDecoder(model, pieces, skip_confidence) if hasattr(model, "joint") else CtcDecoder(model),
        pieces=pieces,
        frame_samples=int(featurizer.hop_length) * int(model.encoder.subsampling_factor),
        engine=EngineChoice.NEMO,
    )


def _activations(encoder: Any) -> Activations:
    channels = int(encoder.subsampling_conv_channels)
    channels = channels if channels > 0 else int(encoder.d_model)
    return Activations(4 * int(encoder.feat_in) * channels, 8 * int(encoder.n_heads))
