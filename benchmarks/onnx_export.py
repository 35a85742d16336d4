"""A checkpoint as ONNX, in fp32 and in int8, as onnx-asr and sherpa-onnx read it.

Exported by NeMo, quantised by onnxruntime (dynamic, matrices only): the way in which onnx-asr's files were made. Both
tools read one encoder; sherpa-onnx wants decoder and joiner apart, and sizes as metadata of the encoder: those that its
``offline-transducer-nemo-model.cc`` reads. Its own int8 files also have other operators quantised, and unsigned weights
in the encoder.

    python -m benchmarks.onnx_export /tmp/replica.nemo /tmp/onnx
"""

import argparse
import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

import onnx
from nemo.collections.asr.models import ASRModel
from onnxruntime.quantization import QuantType, quantize_dynamic

__all__ = ["export"]

_ENCODER = "encoder-model"
_DECODER = "decoder_joint-model"
_APART = {"decoder": "decoder-model", "joint": "joiner-model"}
_SUBSAMPLING = 8


def export(checkpoint: Path, folder: Path) -> None:
    """Fill ``folder``: tokens, onnx-asr's own configuration, ``*.onnx``, ``*.int8.onnx``; the joiner's comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    model: Any = ASRModel.restore_from(str(checkpoint), map_location="cpu").eval()
    with tempfile.TemporaryDirectory() as parts:
        model.export(str(Path(parts, "model.onnx")))
        encoder = onnx.load(str(Path(parts, f"{_ENCODER}.onnx")))
        onnx.helper.set_model_props(encoder, _metadata(model))
        (folder / f"{_ENCODER}.onnx.data").unlink(missing_ok=True)  # it would be appended to
        onnx.save(
            encoder,
            str(folder / f"{_ENCODER}.onnx"),
            save_as_external_data=True,
            all_tensors_to_one_file=True,
            location=f"{_ENCODER}.onnx.data",
        )
        shutil.copy(Path(parts, f"{_DECODER}.onnx"), folder)
    for part, name in _APART.items():
        getattr(model, part).export(str(folder / f"{name}.onnx"))
    tokens = [*model.tokenizer.ids_to_tokens(list(range(model.tokenizer.vocab_size))), "<blk>"]
    lines = (f"{token} {index}" for index, token in enumerate(tokens))
    (folder / "vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {"model_type": "nemo-conformer-tdt", "features_size": model.cfg.preprocessor.features}
    (folder / "config.json").write_text(json.dumps(config | {"subsampling_factor": _SUBSAMPLING}), encoding="utf-8")
    for name in (_ENCODER, _DECODER, *_APART.values()):
        quantize_dynamic(
            folder / f"{name}.onnx",
            folder / f"{name}.int8.onnx",
            op_types_to_quantize=["MatMul"],
            weight_type=QuantType.QInt8,
        )


def _metadata(model: Any) -> dict[str, str]:
    """What sherpa-onnx asks of the encoder's file; it takes for TDT what has those letters in its ``url``."""
    values = {
        "url": "parakeet-tdt",
        "vocab_size": model.decoder.vocab_size,
        "normalize_type": model.cfg.preprocessor.normalize,
        "pred_rnn_layers": model.decoder.pred_rnn_layers,
        "pred_hidden": model.decoder.pred_hidden,
        "feat_dim": model.cfg.preprocessor.features,
        "subsampling_factor": _SUBSAMPLING,
    }
    return {name: str(value) for name, value in values.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    logging.disable(logging.WARNING)
    arguments = parser.parse_args()
    export(arguments.checkpoint, arguments.folder)
