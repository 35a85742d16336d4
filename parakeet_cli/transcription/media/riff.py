"""The chunks of a WAV file, as its header tells of them."""

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from parakeet_cli.transcription.media.media_file import MediaFile

__all__ = ["Chunk", "claimed_seconds", "riff_chunks"]

_MOST_CHUNKS = 32
_PLACEHOLDERS = 0x7FFF_0000
"""From this length on it is what programs write that do not know it yet, as into a pipe."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """``place`` is that of its first byte in the file, ``length`` what its head says."""

    name: bytes
    place: int
    length: int


def riff_chunks(descriptor: int) -> Iterator[Chunk]:
    """Those of a file that begins as RIFF/WAVE does, until one begins beyond its end. Raises ``OSError``."""
    start = os.pread(descriptor, 12, 0)
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        return
    place = 12
    for _ in range(_MOST_CHUNKS):
        head = os.pread(descriptor, 8, place)
        if len(head) < 8:
            return
        name, length = struct.unpack("<4sI", head)
        yield Chunk(name, place + 8, length)
        place += 8 + length + length % 2


def claimed_seconds(file: MediaFile) -> float | None:
    """How long the sound should be of a WAV file that ends before its samples do; None for every other file.

    ffmpeg tells as the duration what is there, also of a copy that was broken off.
    """
    bytes_per_second = 0
    with suppress(OSError):
        for chunk in riff_chunks(file.descriptor):
            if chunk.name == b"fmt " and chunk.length >= 16:
                bytes_per_second = int.from_bytes(os.pread(file.descriptor, 4, chunk.place + 8), "little")
            elif chunk.name == b"data":
                is_cut = chunk.place + chunk.length > file.size and chunk.length < _PLACEHOLDERS
                return chunk.length / bytes_per_second if is_cut and bytes_per_second else None
    return None
