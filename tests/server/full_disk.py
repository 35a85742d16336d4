"""A disk that is full for this process alone, as far as any file of it goes."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["no_file_over"]


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """What would make a file longer than ``size`` bytes fails meanwhile, with EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
