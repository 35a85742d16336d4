"""What a checkpoint's configuration says of its network, and whether it is one that this package can run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parakeet_cli.errors import ModelUnsupported
from parakeet_cli.settings import SAMPLE_RATE

__all__ = ["Architecture", "describe"]

_CLASSES = ("EncDecRNNTBPEModel", "EncDecHybridRNNTCTCBPEModel")
_SUBSAMPLINGS = 3
"""Convolutions that halve the frames, so that eight features frames become one."""
_DEFAULT_MAX_SYMBOLS = 10


@dataclass(frozen=True, slots=True)
class Architecture:
    """A FastConformer encoder (arXiv:2305.05084) with a token-and-duration transducer (arXiv:2304.06795).

    ``window``, ``hop`` and ``fft`` are in samples; ``joint`` outputs ``pieces`` + 1 for blank, and one for each of
    ``durations``, which are in encoder frames.
    """

    mels: int
    window: int
    hop: int
    fft: int
    layers: int
    width: int
    heads: int
    feed_forward: int
    kernel: int
    channels: int
    has_bias: bool
    scale: float
    """Of what comes out of the subsampling."""
    prediction: int
    prediction_layers: int
    joint: int
    pieces: int
    durations: tuple[int, ...]
    max_symbols: int
    """Tokens at one frame; after so many the decoder goes on by one."""
    tokenizer: str
    """Name of the SentencePiece model in the archive."""

    @property
    def frame_samples(self) -> int:
        return self.hop << _SUBSAMPLINGS

    @property
    def blank(self) -> int:
        return self.pieces

    @property
    def subsampled_mels(self) -> int:
        mels = self.mels
        for _ in range(_SUBSAMPLINGS):
            mels = (mels - 1) // 2 + 1
        return mels


def describe(config: Mapping[str, Any]) -> Architecture:
    """Read a configuration as NeMo writes it. Raises ``ModelUnsupported`` for anything that is computed otherwise."""
    try:
        return _read(config)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelUnsupported(f"its configuration is not that of a FastConformer with TDT ({error!r})") from error


def _read(config: Mapping[str, Any]) -> Architecture:
    sound, encoder, decoder, joint = (config[name] for name in ("preprocessor", "encoder", "decoder", "joint"))
    decoding = config["decoding"]
    _require("class", str(config.get("target", "")).rpartition(".")[2], *_CLASSES)
    _check_sound(sound)
    _check_encoder(encoder)
    _check_transducer(decoder, joint)
    width = int(encoder["d_model"])
    durations = decoding.get("durations") or (config.get("model_defaults") or {})["tdt_durations"]
    _require("number of durations", joint.get("num_extra_outputs"), len(durations))
    prediction = decoder["prednet"]
    return Architecture(
        mels=int(sound["features"]),
        window=round(float(sound["window_size"]) * SAMPLE_RATE),
        hop=round(float(sound["window_stride"]) * SAMPLE_RATE),
        fft=int(sound["n_fft"]),
        layers=int(encoder["n_layers"]),
        width=width,
        heads=int(encoder["n_heads"]),
        feed_forward=width * int(encoder["ff_expansion_factor"]),
        kernel=int(encoder["conv_kernel_size"]),
        channels=int(encoder["subsampling_conv_channels"]),
        has_bias=bool(encoder.get("use_bias", True)),
        scale=width**0.5 if encoder.get("xscaling", True) else 1.0,
        prediction=int(prediction["pred_hidden"]),
        prediction_layers=int(prediction["pred_rnn_layers"]),
        joint=int(joint["jointnet"]["joint_hidden"]),
        pieces=int(joint["num_classes"]),
        durations=tuple(int(duration) for duration in durations),
        max_symbols=int((decoding.get("greedy") or {}).get("max_symbols") or _DEFAULT_MAX_SYMBOLS),
        tokenizer=str(config["tokenizer"]["model_path"]).removeprefix("nemo:").removeprefix("./"),
    )


def _check_sound(sound: Mapping[str, Any]) -> None:
    _require("sample rate", sound["sample_rate"], SAMPLE_RATE)
    _require("normalisation", sound["normalize"], "per_feature")
    _require("frame splicing", sound.get("frame_splicing", 1), 1)
    _require("pre-emphasis", sound.get("preemph", 0.97), 0.97)
    _require("power", sound.get("mag_power", 2.0), 2.0)
    _require("exact padding", sound.get("exact_pad", False), False)
    _require("logarithm", sound.get("log", True), True)
    _require("guard of the logarithm", sound.get("log_zero_guard_type", "add"), "add")
    _require("guard of the logarithm", sound.get("log_zero_guard_value", 2**-24), 2**-24)


def _check_encoder(encoder: Mapping[str, Any]) -> None:
    _require("subsampling", encoder["subsampling"], "dw_striding")
    _require("subsampling factor", encoder["subsampling_factor"], 1 << _SUBSAMPLINGS)
    _require("causal subsampling", encoder.get("causal_downsampling", False), False)
    _require("attention", encoder["self_attention_model"], "rel_pos")
    _require("attention context", list(encoder.get("att_context_size") or [-1, -1]), [-1, -1])
    _require("untied biases", encoder.get("untie_biases", True), True)
    _require("normalisation", encoder.get("conv_norm_type", "batch_norm"), "batch_norm")
    _require("context of the convolution", encoder.get("conv_context_size"), None)
    _require("width of the output", encoder.get("feat_out", -1), -1)
    _require("reduction", encoder.get("reduction"), None)


def _check_transducer(decoder: Mapping[str, Any], joint: Mapping[str, Any]) -> None:
    _require("padding", decoder.get("blank_as_pad", True), True)
    _require("normalisation", decoder.get("normalization_mode"), None)
    _require("activation", joint["jointnet"]["activation"], "relu")


def _require(what: str, found: object, *allowed: object) -> None:
    if found not in allowed:
        raise ValueError(f"{what}: {found!r}")
