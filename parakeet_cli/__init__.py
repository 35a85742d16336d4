"""Speech to text with NVIDIA Parakeet: media in, :class:`Transcript` out, subtitles from that."""

import os

from parakeet_cli.transcript import Gap, Partial, Segment, Token, Transcript, Word

__version__ = "0.1.0"

__all__ = ["Gap", "Partial", "Segment", "Token", "Transcript", "Word"]

# ONNX Runtime, which NeMo imports, tells Microsoft about each session from version 1.29 on, unless this is set first.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
