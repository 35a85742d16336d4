"""WAV files that hold the very samples that ffmpeg would make of them: 16-bit mono at 16 kHz, nothing left to decode.

Recorders for recognizers write such files. ffmpeg starts in a tenth of a second, twice for each; what is not exactly as
expected here is left to it. Only where another format is hidden in what the header calls samples (ffmpeg looks for MP3,
AC-3, DTS and others there) does it hear something else. Reading has no deadline, as opening has none.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.media.media_file import MediaFile
from parakeet_cli.transcription.media.riff import riff_chunks

__all__ = ["PlainWav", "find_plain_wav"]

_SAMPLE_BYTES = 2
_FORMAT = struct.pack("<HHIIHH", 1, 1, SAMPLE_RATE, _SAMPLE_BYTES * SAMPLE_RATE, _SAMPLE_BYTES, 8 * _SAMPLE_BYTES)
_FORMATS = (_FORMAT, _FORMAT + bytes(2))
"""In full, and with the length of an extension that is not there."""
_IGNORED = {b"LIST": 4, b"fact": 0, b"bext": 0, b"iXML": 0, b"PEAK": 0, b"JUNK": 0, b"junk": 0, b"FLLR": 0}
"""Chunks that say nothing of the sound, and how many bytes they have at least."""
_LONGEST_IGNORED = 1 << 20
_LONGEST = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class PlainWav:
    """Where in the file the samples begin, and how many bytes they are."""

    first_byte: int
    size: int

    @property
    def duration(self) -> float:
        """Seconds, in hundredths and rounded up from a half, as ffmpeg tells them."""
        hundredth = SAMPLE_RATE // 100
        return (self.size // _SAMPLE_BYTES + hundredth // 2) // hundredth / 100

    def read(self, file: MediaFile) -> Iterator[bytes]:
        """A second at a time, fewer at the end of the samples, or of a file that became shorter.

        Raises ``OSError`` where it cannot be read, and ``Interrupted``.
        """
        place, end = self.first_byte, self.first_byte + self.size
        while place < end:
            file.interruption.check()
            data = os.pread(file.descriptor, min(_SAMPLE_BYTES * SAMPLE_RATE, end - place), place)
            if not data:
                return
            place += len(data)
            yield data


def find_plain_wav(file: MediaFile) -> PlainWav | None:
    """None for every other file, also for one that cannot be read."""
    with suppress(OSError):
        return _find(file.descriptor, file.size)
    return None


def _find(descriptor: int, size: int) -> PlainWav | None:
    if size > _LONGEST or os.pread(descriptor, 8, 0) != b"RIFF" + struct.pack("<I", max(0, size - 8)):
        return None
    has_format = False
    for chunk in riff_chunks(descriptor):
        if chunk.name == b"data":
            is_whole = chunk.length > 0 and chunk.length % _SAMPLE_BYTES == 0 and chunk.place + chunk.length == size
            return PlainWav(chunk.place, chunk.length) if has_format and is_whole else None
        if chunk.name == b"fmt " and not has_format:
            if chunk.length > len(_FORMATS[-1]) or os.pread(descriptor, chunk.length, chunk.place) not in _FORMATS:
                return None
            has_format = True
        elif not _IGNORED.get(chunk.name, _LONGEST) <= chunk.length <= _LONGEST_IGNORED:
            return None
    return None
