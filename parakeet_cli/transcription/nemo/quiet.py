"""Keep NeMo, lightning and torch from writing to a terminal that is ours."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeGuard

__all__ = ["quiet"]


@contextmanager
def quiet(verbose: bool) -> Iterator[None]:
    """Drop others' log records below ERROR and all warnings while NeMo is imported and a model is built.

    NeMo sends Python's warnings through its own logger and installs its handlers on import, at level INFO; they
    are raised to ERROR for the rest of the process. ``verbose`` lets everything through, to stderr.
    """
    if verbose:
        os.environ.setdefault("NEMO_REDIRECT_LOGS_TO_STDERR", "True")  # stdout carries results only
        yield
        return
    with _our_logs_only(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
        _silence_nemo()


@contextmanager
def _our_logs_only() -> Iterator[None]:
    """``logging.disable`` spares nobody: a logger asks its manager, so ours get one where nothing is disabled."""
    before = logging.root.manager.disable
    ours = [logger for logger in logging.root.manager.loggerDict.values() if _is_ours(logger)]
    open_to_all = logging.Manager(logging.root)
    open_to_all.disable = before
    for logger in ours:
        logger.manager = open_to_all
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        for logger in ours:
            vars(logger).pop("manager", None)  # the one of the class shows again
        logging.disable(before)


def _is_ours(logger: logging.Logger | logging.PlaceHolder) -> TypeGuard[logging.Logger]:
    return isinstance(logger, logging.Logger) and f"{logger.name}.".startswith("parakeet_cli.")


def _silence_nemo() -> None:
    """By the standard library: NeMo's own ``setLevel`` also sets the level of handlers that are not its own."""
    for name in (
        "nemo_logger",
        "lightning",
        "lightning.pytorch",
        "pytorch_lightning",
        "torch",
        "numba",
        "nv_one_logger",
    ):
        logging.getLogger(name).setLevel(logging.ERROR)
