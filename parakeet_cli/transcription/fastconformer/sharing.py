"""Rows of a batch are shared out among a processor's threads: those that work apart need not wait for each other."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import torch

__all__ = ["groups_of_rows", "run_apart"]

_SERIAL_SHARE = 0.1
"""Of the work on a row, that no second thread makes shorter; measured with two (``docs/performance.md``)."""


def groups_of_rows(lengths: Sequence[int], threads: int) -> list[list[int]]:
    """Indices of the rows, in as many groups as are done first if each has its part of ``threads``."""
    divisions = [_divided(lengths, groups) for groups in range(1, min(len(lengths), threads) + 1)]
    return min(divisions, key=lambda groups: _time(groups, lengths, threads // len(groups)))


def _divided(lengths: Sequence[int], count: int) -> list[list[int]]:
    """Longest first, each to the group that has least."""
    groups: list[list[int]] = [[] for _ in range(count)]
    for index in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        min(groups, key=lambda group: sum(lengths[other] for other in group)).append(index)
    return groups


def _time(groups: Sequence[Sequence[int]], lengths: Sequence[int], threads: int) -> float:
    """Of the slowest group, in those that one thread takes for a row of length one."""
    slowest = max(sum(lengths[index] for index in group) for group in groups)
    return slowest * (_SERIAL_SHARE + (1.0 - _SERIAL_SHARE) / threads)


def run_apart(groups: Sequence[Sequence[int]], steps: Callable[[Sequence[int]], Iterable[None]]) -> None:
    """Go through the ``steps`` of each group, each in a thread of its own with its part of torch's threads.

    Raises what a step raises; the other groups then end with the step that they are at.
    """
    threads = torch.get_num_threads()
    infers = torch.is_inference_mode_enabled()
    stopped = Event()

    def run(group: Sequence[int]) -> None:
        torch.get_num_threads()  # else the first operator gives this thread as many as anybody was given last
        torch.set_num_threads(threads // len(groups))
        try:
            with torch.inference_mode(infers):
                for _ in steps(group):
                    if stopped.is_set():
                        break
        except BaseException:
            stopped.set()
            raise

    first, *others = groups
    with ThreadPoolExecutor(max(1, len(others)), "rows") as pool:
        try:
            futures = [pool.submit(run, group) for group in others]
            run(first)
        finally:
            torch.set_num_threads(threads)  # also what threads that begin later are given
        for future in futures:
            future.result()
