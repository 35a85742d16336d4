"""What is said in a recording, according to somebody who listened to it."""

from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.display import display
from parakeet_cli.errors import InvalidReference, MediaNotFound, UnreadableMedia
from parakeet_cli.transcript import Word
from parakeet_cli.transcription.media.inputs import FileMedia

__all__ = ["Reference", "read_text"]


@dataclass(frozen=True, slots=True)
class Reference:
    """What is said in a media file, or between ``start`` and ``end`` of it (seconds; None is the file's).

    ``words`` have times in seconds from the start of the file; empty where none are known. ``source`` is the file
    that says so.
    """

    media: FileMedia
    text: str
    source: Path
    words: tuple[Word, ...] = ()
    start: float | None = None
    end: float | None = None


def read_text(path: Path) -> str:
    """UTF-8 text, a byte order mark left out. Raises ``MediaNotFound``, ``UnreadableMedia``, ``InvalidReference``."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise MediaNotFound(f"{display(str(path))} does not exist; check the name.") from error
    except OSError as error:
        raise UnreadableMedia(f"{display(str(path))} cannot be read ({error.strerror}); check the file.") from error
    except UnicodeDecodeError as error:
        raise InvalidReference(f"{display(str(path))} is not UTF-8; save it in that encoding.") from error
