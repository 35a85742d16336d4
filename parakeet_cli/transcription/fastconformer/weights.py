"""The parameters of a checkpoint, renamed and folded into the form in which this package computes."""

from collections.abc import Mapping

import torch
from torch import Tensor

from parakeet_cli.transcription.fastconformer.architecture import Architecture

__all__ = ["prepare"]

_NORMALISATION_GUARD = 1e-5
"""Of NeMo's batch normalisation, as of torch's."""

_PLAIN = {
    "norm_feed_forward1": "before_first",
    "feed_forward1.linear1": "first.up",
    "norm_self_att": "before_attention",
    "self_attn.linear_out": "attention.out",
    "self_attn.linear_pos": "attention.distance",
    "norm_conv": "before_convolution",
    "conv.pointwise_conv1": "convolution.gated",
    "conv.pointwise_conv2": "convolution.mixing",
    "norm_feed_forward2": "before_second",
    "feed_forward2.linear1": "second.up",
    "norm_out": "after",
}
_SUBSAMPLING = {"0": "first", "2": "halving.0", "3": "mixing.0", "5": "halving.1", "6": "mixing.1"}
_HALVED = {"feed_forward1.linear2": "first.down", "feed_forward2.linear2": "second.down"}


def prepare(state: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """From the names of NeMo's modules to those of ``Network``; raises ``KeyError`` where one is missing."""
    return (
        _features(state)
        | _subsampling(state, architecture)
        | _layers(state, architecture)
        | _transducer(state, architecture)
    )


def _features(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        "features.window": state["preprocessor.featurizer.window"],
        "features.bands": state["preprocessor.featurizer.fb"].squeeze(0),
    }


def _subsampling(state: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """With the first convolution and those over one frame as matrices, and channels last in what ``out`` takes."""
    parts = {f"conv.{theirs}": ours for theirs, ours in _SUBSAMPLING.items()} | {"out": "out"}
    prepared = {
        f"{ours}.{kind}": state[f"encoder.pre_encode.{theirs}.{kind}"]
        for theirs, ours in parts.items()
        for kind in ("weight", "bias")
    }
    for name in ("first", "mixing.0", "mixing.1"):
        prepared[f"{name}.weight"] = prepared[f"{name}.weight"].flatten(1)
    by_channel = prepared["out.weight"].view(-1, architecture.channels, architecture.subsampled_mels)
    prepared["out.weight"] = by_channel.transpose(1, 2).flatten(1)
    return {f"encoder.subsampling.{name}": weight for name, weight in prepared.items()}


def _layers(state: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    prepared: dict[str, Tensor] = {}
    for index in range(architecture.layers):
        prefix = f"encoder.layers.{index}."
        layer = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        prepared |= {f"{prefix}{name}": value for name, value in _layer(layer).items()}
    return prepared


def _layer(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prepared: dict[str, Tensor] = {}
    for theirs, ours in _PLAIN.items():
        prepared |= _pair(state, theirs, ours)
    for theirs, ours in _HALVED.items():
        prepared |= {name: 0.5 * value for name, value in _pair(state, theirs, ours).items()}
    for kind in ("weight", "bias"):
        parts = [state[name] for part in "qkv" if (name := f"self_attn.linear_{part}.{kind}") in state]
        if parts:
            prepared[f"attention.inputs.{kind}"] = torch.cat(parts)
    prepared["attention.content_bias"] = state["self_attn.pos_bias_u"].unsqueeze(1)
    prepared["attention.distance_bias"] = state["self_attn.pos_bias_v"].unsqueeze(1)
    return prepared | _convolution_over_time(state)


def _pair(state: Mapping[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    """The weight, and the bias if there is one; convolutions over one frame become matrices."""
    pair = {f"{ours}.weight": state[f"{theirs}.weight"]}
    if pair[f"{ours}.weight"].dim() == 3:
        pair[f"{ours}.weight"] = pair[f"{ours}.weight"].squeeze(-1)
    if f"{theirs}.bias" in state:
        pair[f"{ours}.bias"] = state[f"{theirs}.bias"]
    return pair


def _convolution_over_time(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With the batch normalisation after it, which in inference is one factor and one summand a channel."""
    norm = {name: state[f"conv.batch_norm.{name}"].double() for name in ("weight", "bias", "running_mean")}
    factor = norm["weight"] / (state["conv.batch_norm.running_var"].double() + _NORMALISATION_GUARD).sqrt()
    weight = state["conv.depthwise_conv.weight"]
    before = state.get("conv.depthwise_conv.bias", torch.zeros(len(weight))).double()
    return {
        "convolution.over_time.weight": (weight.double() * factor[:, None, None]).to(weight.dtype).unsqueeze(2),
        "convolution.over_time.bias": ((before - norm["running_mean"]) * factor + norm["bias"]).to(weight.dtype),
    }


def _transducer(state: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    return {
        **_prediction(state, architecture.prediction_layers),
        **_pair(state, "joint.enc", "transducer.from_frames"),
        **_pair(state, "joint.pred", "transducer.from_tokens"),
        **_pair(state, "joint.joint_net.2", "transducer.out"),
    }


def _prediction(state: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Of an LSTM that is fed with embeddings: what each token adds to the first layer's gates, and a matrix a layer."""
    lstm = {
        (kind, layer): state[f"decoder.prediction.dec_rnn.lstm.{kind}_l{layer}"]
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        for layer in range(layers)
    }
    biases = [lstm["bias_ih", layer].double() + lstm["bias_hh", layer].double() for layer in range(layers)]
    tokens = state["decoder.prediction.embed.weight"].double() @ lstm["weight_ih", 0].double().T + biases[0]
    prepared = {
        "transducer.prediction.tokens": tokens.float(),
        "transducer.prediction.first.weight": lstm["weight_hh", 0],
    }
    for layer in range(1, layers):
        name = f"transducer.prediction.others.{layer - 1}"
        prepared[f"{name}.weight"] = torch.cat((lstm["weight_ih", layer], lstm["weight_hh", layer]), dim=1)
        prepared[f"{name}.bias"] = biases[layer].float()
    return prepared
