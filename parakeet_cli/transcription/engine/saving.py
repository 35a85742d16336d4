"""A savepoint on its way into an engine, and what tells whether it is that engine's own."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

from parakeet_cli import __version__
from parakeet_cli.settings import BatchSettings
from parakeet_cli.transcription.checkpoints import identity
from parakeet_cli.transcription.engine.messages import Setup
from parakeet_cli.transcription.engine.values import shape_of
from parakeet_cli.transcription.media.media_file import spool_folder
from parakeet_cli.transcription.recognizer import Recognizer
from parakeet_cli.transcription.savepoints import Savepoint

__all__ = ["mark_of", "read_savepoint", "written"]

_SHAPE = shape_of(Savepoint, finite=False)


@contextmanager
def written(savepoint: Savepoint) -> Iterator[int]:
    """The descriptor of an unnamed file with it: megabytes of it would not fit into the socket all at once.

    Raises ``OSError``, and what making the spool folder raises.
    """
    with tempfile.TemporaryFile(dir=spool_folder()) as file:
        file.write(json.dumps(_SHAPE.write(savepoint)).encode())
        file.flush()
        yield file.fileno()


def read_savepoint(descriptor: int) -> Savepoint:
    """Closes it."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb") as file:
        savepoint: Savepoint = _SHAPE.read(json.load(file))
    return savepoint


def mark_of(recognizer: Recognizer, setup: Setup) -> bytes:
    """Equal marks: what one has begun the other ends as if it had been alone.

    An engine whose checkpoint cannot be read any more shares its mark with no other.
    """
    try:
        checkpoint = identity(setup.checkpoint.path)
    except OSError:
        return os.urandom(32)
    settings = setup.settings
    how = replace(settings.recognizer, trust_model=False, verbose=False, allow_legacy=False, cuda_graphs=False)
    relevant = {
        "version": __version__,
        "checkpoint": checkpoint,
        "recognizer": [type(recognizer).__qualname__, str(getattr(recognizer, "device", ""))],
        "settings": asdict(replace(settings, recognizer=how, batch=BatchSettings())),
    }
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).digest()
