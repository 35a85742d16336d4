"""What torch raises when memory is short or a card fails, a RuntimeError of its own, becomes an ``EngineFailed``."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from parakeet_cli.errors import EngineFailed, ParakeetError

__all__ = ["engine_failures", "first_line", "ran_out_of_memory"]

_LONGEST_QUOTE = 200
"""Characters; torch explains its allocator at length, in one line."""


@contextmanager
def engine_failures(saving: str) -> Iterator[None]:
    """Within, torch's errors become the cause of an ``EngineFailed``; programming errors and our own pass.

    ``saving`` is what to use when memory is short.
    """
    try:
        yield
    except (ParakeetError, NotImplementedError, RecursionError):
        raise
    except (RuntimeError, MemoryError) as error:
        raise EngineFailed(_message(error, saving)) from error


def ran_out_of_memory(error: BaseException | None) -> bool:
    """CUDA has a type for it, its libraries and the CPU's allocator have only a text."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        text in str(error) for text in ("out of memory", "can't allocate memory", "_ALLOC_FAILED")
    )


def first_line(error: Exception) -> str:
    """Of the message, else the name of its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _message(error: Exception, saving: str) -> str:
    said = textwrap.shorten(first_line(error), _LONGEST_QUOTE, placeholder=" …").rstrip(".")
    on_a_card = any(word in str(error) for word in ("CUDA", "cuDNN"))
    if ran_out_of_memory(error):
        return f"The engine ran out of memory ({said}); use {saving}{', or --device cpu' * on_a_card}."
    instead = ", and --device cpu does without a card" * on_a_card
    return f"The engine failed ({said}); `parakeet doctor` tells what it can use here{instead}."
