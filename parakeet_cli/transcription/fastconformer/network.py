"""All of a checkpoint's modules, without weights until they are assigned."""

from torch import nn

from parakeet_cli.transcription.fastconformer.architecture import Architecture
from parakeet_cli.transcription.fastconformer.encoder import Encoder
from parakeet_cli.transcription.fastconformer.features import LogMel
from parakeet_cli.transcription.fastconformer.transducer import Transducer
from parakeet_cli.transcription.pytorch.decoding import Jumps

__all__ = ["Network"]


class Network(nn.Module):
    def __init__(
        self,
        architecture: Architecture,
        linear: type[nn.Module] = nn.Linear,
        jumps: Jumps | None = None,
        *,
        uses_graphs: bool = False,
    ) -> None:
        """``linear`` is what multiplies in the encoder's layers, made as ``nn.Linear`` is; no ``jumps`` is greedy.

        ``uses_graphs`` as ``Transducer`` has it.
        """
        super().__init__()
        self.features = LogMel(architecture)
        self.encoder = Encoder(architecture, linear)
        jumps = jumps or Jumps(architecture.durations, 0.0, (architecture.blank,))
        self.transducer = Transducer(architecture, jumps, uses_graphs=uses_graphs)
