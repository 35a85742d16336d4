"""The review list of a user: one file that every run adds its recordings to, and that keeps what others found."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from parakeet_cli.batch.files import translated, write_atomically
from parakeet_cli.display import display
from parakeet_cli.errors import OutputUnwritable
from parakeet_cli.output.review import HEADER, review_lines
from parakeet_cli.output.writers.cleaning import cell
from parakeet_cli.transcript import Transcript

__all__ = ["ReviewList"]


class ReviewList:
    """The lines of a recording are replaced when it is transcribed again; those of others stay."""

    def __init__(self, path: Path, least_confidence: float, start: float = 0.0) -> None:
        """``start``: seconds of each recording before what is transcribed of it.

        Raises ``OutputUnwritable`` if ``path`` cannot be written, or is something else.
        """
        self._path = path
        self._start = start
        self._least_confidence = least_confidence
        self._replace("", [])

    def add(self, name: str, transcript: Transcript) -> None:
        """Write the lines of one recording, before its outputs: a killed run may repeat them, and never lacks them."""
        self._replace(name, review_lines(name, transcript, self._least_confidence, self._start))

    def _replace(self, name: str, lines: Sequence[str]) -> None:
        with _locked(self._path.parent):
            kept = [line for line in _lines_of(self._path) if line.partition("\t")[0] != cell(display(name))]
            write_atomically(self._path, "".join(f"{line}\n" for line in [HEADER, *kept, *lines]).encode())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Other runs that write a list in this folder wait."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise translated(error, folder) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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
