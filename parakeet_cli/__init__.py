"""Speech to text with NVIDIA Parakeet: media in, :class:`Transcript` out, subtitles from that."""

from parakeet_cli.transcript import Gap, Partial, Segment, Token, Transcript, Word

__version__ = "0.1.0"

__all__ = ["Gap", "Partial", "Segment", "Token", "Transcript", "Word"]
