"""A checkpoint becomes a Recognizer. Torch and all that is slow to import come late."""

from typing import TYPE_CHECKING

from parakeet_cli.errors import DeviceUnavailable, ModelUnsupported
from parakeet_cli.settings import Dtype, EngineChoice, RecognizerSettings
from parakeet_cli.transcription.checkpoints import Checkpoint

if TYPE_CHECKING:
    import torch

    from parakeet_cli.transcription.pytorch.recognizer import Modules, TorchRecognizer

__all__ = ["load_recognizer"]


def load_recognizer(checkpoint: Checkpoint, settings: RecognizerSettings) -> "TorchRecognizer":
    """Load the checkpoint and move it to the device that ``settings`` ask for.

    Raises ``ModelError`` for a checkpoint that is damaged, not trusted or of another kind,
    ``OutputUnwritable`` or ``DiskFull`` about the temporary folder, ``DeviceUnavailable`` for a device
    that is not here (before the slow part of the imports), and ``EngineFailed`` if memory is short or a
    card fails.
    """
    from parakeet_cli.transcription.pytorch.devices import choose_device, choose_dtype, share_processors

    device = choose_device(settings.device)
    dtype = choose_dtype(settings.dtype, device)
    share_processors()
    if settings.cuda_graphs and device.type == "cpu":
        raise DeviceUnavailable("CUDA graphs are for cards, and this runs on the CPU; use --no-cuda-graphs.")
    from parakeet_cli.transcription.pytorch.failures import engine_failures
    from parakeet_cli.transcription.pytorch.recognizer import TorchRecognizer

    with engine_failures("a smaller model"):
        return TorchRecognizer(_modules(checkpoint, settings, device, dtype), checkpoint, device, dtype)


def _modules(
    checkpoint: Checkpoint, settings: RecognizerSettings, device: "torch.device", dtype: "torch.dtype"
) -> "Modules":
    """Our own network where it fits; on a card NeMo's until ours has been measured there, unless graphs are wanted."""
    from parakeet_cli.transcription import fastconformer, nemo

    is_ours = device.type == "cpu" or settings.cuda_graphs
    if settings.engine is EngineChoice.TORCH or (settings.engine is EngineChoice.AUTO and is_ours):
        try:
            return fastconformer.load_modules(checkpoint, settings, device, dtype)
        except ModelUnsupported:
            if settings.engine is EngineChoice.TORCH or settings.dtype is Dtype.INT8 or settings.cuda_graphs:
                raise
    if settings.dtype is Dtype.INT8:
        raise ModelUnsupported("NeMo does not compute in int8; use --engine torch, or another --dtype.")
    if settings.cuda_graphs:
        raise ModelUnsupported("NeMo's CUDA graphs are not used here; take --engine torch, or --no-cuda-graphs.")
    return nemo.load_modules(checkpoint, settings, device)
