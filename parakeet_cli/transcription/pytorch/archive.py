"""The tensors in a ``.nemo`` archive, read where they lie: nothing but an archive in gzip is unpacked for it."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import torch

from parakeet_cli.errors import EngineError, ModelCorrupt
from parakeet_cli.transcription.checkpoints.preflight import WEIGHTS, NemoArchive, extract, reopened
from parakeet_cli.transcription.pytorch.failures import first_line, ran_out_of_memory
from parakeet_cli.user_folders import temporary_folder

__all__ = ["damaged", "read_weights"]


def read_weights(archive: NemoArchive) -> dict[str, torch.Tensor]:
    """Every tensor of the model by its name, on the CPU.

    Raises ``ModelCorrupt``, errors about the temporary folder, and what torch raises when memory is short.
    """
    try:
        with _open(archive) as file:
            state: dict[str, torch.Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        if isinstance(error, EngineError) or ran_out_of_memory(error):
            raise
        raise damaged(archive, error) from error
    return state


def damaged(archive: NemoArchive, error: Exception) -> ModelCorrupt:
    return ModelCorrupt(
        f"The weights in {archive.path} cannot be read ({first_line(error)}); download the checkpoint again."
    )


@contextmanager
def _open(archive: NemoArchive) -> Iterator[IO[bytes]]:
    """A file to seek in."""
    if archive.legacy:
        with temporary_folder() as folder:
            extract(archive, Path(folder), only=[WEIGHTS])
            with Path(folder, WEIGHTS).open("rb") as file:
                yield file
        return
    with reopened(archive) as whole, tarfile.open(fileobj=whole, mode="r:") as tar:
        name = next(name for name in tar.getnames() if name.removeprefix("./") == WEIGHTS)
        member = tar.extractfile(name)
        assert member is not None, "the pre-flight admits regular files only"
        with member:
            yield member
