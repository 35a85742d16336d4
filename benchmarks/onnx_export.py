"""A checkpoint as ONNX, in fp32 and in int8, as onnx-asr reads it.

Exported by NeMo, quantised by onnxruntime (dynamic, matrices only): the way in which the published files were made.

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


def export(checkpoint: Path, folder: Path) -> None:
    """Fill ``folder``: ``*.onnx``, ``*.int8.onnx``, tokens, and the tool's own configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    model: Any = ASRModel.restore_from(str(checkpoint), map_location="cpu").eval()
    with tempfile.TemporaryDirectory() as parts:
        model.export(str(Path(parts, "model.onnx")))
        encoder = onnx.load(str(Path(parts, f"{_ENCODER}.onnx")))
        onnx.save(
            encoder,
            str(folder / f"{_ENCODER}.onnx"),
            save_as_external_data=True,
            all_tensors_to_one_file=True,
            location=f"{_ENCODER}.onnx.data",
        )
        shutil.copy(Path(parts, f"{_DECODER}.onnx"), folder)
    for name in (_ENCODER, _DECODER):
        quantize_dynamic(
            folder / f"{name}.onnx",
            folder / f"{name}.int8.onnx",
            op_types_to_quantize=["MatMul"],
            weight_type=QuantType.QInt8,
        )
    tokens = [*model.tokenizer.ids_to_tokens(list(range(model.tokenizer.vocab_size))), "<blk>"]
    lines = (f"{token} {index}" for index, token in enumerate(tokens))
    (folder / "vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {"model_type": "nemo-conformer-tdt", "features_size": model.cfg.preprocessor.features}
    (folder / "config.json").write_text(json.dumps(config | {"subsampling_factor": 8}), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    logging.disable(logging.WARNING)
    arguments = parser.parse_args()
    export(arguments.checkpoint, arguments.folder)
