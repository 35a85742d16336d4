"""A recording as a form, read from the disk while it is sent: it is never in memory as a whole."""

import os
import re
from collections.abc import Callable, Iterator

from parakeet_cli.errors import ChangedMedia, UnreadableMedia
from parakeet_cli.output.writers.cleaning import encodable
from parakeet_cli.transcription.media.media_file import MediaFile

__all__ = ["OnUpload", "Upload"]

OnUpload = Callable[[int, int], None]
"""Told the bytes of a recording that are sent, and of how many."""

_BLOCK_BYTES = 1 << 18
_LONGEST_NAME = 200
_UNSAFE = re.compile('[\x00-\x1f\x7f"\\\\]')


class Upload:
    """May be sent several times, each time as the same bytes. ``mark``, of ASCII letters, divides the parts."""

    def __init__(self, file: MediaFile, name: str, model: str, mark: str, on_upload: OnUpload | None = None) -> None:
        """``name`` is what people call the recording; the server knows no more of where it came from."""
        self._file = file
        self._on_upload = on_upload
        self._mark = mark
        name = _UNSAFE.sub("_", encodable(name))[:_LONGEST_NAME] or "recording"
        self._head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}\r\n'
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{mark}--\r\n".encode()

    @property
    def length(self) -> int:
        return len(self._head) + self._file.size + len(self._tail)

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._mark}"

    def blocks(self) -> Iterator[bytes]:
        """Raises ``ChangedMedia`` before the last one if the file is not what it was, and ``Interrupted``."""
        yield self._head
        position = 0
        while position < self._file.size:
            self._file.interruption.check()
            block = self._read(position)
            position += len(block)
            yield block
            if self._on_upload:
                self._on_upload(position, self._file.size)
        self._file.check_unchanged()
        yield self._tail

    def _read(self, position: int) -> bytes:
        try:
            block = os.pread(self._file.descriptor, min(_BLOCK_BYTES, self._file.size - position), position)
        except OSError as error:
            raise UnreadableMedia(f"{self._file.name} cannot be read ({error.strerror}); check the disk.") from error
        if not block:
            raise ChangedMedia(f"{self._file.name} became shorter while it was read; try again once it is complete.")
        return block
