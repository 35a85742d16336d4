"""A ``.nemo`` archive becomes a NeMo model ready for inference.

NeMo's own ``restore_from`` unpacks the whole archive to the temporary folder and changes the working directory of
the process meanwhile; here the weights are read from the archive itself and only the small files are unpacked, unless
the archive is packed with gzip, in which nobody can seek.
"""

from pathlib import Path
from typing import Any

import torch

from parakeet_cli.errors import ModelCorrupt, ModelUnsupported
from parakeet_cli.settings import RecognizerSettings
from parakeet_cli.transcription.checkpoints.preflight import WEIGHTS, NemoArchive, extract, inspect
from parakeet_cli.transcription.nemo.quiet import quiet
from parakeet_cli.transcription.pytorch.archive import damaged, read_weights
from parakeet_cli.transcription.pytorch.failures import ran_out_of_memory
from parakeet_cli.user_folders import temporary_folder

__all__ = ["import_nemo", "load_model"]

_SUPPORTED = ("EncDecRNNTBPEModel", "EncDecHybridRNNTCTCBPEModel", "EncDecCTCModelBPE")


def load_model(path: Path, device: torch.device, settings: RecognizerSettings) -> Any:
    """Load an RNNT, TDT, CTC or hybrid checkpoint in fp32, in evaluation mode, on ``device``.

    Raises ``ModelCorrupt``, ``ModelUntrusted`` or ``ModelUnsupported``, ``OutputUnwritable`` or ``DiskFull`` about the
    temporary folder, and what torch raises when memory is short.
    """
    archive = inspect(path, trust=settings.trust_model, allow_legacy=settings.allow_legacy)
    kind = str(archive.config.get("target", "")).rpartition(".")[2]
    if kind not in _SUPPORTED:
        raise ModelUnsupported(
            f"{path.name} holds a {kind or 'model of unknown kind'}; "
            "use a Parakeet checkpoint (TDT, RNN-T, CTC or hybrid with BPE tokens)."
        )
    with quiet(settings.verbose):
        model = _build(archive, kind)
        _load_weights(model, archive)
    model.eval()
    model.to(device)
    return model


def import_nemo() -> str:
    """Import what a recognizer needs, quietly; returns NeMo's version."""
    with quiet(verbose=False):
        import nemo
        import nemo.collections.asr.models

    return str(nemo.__version__)


def _build(archive: NemoArchive, kind: str) -> Any:
    from nemo.collections.asr import models
    from omegaconf import OmegaConf

    model_class = getattr(models, kind)
    with temporary_folder() as folder:
        extract(archive, Path(folder), only=[member.name for member in archive.members if member.name != WEIGHTS])
        model_class._set_model_restore_state(is_being_restored=True, folder=folder)
        try:
            return model_class.from_config_dict(config=OmegaConf.create(archive.config))
        except Exception as error:
            if ran_out_of_memory(error):
                raise
            raise ModelCorrupt(f"{archive.path.name} has a configuration that NeMo cannot build: {error}") from error
        finally:
            model_class._set_model_restore_state(is_being_restored=False)


def _load_weights(model: Any, archive: NemoArchive) -> None:
    state = read_weights(archive)
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise damaged(archive, error) from error
