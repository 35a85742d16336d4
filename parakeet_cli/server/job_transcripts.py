"""A transcript as it is kept in the database of jobs: whole, and compressed."""

import zlib

from parakeet_cli.output.exact import read_exact, write_exact
from parakeet_cli.transcript import Transcript

__all__ = ["pack", "unpack"]


def pack(transcript: Transcript) -> bytes:
    """Raises ``ValueError`` for what JSON cannot have."""
    return zlib.compress(write_exact(transcript).encode())


def unpack(packed: bytes) -> Transcript:
    return read_exact(zlib.decompress(packed).decode())
