"""The ``model_config.yaml`` of a checkpoint: read as plain values, searched for foreign code, reduced."""

import copy
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from parakeet_cli.errors import ModelCorrupt

__all__ = ["cleaned", "dump", "foreign_code", "foreign_data", "parse", "require_artifacts"]

DEEPEST = 50
MOST_NODES = 1_000_000
"""Values after aliases are followed; a checkpoint with 8,192 pieces in four lists has 40,000."""

ALLOWED = ("nemo.collections.asr.", "nemo.collections.common.", "nemo.core.")
"""What the classes of a speech recognizer start with. NeMo applies its own after it
(``ALLOWED_TARGET_PREFIXES`` in ``nemo.core.classes.common``), which admits torch, megatron and others."""
CLASS_KEYS = ("_target_", "target", "cls")
"""Hydra's, NeMo's for the model itself, and Hydra 0's, which NeMo still turns into ``_target_``."""
TRAINING_KEYS = ("train_ds", "test_ds", "optim")
_FOREIGN = sys.stdlib_module_names | {
    *("editdistance", "hydra", "librosa", "lightning", "numpy", "omegaconf", "pandas"),
    *("pytorch_lightning", "scipy", "sentencepiece", "soundfile", "torch", "torchaudio", "torchmetrics", "tqdm"),
    *("transformers", "webdataset", "wrapt", "yaml"),
}
"""What NeMo's modules import, and no class of theirs is in."""


class _Loader(yaml.CSafeLoader):
    """Plain values only, and numbers as OmegaConf reads them, which takes ``1e-05`` for one."""


class _Dumper(yaml.CSafeDumper):
    """Quotes what ``_Loader`` would take for a number, such as the piece ``1e5`` of a vocabulary."""


for _reader_or_writer in (_Loader, _Dumper):
    _reader_or_writer.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$"), list("-+0123456789")
    )


def parse(path: Path, text: bytes) -> dict[str, Any]:
    """The configuration in the archive ``path``; ``ModelCorrupt`` for anything but plain, bounded YAML."""
    try:
        _require_shallow(text)
        config = yaml.load(text, _Loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        reason = str(getattr(error, "problem", None) or error)
        raise ModelCorrupt(f"The configuration in {path} is not plain YAML ({reason}): do not use it.") from error
    if not isinstance(config, dict):
        raise ModelCorrupt(f"The configuration in {path} is not a mapping: do not use it.")
    if sum(1 for _ in zip(_values(config), range(MOST_NODES + 1), strict=False)) > MOST_NODES:
        raise ModelCorrupt(f"The configuration in {path} unfolds without end: do not use it.")
    return config


def foreign_code(config: dict[str, Any]) -> str | None:
    """What in a cleaned configuration could run code that is not a recognizer's, as the middle of a sentence."""
    for key, value in _values(config):
        if key == "_target_" and not isinstance(value, str):
            return f"asks for a class by {value!r}"
        if key in CLASS_KEYS and isinstance(value, str) and not _is_recognizer_class(value):
            return f"asks for {value!r}"
    return None


def foreign_data(config: dict[str, Any]) -> str | None:
    """The same for data sets: NeMo's ``hf_data_cfg`` may run a script from the hub (NeMo issue 15598)."""
    asks = any(key == "hf_data_cfg" and value is not None for key, value in _values(config))
    return "asks for data sets by an hf_data_cfg" if asks else None


def cleaned(config: dict[str, Any]) -> dict[str, Any]:
    """A copy of the model's own section without data sets and optimizer.

    ``validation_ds`` stays with the one value that NeMo's ``transcribe`` reads. A training run's file has the model
    under ``model``, beside what concerns the run.
    """
    model: dict[str, Any] = copy.deepcopy(config["model"] if isinstance(config.get("model"), dict) else config)
    for key in TRAINING_KEYS:
        model.pop(key, None)
    validation = model.get("validation_ds")
    start_end = validation.get("use_start_end_token", False) if isinstance(validation, dict) else False
    model["validation_ds"] = {"use_start_end_token": start_end is True}
    return model


def require_artifacts(path: Path, config: dict[str, Any], names: Collection[str]) -> None:
    """Raise ``ModelCorrupt`` where ``nemo:NAME`` names no member: NeMo would look outside the folder."""
    for _, value in _values(config):
        if isinstance(value, str) and value.startswith("nemo:"):
            name = value.removeprefix("nemo:")
            if str(PurePosixPath(name)) not in names:
                raise ModelCorrupt(f"{path} asks for its part {name!r}, which it does not hold: do not use it.")


def dump(config: dict[str, Any]) -> bytes:
    """YAML that OmegaConf reads back as the same values."""
    text = yaml.dump(config, Dumper=_Dumper, sort_keys=False, allow_unicode=True, encoding="utf-8")
    assert isinstance(text, bytes)
    return text


def _require_shallow(text: bytes) -> None:
    """Before any value is built: building recurses, and in C that ends the process."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST}")


def _values(config: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Every value below, with its key, or None in a list."""
    waiting: list[Any] = [config]
    while waiting:
        node = waiting.pop()
        pairs = node.items() if isinstance(node, dict) else ((None, value) for value in node)
        for key, value in pairs:
            yield key, value
            if isinstance(value, (dict, list)):
                waiting.append(value)


def _is_recognizer_class(target: str) -> bool:
    """A class in the allow-list, and no way through a module to what it imports (``nemo.core.config.os.system``)."""
    prefix = next((prefix for prefix in ALLOWED if target.startswith(prefix)), None)
    parts = target.removeprefix(prefix or "").split(".")
    return (
        prefix is not None
        and parts[-1][:1].isupper()
        and all(part.isidentifier() and not part.startswith("_") and part not in _FOREIGN for part in parts)
    )
