"""FastConformer with TDT in plain torch: reads a ``.nemo`` itself, and imports nothing of NeMo.

NeMo is the reference: the tests hold every token against it. What its import and its modules cost is in
``docs/performance.md``.
"""

from typing import TYPE_CHECKING

from parakeet_cli.settings import RecognizerSettings
from parakeet_cli.transcription.checkpoints import Checkpoint

if TYPE_CHECKING:
    import torch

    from parakeet_cli.transcription.pytorch.recognizer import Modules

__all__ = ["load_modules"]


def load_modules(
    checkpoint: Checkpoint, settings: RecognizerSettings, device: "torch.device", dtype: "torch.dtype"
) -> "Modules":
    """The modules of a checkpoint on ``device``, its encoder in ``dtype``.

    Raises ``ModelCorrupt``, ``ModelUntrusted``, or ``ModelUnsupported`` for all but a FastConformer with TDT.
    """
    from parakeet_cli.transcription.fastconformer.loading import load

    return load(checkpoint.path, settings, device, dtype)
