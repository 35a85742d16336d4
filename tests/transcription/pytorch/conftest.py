"""The demo checkpoint, loaded once, and small untrained checkpoints of the other kinds."""

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.settings import Dtype, EngineChoice, RecognizerSettings
from parakeet_cli.transcription.checkpoints import Checkpoint, find
from parakeet_cli.transcription.checkpoints.preflight import extract, inspect
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.pytorch.recognizer import TorchRecognizer

Untrained = Callable[[str], Checkpoint]


@pytest.fixture(scope="session")
def demo() -> Checkpoint:
    return find("demo")


@pytest.fixture(scope="session", params=[EngineChoice.NEMO, EngineChoice.TORCH], ids=str)
def engine(request: pytest.FixtureRequest) -> EngineChoice:
    chosen: EngineChoice = request.param
    return chosen


@pytest.fixture(scope="session")
def recognizer(demo: Checkpoint, engine: EngineChoice) -> TorchRecognizer:
    import torch

    torch.set_num_threads(1)
    return load_recognizer(demo, RecognizerSettings(device="cpu", dtype=Dtype.FP32, engine=engine))


@pytest.fixture(scope="session")
def nemo_model(demo: Checkpoint) -> Any:
    import torch

    from parakeet_cli.transcription.nemo.loading import load_model

    return load_model(demo.path, torch.device("cpu"), RecognizerSettings())


@pytest.fixture(scope="session")
def untrained(demo: Checkpoint, nemo_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Untrained:
    """Make a checkpoint of a kind (rnnt, ctc, hybrid) with the demo's encoder and tokens and random weights."""

    def make(kind: str) -> Checkpoint:
        import torch
        from nemo.collections.asr import models
        from omegaconf import OmegaConf

        folder = tmp_path_factory.mktemp(kind)
        archive = inspect(demo.path)
        extract(archive, folder / "parts")
        config = _CONFIGS[kind](archive.config)
        model_class = getattr(models, config["target"].rpartition(".")[2])
        model_class._set_model_restore_state(is_being_restored=True, folder=str(folder / "parts"))
        model: Any = model_class.from_config_dict(OmegaConf.create(config))
        model_class._set_model_restore_state(is_being_restored=False)
        model.encoder.load_state_dict(nemo_model.encoder.state_dict())
        parts = folder / "parts"
        OmegaConf.save(OmegaConf.create(config), parts / "model_config.yaml")
        torch.save(model.state_dict(), parts / "model_weights.ckpt")
        path = folder / f"{kind}.nemo"
        with tarfile.open(path, "w") as packed:  # NeMo's save_to leaves the tokenizer out of the first it is asked for
            packed.add(parts, ".")
        return Checkpoint(kind, path)

    return make


def _rnnt(config: dict[str, Any]) -> dict[str, Any]:
    joint = {key: value for key, value in config["joint"].items() if key != "num_extra_outputs"}
    return config | {
        "joint": joint,
        "loss": {"loss_name": "default", "warprnnt_numba_kwargs": {"fastemit_lambda": 0.0}},
        "decoding": {"strategy": "greedy_batch", "greedy": {"max_symbols": 3}},
        "model_defaults": {key: value for key, value in config["model_defaults"].items() if "tdt" not in key},
    }


def _ctc(config: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in config.items() if key not in ("joint", "decoder", "loss", "model_defaults")}
    return kept | {
        "target": "nemo.collections.asr.models.ctc_bpe_models.EncDecCTCModelBPE",
        "decoder": _ctc_decoder(config),
        "decoding": {"strategy": "greedy_batch"},
    }


def _hybrid(config: dict[str, Any]) -> dict[str, Any]:
    return config | {
        "target": "nemo.collections.asr.models.hybrid_rnnt_ctc_bpe_models.EncDecHybridRNNTCTCBPEModel",
        "aux_ctc": {"ctc_loss_weight": 0.3, "decoder": _ctc_decoder(config), "decoding": {"strategy": "greedy_batch"}},
    }


def _ctc_decoder(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "_target_": "nemo.collections.asr.modules.ConvASRDecoder",
        "feat_in": config["encoder"]["d_model"],
        "num_classes": len(config["joint"]["vocabulary"]),
        "vocabulary": config["joint"]["vocabulary"],
    }


_CONFIGS = {"rnnt": _rnnt, "ctc": _ctc, "hybrid": _hybrid}


@pytest.fixture(scope="session")
def one_two_three() -> Path:
    return Path(__file__).parents[2] / "data" / "demo" / "one-two-three.flac"
