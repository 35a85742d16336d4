"""The review list of a batch: one file that grows with each recording, and keeps what earlier runs found."""

from collections.abc import Collection, Sequence
from pathlib import Path

from parakeet_cli.batch.files import translated, write_atomically
from parakeet_cli.errors import OutputUnwritable
from parakeet_cli.output.review import HEADER, review_lines
from parakeet_cli.output.writers.cleaning import cell, plain
from parakeet_cli.transcript import Transcript

__all__ = ["ReviewList"]


class ReviewList:
    """Lines of inputs that are not transcribed now stay; those of the others are replaced as they finish."""

    def __init__(self, path: Path, pending: Collection[str], least_confidence: float) -> None:
        """``pending``: names of the inputs that will be transcribed. Raises ``OutputUnwritable``."""
        self._least_confidence = least_confidence
        names = {cell(plain(name)) for name in pending}
        kept = [line for line in _lines_of(path) if line.partition("\t")[0] not in names]
        write_atomically(path, "".join(f"{line}\n" for line in [HEADER, *kept]).encode())
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise translated(error, path) from error
        self._path = path

    def add(self, name: str, transcript: Transcript) -> None:
        """Write the lines of one recording, before its outputs: a killed run may repeat them, and never lacks them."""
        lines = review_lines(name, transcript, self._least_confidence)
        try:
            self._file.writelines(f"{line}\n" for line in lines)
            self._file.flush()
        except OSError as error:
            raise translated(error, self._path) from error

    def close(self) -> None:
        self._file.close()


def _lines_of(path: Path) -> Sequence[str]:
    """The lines of the list that stands there; nothing else is ever replaced."""
    if not path.exists():
        return []
    if not path.is_file():
        raise OutputUnwritable(f"{path} is no regular file; name another one with --review.")
    try:
        header, *lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        header, lines = "", []
    if header != HEADER:
        raise OutputUnwritable(f"{path} exists and is no review list; name another file with --review.")
    return [line for line in lines if line]
