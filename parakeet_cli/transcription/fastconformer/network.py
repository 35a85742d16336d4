"""All of a checkpoint's modules, without weights until they are assigned."""

from torch import nn

from parakeet_cli.transcription.fastconformer.architecture import Architecture
from parakeet_cli.transcription.fastconformer.encoder import Encoder
from parakeet_cli.transcription.fastconformer.features import LogMel
from parakeet_cli.transcription.fastconformer.transducer import Transducer

__all__ = ["Network"]


class Network(nn.Module):
    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.features = LogMel(architecture)
        self.encoder = Encoder(architecture)
        self.transducer = Transducer(architecture)
