"""Decoding in steps of fixed shapes, as a CPU does it, as a card does it, and replayed; against row by row."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from parakeet_cli.transcription.fastconformer import transducer as module
from parakeet_cli.transcription.fastconformer.architecture import Architecture
from parakeet_cli.transcription.fastconformer.graphs import Graphs, Record
from parakeet_cli.transcription.fastconformer.stepping import Found, search
from parakeet_cli.transcription.fastconformer.transducer import State, Transducer
from parakeet_cli.transcription.pytorch.decoding import Emission, Jumps
from tests.full_size import FULL_SIZE

SMALL = replace(FULL_SIZE, width=24, prediction=16, joint=16, pieces=20, max_symbols=3)
Decoded = list[tuple[list[Emission], State]]


def made(
    seed: int, confidence: float = 0.9, architecture: Architecture = SMALL, *, uses_graphs: bool = False
) -> Transducer:
    """With weights large enough that labels, blanks and all durations come up."""
    torch.manual_seed(seed)
    jumps = Jumps(architecture.durations, confidence, (3, 7, architecture.blank))
    transducer = Transducer(architecture, jumps, uses_graphs=uses_graphs).eval()
    for parameter in transducer.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    transducer.out.bias.data[architecture.blank] += 1.5
    return transducer


def rows_of(lengths: Sequence[int], width: int = SMALL.width) -> list[torch.Tensor]:
    return [torch.randn(length, width) for length in lengths]


def in_parts(decode: Callable[..., Decoded], rows: Sequence[torch.Tensor], cuts: Sequence[int]) -> list[Any]:
    """Tokens of the rows, which are cut somewhere and decoded with their states carried; and the states at the end."""
    with torch.inference_mode():
        begun = decode([row[:cut] for row, cut in zip(rows, cuts, strict=True)], [None] * len(rows))
        ended = decode([row[cut:] for row, cut in zip(rows, cuts, strict=True)], [state for _, state in begun])
    return [(first, second, end) for (first, _), (second, end) in zip(begun, ended, strict=True)]


def assert_equal(ours: Sequence[Any], theirs: Sequence[Any]) -> None:
    for (*parts, state), (*other_parts, other_state) in zip(ours, theirs, strict=True):
        for tokens, others in zip(parts, other_parts, strict=True):
            assert [replace(token, logprob=0) for token in tokens] == [replace(token, logprob=0) for token in others]
            assert [token.logprob for token in tokens] == pytest.approx([t.logprob for t in others], abs=1e-4)
        assert state.ahead == other_state.ahead
        for name in ("hidden", "cell", "predicted"):
            torch.testing.assert_close(getattr(state, name), getattr(other_state, name), rtol=1e-4, atol=1e-4)


class Reference:
    """One row after the other, as the paper says it (arXiv:2304.06795), with jumps as ``Jumps`` says; not quick."""

    def __init__(self, transducer: Transducer) -> None:
        self._network = transducer
        self._jumps = transducer._jumps
        self._blank = transducer._blank

    def decode(self, rows: Sequence[torch.Tensor], states: Sequence[State | None]) -> Decoded:
        return [self._decode(self._network.from_frames(row), state) for row, state in zip(rows, states, strict=True)]

    def _decode(self, frames: torch.Tensor, state: State | None) -> tuple[list[Emission], State]:
        state = state or self._network._before_any_token()
        hidden, cell, predicted = state.hidden.unsqueeze(1), state.cell.unsqueeze(1), state.predicted.unsqueeze(0)
        tokens: list[Emission] = []
        place = state.ahead
        while place < len(frames):
            logits = self._network.out(torch.relu(frames[place] + predicted))[0]
            logprobs = logits[: self._blank + 1].log_softmax(0)
            chances = logits[self._blank + 1 :].softmax(0).tolist()
            label = int(logprobs.argmax())
            if label == self._blank:
                place += max(self._skipped(logprobs, chances), 1)
                continue
            duration = self._jumps.durations[max(range(len(chances)), key=chances.__getitem__)]
            tokens.append(Emission(label, place, duration, float(logprobs[label])))
            hidden, cell = self._network.prediction(torch.tensor([label]), hidden, cell)
            predicted = self._network.from_tokens(hidden[-1])
            here = [token for token in tokens if token.frame == place]
            place += 1 if not duration and len(here) >= self._network._max_symbols else duration
        return tokens, State(hidden[:, 0], cell[:, 0], predicted[0], place - len(frames))

    def _skipped(self, logprobs: torch.Tensor, chances: Sequence[float]) -> int:
        durations = self._jumps.durations
        most = durations[max(range(len(chances)), key=chances.__getitem__)]
        nothing = sum(float(logprobs[label].exp()) for label in self._jumps.unspoken)
        sure = [
            length
            for length in durations
            if length <= most
            and nothing * sum(chance for other, chance in zip(durations, chances, strict=True) if other >= length)
            >= self._jumps.confidence
        ]
        return max(sure, default=min(durations))


def as_a_card(transducer: Transducer) -> Transducer:
    run = transducer._stepper().run
    transducer._searches = lambda board: (board, search(board, run))
    return transducer


@pytest.mark.parametrize("confidence", [0.0, 0.6, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_looping_and_steps_find_what_row_by_row_is_found(seed: int, confidence: float) -> None:
    transducer = made(seed, confidence)
    rows, cuts = rows_of([60, 1, 37, 5, 80]), [20, 0, 36, 2, 41]
    expected = in_parts(Reference(transducer).decode, rows, cuts)
    assert_equal(in_parts(transducer.decode, rows, cuts), expected)
    assert_equal(in_parts(as_a_card(transducer).decode, rows, cuts), expected)
    tokens = [token for first, second, _ in expected for token in (*first, *second)]
    assert len(tokens) > 30
    assert len({token.frames for token in tokens}) > 3


@pytest.mark.parametrize("prepare", [lambda transducer: transducer, as_a_card])
def test_no_more_tokens_at_a_frame_than_the_checkpoint_allows(prepare: Callable[[Transducer], Transducer]) -> None:
    transducer = prepare(made(1))
    transducer.out.bias.data[SMALL.blank] -= 50
    transducer.out.bias.data[SMALL.blank + 1] += 50  # tokens only, without duration
    rows = rows_of([7, 3])
    decoded = in_parts(transducer.decode, rows, [4, 1])
    assert_equal(decoded, in_parts(Reference(transducer).decode, rows, [4, 1]))
    assert [[token.frame for token in tokens] for tokens in decoded[1][:2]] == [[0, 0, 0], [0, 0, 0, 1, 1, 1]]


def test_the_prediction_network_runs_once_a_token_on_a_cpu() -> None:
    transducer = made(3)
    calls: list[int] = []
    transducer.prediction.register_forward_hook(lambda module, inputs, output: calls.append(len(inputs[0])))
    rows = rows_of([70, 50])
    with torch.inference_mode():
        (first, _), (second, _) = transducer.decode(rows, [None, None])
    most = max(len(first), len(second))
    assert calls == [1] + [2] * most  # first for the state before any token
    assert most > 20


# Recorded and replayed.


class Recorder:
    """Stands in for a card: what it records is run again, and what that finds is written where the first run wrote."""

    def __init__(self, spoil: Callable[[Found], None] = lambda found: None) -> None:
        self.recorded = self.replayed = 0
        self._spoil = spoil

    def __call__(self, work: Callable[[], Found]) -> tuple[Callable[[], None], Found]:
        self.recorded += 1
        written = work()

        def replay() -> None:
            self.replayed += 1
            found = work()
            for field in fields(found):
                getattr(written, field.name).copy_(getattr(found, field.name))
            self._spoil(written)

        return replay, written


def replaying(transducer: Transducer, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "record_on_card", lambda device: record)
    assert transducer._uses_graphs


def test_replayed_steps_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    transducer, recorder = made(2, uses_graphs=True), Recorder()
    replaying(transducer, recorder, monkeypatch)
    for lengths, cuts in (
        ([60, 1, 37], [20, 0, 36]),
        ([80], [10]),
        ([9, 50], [4, 50]),
        ([30, 12, 90, 33], [1, 2, 3, 4]),
    ):
        rows = rows_of(lengths)
        assert_equal(in_parts(transducer.decode, rows, cuts), in_parts(Reference(transducer).decode, rows, cuts))
    assert recorder.recorded == 3  # for 4, 1 and 2 rows
    assert recorder.replayed > 10


def test_a_board_that_is_too_small_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parakeet_cli.transcription.fastconformer.graphs._LEAST_FRAMES", 64)
    transducer, recorder = made(3, uses_graphs=True), Recorder()
    replaying(transducer, recorder, monkeypatch)
    for length in (40, 60, 150, 30, 256, 257):
        rows = rows_of([length])
        assert_equal(in_parts(transducer.decode, rows, [0]), in_parts(Reference(transducer).decode, rows, [0]))
    assert recorder.recorded == 3


def _wrong_label(found: Found) -> None:
    found.numbers[3, 0, 0] += 1


def _wrong_chance(found: Found) -> None:
    found.logprobs[3, 0] -= 0.1


@pytest.mark.parametrize("spoil", [_wrong_label, _wrong_chance])
def test_what_replays_wrongly_is_not_used(
    spoil: Callable[[Found], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    transducer, recorder = made(4, uses_graphs=True), Recorder(spoil)
    replaying(transducer, recorder, monkeypatch)
    rows = rows_of([60, 30])
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert_equal(
                in_parts(transducer.decode, rows, [20, 9]), in_parts(Reference(transducer).decode, rows, [20, 9])
            )
    assert caplog.messages == ["CUDA graphs are not used: what they compute differs from plain steps."]
    assert recorder.replayed == 1


def test_what_leaves_the_board_wrong_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def record(work: Callable[[], Found]) -> tuple[Callable[[], None], Found]:
        return (lambda: None), work()  # replays nothing

    transducer = made(4, uses_graphs=True)
    replaying(transducer, record, monkeypatch)
    rows = rows_of([60])
    assert_equal(in_parts(transducer.decode, rows, [9]), in_parts(Reference(transducer).decode, rows, [9]))
    assert caplog.messages == ["CUDA graphs are not used: what they compute differs from plain steps."]


def test_where_nothing_can_be_recorded_plain_steps_are_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def record(work: Callable[[], Found]) -> tuple[Callable[[], None], Found]:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nCUDA kernel errors might …")

    transducer = made(5, uses_graphs=True)
    replaying(transducer, record, monkeypatch)
    rows = rows_of([60])
    for _ in range(2):
        assert_equal(in_parts(transducer.decode, rows, [9]), in_parts(Reference(transducer).decode, rows, [9]))
    assert caplog.messages == [
        "CUDA graphs are not used: they cannot be recorded here "
        "(CUDA error: operation not permitted when stream is capturing)."
    ]


class _Card(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch gives it no types
    """Refuses what a card cannot record: answers to the host, shapes that depend on numbers, tensors from the host."""

    refused = ("_local_scalar_dense", "nonzero", "masked_select", "lift_fresh", "_to_copy", "scalar_tensor", "equal")

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = operator.overloadpacket.__name__
        assert name not in self.refused, name
        if name == "index":
            assert all(index is None or index.dtype != torch.bool for index in args[1])
        self.count += 1
        return operator(*args, **(kwargs or {}))


def test_steps_ask_for_no_answer_and_bring_nothing_from_the_host() -> None:
    """So a card can record them; there is none here."""
    transducer = made(6)
    counts: list[int] = []

    def record(work: Callable[[], Found]) -> tuple[Callable[[], None], Found]:
        with _Card() as card:
            found = work()
        counts.append(card.count)
        return (lambda: None), found

    with torch.inference_mode():
        Graphs(transducer._stepper().run, record).search(transducer._board(rows_of([50, 20]), [None, None]))
    assert 0 < counts[0] / 16 < 95


@pytest.mark.gpu
def test_a_card_finds_what_the_cpu_finds(caplog: pytest.LogCaptureFixture) -> None:
    for uses_graphs in (False, True, True):
        rows, cuts = rows_of([60, 1, 37, 5, 80]), [20, 0, 36, 2, 41]
        expected = in_parts(Reference(made(7)).decode, rows, cuts)
        transducer = made(7, uses_graphs=uses_graphs).cuda()
        on_card = in_parts(transducer.decode, [row.cuda() for row in rows], cuts)
        moved = [
            (first, second, State(state.hidden.cpu(), state.cell.cpu(), state.predicted.cpu(), state.ahead))
            for first, second, state in on_card
        ]
        assert_equal(moved, expected)
    assert not caplog.messages  # graphs were used


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=5), seed=st.integers(0, 10_000))
def test_rows_do_not_depend_on_each_other(lengths: list[int], seed: int) -> None:
    transducer = made(seed)
    rows = rows_of(lengths)
    with torch.inference_mode():
        together = transducer.decode(rows, [None] * len(rows))
        alone = [transducer.decode([row], [None])[0] for row in rows]
    assert_equal(together, alone)
