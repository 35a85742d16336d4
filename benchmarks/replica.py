"""A checkpoint of Parakeet's full size with random weights: it costs what the real one does, and says nothing.

The architecture is that of parakeet-tdt-0.6b-v2: <https://huggingface.co/nvidia/parakeet-tdt-0.6b-v2>. Speed, memory
and loading depend on it and not on the weights; decoding depends on the tokens, of which these weights are made to say
about as many as English has.

    python -m benchmarks.replica /tmp/replica.nemo
"""

import argparse
import logging
import pydoc_data.topics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from nemo.collections.asr.models import EncDecRNNTBPEModel
from omegaconf import OmegaConf, open_dict

from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording

__all__ = ["Shape", "build"]

_PIECES = 1024
_CONTRAST = 20.0
"""By which the last weights grow."""
_BLANK_SHARE = 0.4
_SPEECH_SECONDS = 20
_NEVER = 1000.0
_DURATIONS = [0, 1, 2, 3, 4]
_VALIDATION = {"sample_rate": 16000, "batch_size": 1, "shuffle": False, "use_start_end_token": False}
"""NeMo's own ``transcribe`` fails without this section."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The default is Parakeet's own."""

    layers: int = 24
    width: int = 1024
    heads: int = 8
    channels: int = 256
    kernel: int = 9
    mels: int = 128
    has_bias: bool = False
    is_scaled: bool = False
    prediction: int = 640
    prediction_layers: int = 2


def build(path: Path, shape: Shape | None = None) -> int:
    """Write the checkpoint; returns its number of parameters.

    In full size it has 2.5 GB, and takes a minute and 6 GB of memory.
    """
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        _train_tokenizer(Path(folder))
        model: Any = EncDecRNNTBPEModel(cfg=OmegaConf.create(_config(folder, shape or Shape()))).eval()
        with open_dict(model.cfg):
            model.cfg.validation_ds = _VALIDATION
        _make_talk(model)
        model.save_to(str(path))
    return sum(parameter.numel() for parameter in model.parameters())


@torch.inference_mode()
def _make_talk(model: Any) -> None:
    """Have about three tokens a second in speech, as English has, and unlike ones: else all frames say one thing.

    No token may last for no time: where that is likely, one calls forth the next.
    """
    model.joint.joint_net[-1].weight.mul_(_CONTRAST)
    speech = torch.from_numpy(make_recording(_SPEECH_SECONDS, 0, load_clips(DEFAULT_FOLDER), style="mixed").samples)
    features, lengths = model.preprocessor(input_signal=speech[None], length=torch.tensor([len(speech)]))
    frames, _ = model.encoder(audio_signal=features, length=lengths)
    predicted, *_ = model.decoder.predict(None, None, add_sos=False, batch_size=1)
    scores = model.joint.joint(frames.transpose(1, 2), predicted)[0, :, 0, : _PIECES + 1]
    lead = scores[:, :_PIECES].max(dim=1).values - scores[:, _PIECES]
    model.joint.joint_net[-1].bias[0] -= _NEVER  # a flood of unknown tokens is decoded again
    model.joint.joint_net[-1].bias[_PIECES + 1] -= _NEVER  # the duration 0
    model.joint.joint_net[-1].bias[_PIECES] += torch.quantile(lead, _BLANK_SHARE)


def _train_tokenizer(folder: Path) -> None:
    text = folder / "text.txt"
    text.write_text("\n".join(pydoc_data.topics.topics.values()), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(folder / "tokenizer"),
        model_type="bpe",
        vocab_size=_PIECES,
        bos_id=-1,
        eos_id=-1,
        unk_id=0,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    names = [pieces.id_to_piece(index) for index in range(pieces.get_piece_size())]
    (folder / "vocab.txt").write_text("\n".join(names), encoding="utf-8")


def _config(tokenizer_folder: str, shape: Shape) -> dict[str, Any]:
    return {
        "sample_rate": 16000,
        "compute_eval_loss": False,
        "log_prediction": False,
        "model_defaults": {
            "enc_hidden": shape.width,
            "pred_hidden": shape.prediction,
            "joint_hidden": 640,
            "tdt_durations": _DURATIONS,
            "num_tdt_durations": len(_DURATIONS),
        },
        "tokenizer": {"dir": tokenizer_folder, "type": "bpe"},
        "preprocessor": {
            "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
            "sample_rate": 16000,
            "normalize": "per_feature",
            "window_size": 0.025,
            "window_stride": 0.01,
            "window": "hann",
            "features": shape.mels,
            "n_fft": 512,
            "frame_splicing": 1,
            "dither": 1e-5,
            "pad_to": 0,
        },
        "encoder": {
            "_target_": "nemo.collections.asr.modules.ConformerEncoder",
            "feat_in": shape.mels,
            "feat_out": -1,
            "n_layers": shape.layers,
            "d_model": shape.width,
            "use_bias": shape.has_bias,
            "subsampling": "dw_striding",
            "subsampling_factor": 8,
            "subsampling_conv_channels": shape.channels,
            "causal_downsampling": False,
            "ff_expansion_factor": 4,
            "self_attention_model": "rel_pos",
            "n_heads": shape.heads,
            "att_context_size": [-1, -1],
            "xscaling": shape.is_scaled,
            "untie_biases": True,
            "pos_emb_max_len": 5000,
            "conv_kernel_size": shape.kernel,
            "conv_norm_type": "batch_norm",
            "dropout": 0.1,
            "dropout_emb": 0.0,
            "dropout_att": 0.1,
        },
        "decoder": {
            "_target_": "nemo.collections.asr.modules.RNNTDecoder",
            "normalization_mode": None,
            "random_state_sampling": False,
            "blank_as_pad": True,
            "prednet": {
                "pred_hidden": shape.prediction,
                "pred_rnn_layers": shape.prediction_layers,
                "t_max": None,
                "dropout": 0.2,
            },
        },
        "joint": {
            "_target_": "nemo.collections.asr.modules.RNNTJoint",
            "log_softmax": None,
            "preserve_memory": False,
            "fuse_loss_wer": False,
            "fused_batch_size": 4,
            "jointnet": {"joint_hidden": 640, "activation": "relu", "dropout": 0.2},
            "num_extra_outputs": len(_DURATIONS),
        },
        "decoding": {
            "strategy": "greedy_batch",
            "model_type": "tdt",
            "durations": _DURATIONS,
            "greedy": {"max_symbols": 10},
        },
        "loss": {
            "loss_name": "tdt",
            "tdt_kwargs": {"fastemit_lambda": 0.0, "clamp": -1.0, "durations": _DURATIONS, "sigma": 0.02, "omega": 0.1},
        },
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    logging.disable(logging.WARNING)
    arguments = parser.parse_args()
    print(f"{arguments.path}: {build(arguments.path) / 1e6:.1f} million parameters")
