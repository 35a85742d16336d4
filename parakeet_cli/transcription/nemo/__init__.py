"""A Recognizer on NeMo. The only package that imports torch and NeMo, and it does so late."""

from typing import TYPE_CHECKING

from parakeet_cli.settings import RecognizerSettings
from parakeet_cli.transcription.checkpoints import Checkpoint

if TYPE_CHECKING:
    from parakeet_cli.transcription.nemo.recognizer import NemoRecognizer

__all__ = ["load_recognizer"]


def load_recognizer(checkpoint: Checkpoint, settings: RecognizerSettings) -> "NemoRecognizer":
    """Import NeMo, load the checkpoint and move it to the device that ``settings`` ask for.

    Raises ``ModelError`` for a checkpoint that is damaged, not trusted or of another kind,
    ``OutputUnwritable`` or ``DiskFull`` about the temporary folder, ``DeviceUnavailable`` for a device
    that is not here (before the slow part of the imports), and ``EngineFailed`` if memory is short or a
    card fails.
    """
    from parakeet_cli.transcription.nemo.devices import choose_device, choose_dtype

    device = choose_device(settings.device)
    dtype = choose_dtype(settings.dtype, device)
    from parakeet_cli.transcription.nemo.failures import engine_failures
    from parakeet_cli.transcription.nemo.loading import load_model
    from parakeet_cli.transcription.nemo.recognizer import NemoRecognizer

    with engine_failures("a smaller model"):
        model = load_model(checkpoint.path, device, settings)
        return NemoRecognizer(model, checkpoint, device, dtype)
