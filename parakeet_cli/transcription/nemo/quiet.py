"""Keep NeMo, lightning and torch from writing to a terminal that is ours."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet"]


@contextmanager
def quiet(verbose: bool) -> Iterator[None]:
    """Drop log records below ERROR and all warnings while NeMo is imported and a model is built.

    NeMo sends Python's warnings through its own logger and installs its handlers on import, at level INFO; they
    are raised to ERROR for the rest of the process. ``verbose`` lets everything through, to stderr.
    """
    if verbose:
        os.environ.setdefault("NEMO_REDIRECT_LOGS_TO_STDERR", "True")  # stdout carries results only
        yield
        return
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
            _silence_nemo()
    finally:
        logging.disable(before)


def _silence_nemo() -> None:
    from nemo.utils import logging as nemo_logging

    nemo_logging.setLevel(logging.ERROR)
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning", "torch", "numba", "nv_one_logger"):
        logging.getLogger(name).setLevel(logging.ERROR)
