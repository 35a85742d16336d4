"""Steps of the decoder, recorded once as a CUDA graph and replayed: a card then gets one order for a thousand kernels.

What is replayed for the first time is held against plain steps; where it differs, or cannot be recorded, plain steps
do all of the work from then on.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from parakeet_cli.transcription.fastconformer.stepping import Board, Found, Run, search
from parakeet_cli.transcription.pytorch.failures import first_line
from parakeet_cli.transcription.pytorch.memory import one_at_a_time

__all__ = ["Graphs", "Record", "record_on_card"]

_LOG = logging.getLogger(__name__)

Tensors = TypeVar("Tensors", Board, Found)

Record = Callable[[Callable[[], Found]], tuple[Callable[[], None], Found]]
"""Records work, which it may run before to warm up; returns what replays it, and the tensors that it then writes."""

_LEAST_FRAMES = 16_384
"""That a board has room for: 32 chunks of 36 s."""
_TOLERANCE = 1e-3
"""Of a number that is replayed, against 1 and against itself; another order of adding up is no fault."""
_WARM_UPS = 3
"""Runs before recording, in which libraries take their workspaces."""


@dataclass(frozen=True, slots=True)
class _Recorded:
    board: Board
    replay: Callable[[], None]
    found: Found

    def run(self, board: Board) -> Found:
        assert board is self.board
        self.replay()
        return _copied(self.found)


class Graphs:
    """Searches as ``stepping.search`` does with ``run``, on boards of its own."""

    def __init__(self, run: Run, record: Record) -> None:
        self._run = run
        self._record = record
        self._frames: Tensor | None = None
        """What the boards have in common, as only one is in use at a time."""
        self._recorded: dict[int, _Recorded] = {}
        """By rows."""
        self._is_off = False

    def search(self, board: Board) -> tuple[Board, list[Found]]:
        """The board as it stands at the end, which may be another and have more rows, and what was found."""
        if not self._is_off:
            try:
                return self._replay(board)
            except _Unusable as error:
                self._is_off = True
                self._recorded.clear()
                self._frames = None
                _LOG.warning("CUDA graphs are not used: %s.", error)
        return board, search(board, self._run)

    def _replay(self, board: Board) -> tuple[Board, list[Found]]:
        """``board`` stays as it is."""
        rows = 1 << (len(board.ends) - 1).bit_length()
        self._make_room(board)
        recorded = self._recorded.get(rows)
        first = []
        if recorded is None:
            recorded = self._record_for(board, rows)
            first = self._tried(recorded, board)
            self._recorded[rows] = recorded
        else:
            _put(board, recorded.board)
        return recorded.board, first + search(recorded.board, recorded.run)

    def _make_room(self, board: Board) -> None:
        if self._frames is None or len(self._frames) < len(board.frames):
            self._recorded.clear()
            room = max(_LEAST_FRAMES, 1 << (len(board.frames) - 1).bit_length())
            self._frames = board.frames.new_zeros(room, board.frames.shape[1])

    def _record_for(self, board: Board, rows: int) -> _Recorded:
        assert self._frames is not None, "room is made before"
        layers, _, width = board.hidden.shape
        own = Board(
            self._frames,
            starts=board.starts.new_zeros(rows),
            ends=board.ends.new_zeros(rows),
            places=board.places.new_zeros(rows),
            stuck=board.stuck.new_zeros(rows),
            labels=board.labels[:1].repeat(rows),
            hidden=board.hidden.new_zeros(layers, rows, width),
            cell=board.cell.new_zeros(layers, rows, width),
            predicted=board.predicted.new_zeros(rows, board.predicted.shape[1]),
        )
        try:
            replay, found = self._record(lambda: self._run(own))  # no row has any frames: nothing changes
        except RuntimeError as error:
            raise _Unusable(f"they cannot be recorded here ({first_line(error)})") from error
        return _Recorded(own, replay, found)

    def _tried(self, recorded: _Recorded, board: Board) -> list[Found]:
        """What the first replay finds, if plain steps find the same."""
        _put(board, recorded.board)
        plain = _copied(recorded.board)
        expected = self._run(plain)
        found = recorded.run(recorded.board)
        if not (_agree(found, expected) and _agree(recorded.board, plain)):
            raise _Unusable("what they compute differs from plain steps")
        return [found]


class _Unusable(Exception):
    """With the reason."""


def _copied(tensors: Tensors) -> Tensors:
    return replace(tensors, **{field.name: getattr(tensors, field.name).clone() for field in fields(tensors)})


def _put(board: Board, own: Board) -> None:
    """Into the first rows; the others are done."""
    rows = len(board.ends)
    own.frames[: len(board.frames)].copy_(board.frames)
    own.ends.zero_()
    for name in ("starts", "ends", "places", "stuck", "labels"):
        getattr(own, name)[:rows].copy_(getattr(board, name))
    own.hidden[:, :rows].copy_(board.hidden)
    own.cell[:, :rows].copy_(board.cell)
    own.predicted[:rows].copy_(board.predicted)


def _agree(found: Tensors, expected: Tensors) -> bool:
    pairs = [(getattr(found, field.name), getattr(expected, field.name)) for field in fields(found)]
    return all(
        torch.allclose(one, other, rtol=_TOLERANCE, atol=_TOLERANCE) if one.is_floating_point() else one.equal(other)
        for one, other in pairs
    )


def record_on_card(device: torch.device) -> Record:
    """``Record`` by a CUDA graph. While it records no encoder runs, as torch then gives no memory back to anybody."""
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call] # torch gives it no types

    def record(work: Callable[[], Found]) -> tuple[Callable[[], None], Found]:
        with one_at_a_time, torch.cuda.device(device):
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream):  # also where torch, after a failure, would leave its own behind
                for _ in range(_WARM_UPS):
                    work()
                graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
                try:
                    with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                        found = work()
                except BaseException:
                    _end_recording(device, pool)
                    raise
            torch.cuda.current_stream(device).wait_stream(stream)
        return graph.replay, found

    return record


def _end_recording(device: torch.device, pool: Any) -> None:
    """Torch 2.13 leaves its allocator recording where the end of a recording fails; nothing public ends that."""
    with suppress(AttributeError, RuntimeError):
        torch._C._cuda_endAllocateToPool(device.index, pool)
        torch._C._cuda_releasePool(device.index, pool)
