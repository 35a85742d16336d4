"""A Recognizer on NeMo, which it imports late."""

from typing import TYPE_CHECKING

from parakeet_cli.settings import RecognizerSettings
from parakeet_cli.transcription.checkpoints import Checkpoint

if TYPE_CHECKING:
    import torch

    from parakeet_cli.transcription.pytorch.recognizer import Modules

__all__ = ["load_modules"]


def load_modules(checkpoint: Checkpoint, settings: RecognizerSettings, device: "torch.device") -> "Modules":
    """Import NeMo and load the checkpoint, with the errors of ``loading.load_model``."""
    from parakeet_cli.transcription.nemo.loading import load_model
    from parakeet_cli.transcription.nemo.modules import modules_of

    return modules_of(load_model(checkpoint.path, device, settings), settings.skip_confidence)
