import math
from dataclasses import replace

import pytest
from hypothesis import settings as run
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from parakeet_cli.errors import DeviceUnavailable, EngineFailed, ModelCorrupt, ParakeetError
from parakeet_cli.server.lifecycle import Action, EngineState, Lifecycle
from parakeet_cli.settings import LifecycleSettings
from parakeet_cli.transcription.engine import Wear

LAZY = LifecycleSettings(lazy=True, idle_seconds=100.0, load_seconds=50.0)
EAGER = replace(LAZY, lazy=False)
CRASH = EngineFailed("It crashed.")


class Driven:
    """A lifecycle, its clock, and what it asked for."""

    def __init__(self, settings: LifecycleSettings = LAZY) -> None:
        self.lifecycle = Lifecycle(settings)
        self.now = 1_000.0
        self.has_work = False
        self.asked: list[Action] = []

    @property
    def state(self) -> EngineState:
        return self.lifecycle.state

    def look(self, *, work: bool | None = None, after: float = 0.0) -> EngineState:
        self.now += after
        if work is not None:
            self.has_work = work
        if action := self.lifecycle.advance(self.now, has_work=self.has_work):
            self.asked.append(action)
        return self.state

    def ready(self) -> "Driven":
        self.look(work=True)
        self.lifecycle.loaded(self.lifecycle.generation)
        assert self.look() is EngineState.READY
        return self

    def dies(self, error: ParakeetError | None = CRASH, after: float = 0.0) -> EngineState:
        self.now += after
        self.lifecycle.ended(self.lifecycle.generation, error, self.now)
        return self.look()

    def wears(self, batches: int, memory: int) -> EngineState:
        self.lifecycle.wore(self.lifecycle.generation, Wear(batches, memory))
        return self.look()


def test_a_lazy_engine_is_loaded_when_there_is_work() -> None:
    driven = Driven()
    assert driven.look() is EngineState.UNLOADED
    assert driven.look(work=True) is EngineState.LOADING
    assert driven.asked == [Action.START]


def test_an_eager_engine_is_loaded_at_the_start() -> None:
    assert Driven(EAGER).look() is EngineState.LOADING


def test_an_idle_engine_is_unloaded_and_loaded_again_for_work() -> None:
    driven = Driven().ready()
    driven.look(work=False)
    assert driven.lifecycle.due() == driven.now + 100
    assert driven.look(after=99) is EngineState.READY
    assert driven.look(after=1) is EngineState.UNLOADING
    assert driven.look(work=True) is EngineState.UNLOADING  # not before it is gone
    assert driven.dies(None) is EngineState.LOADING
    assert driven.asked == [Action.START, Action.CLOSE, Action.START]


def test_work_stops_the_idle_clock_and_its_end_starts_it_afresh() -> None:
    driven = Driven().ready()
    driven.look(work=False)
    driven.look(work=True, after=90)
    assert driven.lifecycle.due() is None
    driven.look(work=False, after=500)
    assert driven.look(after=99) is EngineState.READY


def test_an_idle_time_of_zero_unloads_at_once() -> None:
    driven = Driven(replace(LAZY, idle_seconds=0.0)).ready()
    assert driven.look(work=False) is EngineState.UNLOADING


def test_an_infinite_idle_time_never_unloads() -> None:
    driven = Driven(replace(LAZY, idle_seconds=math.inf)).ready()
    assert driven.look(work=False, after=1e9) is EngineState.READY
    assert driven.lifecycle.due() is None


def test_an_eager_engine_that_was_idle_stays_unloaded_until_there_is_work() -> None:
    driven = Driven(EAGER).ready()
    driven.look(work=False)
    driven.look(after=100)
    assert driven.dies(None) is EngineState.UNLOADED
    assert driven.look(work=True) is EngineState.LOADING


def test_each_crash_in_a_row_is_followed_by_twice_the_pause() -> None:
    driven = Driven(replace(LAZY, load_seconds=math.inf)).ready()
    pauses = []
    for _ in range(9):
        assert driven.dies(after=301) is EngineState.BACKING_OFF  # so far apart that they are not too many
        due = driven.lifecycle.due()
        assert due is not None
        pauses.append(due - driven.now)
        assert driven.look(after=due - driven.now - 0.01) is EngineState.BACKING_OFF
        assert driven.look(after=0.02) is EngineState.LOADING
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_recording_that_is_finished_makes_the_next_pause_short() -> None:
    driven = Driven().ready()
    for _ in range(3):
        driven.dies()
        driven.look(after=60)
        driven.lifecycle.loaded(driven.lifecycle.generation)
    driven.lifecycle.worked()
    driven.dies()
    assert driven.lifecycle.due() == driven.now + 1


def test_a_crash_without_work_is_not_mended_before_there_is_some() -> None:
    driven = Driven().ready()
    driven.look(work=False)
    driven.dies()
    assert driven.look(after=1) is EngineState.UNLOADED
    assert driven.look(work=True) is EngineState.LOADING


def test_an_eager_engine_is_back_after_a_crash_without_work() -> None:
    driven = Driven(EAGER).ready()
    driven.look(work=False)
    driven.dies()
    assert driven.look(after=1) is EngineState.LOADING


def failed_by_crashes(settings: LifecycleSettings = LAZY) -> Driven:
    driven = Driven(settings).ready()
    for _ in range(4):
        assert driven.dies() is EngineState.BACKING_OFF
        driven.look(after=9)
        driven.lifecycle.loaded(driven.lifecycle.generation)
    assert driven.dies() is EngineState.FAILED
    return driven


def test_the_fifth_crash_in_five_minutes_is_a_failure_for_five_minutes() -> None:
    driven = failed_by_crashes()
    assert str(driven.lifecycle.error) == "It crashed."
    assert driven.lifecycle.refuses_until(driven.now) == driven.now + 300
    assert driven.look(work=False, after=299) is EngineState.FAILED
    assert driven.look(after=1) is EngineState.UNLOADED  # so a balancer may send requests again
    assert driven.lifecycle.refuses_until(driven.now) is None
    assert driven.look(work=True) is EngineState.LOADING


def test_an_eager_engine_that_failed_tries_again_by_itself() -> None:
    driven = failed_by_crashes(EAGER)
    assert driven.look(work=False, after=300) is EngineState.LOADING


@pytest.mark.parametrize("error", [ModelCorrupt("It is damaged."), DeviceUnavailable("No card.")])
def test_what_a_second_try_would_meet_again_is_a_failure_at_once(error: ParakeetError) -> None:
    driven = Driven()
    driven.look(work=True)
    assert driven.dies(error) is EngineState.FAILED
    assert driven.lifecycle.error is error
    assert driven.lifecycle.due() == driven.now + 1  # as something waits
    driven.look(work=False)
    assert driven.lifecycle.due() is None  # nothing is tried without somebody who asks
    assert driven.look(work=False, after=1000) is EngineState.FAILED
    assert driven.lifecycle.refuses_until(driven.now) is None
    assert driven.look(work=True) is EngineState.LOADING


def test_such_failures_in_a_row_refuse_work_for_longer_each() -> None:
    driven = Driven()
    pauses = []
    for _ in range(3):
        driven.look(work=True)
        driven.dies(ModelCorrupt("It is damaged."), after=200)
        until = driven.lifecycle.refuses_until(driven.now)
        assert until is not None
        pauses.append(until - driven.now)
        driven.look(work=False, after=until - driven.now)
    assert pauses == [1, 2, 4]


def test_an_engine_that_was_loading_for_too_long_is_a_failure() -> None:
    driven = Driven()
    driven.look(work=True)
    assert driven.dies(after=50) is EngineState.FAILED


def test_loads_that_crash_are_tried_again_for_as_long_as_a_load_may_take() -> None:
    driven = Driven()
    driven.look(work=True)
    assert driven.dies(after=20) is EngineState.BACKING_OFF
    assert driven.look(after=1) is EngineState.LOADING
    assert driven.dies(after=30) is EngineState.FAILED


def test_an_old_load_that_crashed_does_not_count_for_a_new_one() -> None:
    driven = Driven()
    driven.look(work=True)
    driven.dies(after=20)
    driven.look(work=False, after=1)  # given up
    driven.look(work=True, after=3600)
    assert driven.dies(after=1) is EngineState.BACKING_OFF


def test_an_engine_is_replaced_after_five_thousand_batches_once_it_has_nothing_to_do() -> None:
    driven = Driven().ready()
    assert driven.wears(5_000, 100) is EngineState.READY
    assert driven.look(work=False) is EngineState.UNLOADING
    assert driven.dies(None) is EngineState.LOADING  # although there is no work
    assert driven.asked == [Action.START, Action.CLOSE, Action.START]


def test_an_engine_that_has_grown_by_a_third_since_it_was_warm_is_replaced() -> None:
    driven = Driven().ready()
    driven.wears(10, 100)
    driven.wears(100, 1_000)
    driven.look(work=False)
    assert driven.wears(101, 1_300) is EngineState.READY
    assert driven.wears(102, 1_301) is EngineState.UNLOADING


def test_a_replaced_engine_is_idle_since_the_first_one_was() -> None:
    driven = Driven().ready()
    driven.look(work=False)
    driven.look(after=60)
    driven.wears(5_000, 100)
    driven.dies(None)
    driven.lifecycle.loaded(driven.lifecycle.generation)
    assert driven.look(after=39) is EngineState.READY
    assert driven.look(after=1) is EngineState.UNLOADING
    assert driven.dies(None) is EngineState.UNLOADED


def test_what_an_earlier_engine_tells_counts_for_nothing() -> None:
    driven = Driven().ready()
    old = driven.lifecycle.generation
    driven.dies()
    driven.look(after=1)
    driven.lifecycle.loaded(old)
    driven.lifecycle.ended(old, CRASH, driven.now)
    driven.lifecycle.wore(old, Wear(9_999, 1))
    assert driven.state is EngineState.LOADING
    driven.lifecycle.loaded(driven.lifecycle.generation)
    assert driven.look(work=False) is EngineState.READY


@pytest.mark.parametrize("crashes", [0, 1])
def test_once_shut_nothing_starts(crashes: int) -> None:
    driven = Driven(EAGER).ready()
    for _ in range(crashes):
        driven.dies()
    assert driven.lifecycle.shut() is (None if crashes else Action.CLOSE)
    driven.dies(None)
    driven.look(work=True, after=1000)
    assert driven.asked == [Action.START]
    assert driven.state is EngineState.UNLOADED


def test_an_engine_that_is_shut_while_it_loads_is_closed_once() -> None:
    driven = Driven()
    driven.look(work=True)
    assert driven.lifecycle.shut() is Action.CLOSE
    assert driven.lifecycle.shut() is None
    assert driven.dies() is EngineState.UNLOADED


class AnyLife(RuleBasedStateMachine):
    """Whatever happens in whatever order: one engine at a time, and work is never forgotten."""

    @initialize(
        lazy=st.booleans(), idle=st.sampled_from([0.0, 0.5, 30.0, math.inf]), load=st.sampled_from([5.0, math.inf])
    )
    def begin(self, lazy: bool, idle: float, load: float) -> None:
        self.lifecycle = Lifecycle(LifecycleSettings(lazy=lazy, idle_seconds=idle, load_seconds=load))
        self.now = 0.0
        self.work = 0
        self.engine: int | None = None
        """The generation of the one that lives."""
        self.is_loaded = False
        self.is_asked_to_end = False
        self.is_shut = False
        self.dead: list[int] = []
        self.look()

    def look(self) -> None:
        before = self.lifecycle.generation
        action = self.lifecycle.advance(self.now, has_work=self.work > 0)
        if action is Action.START:
            assert self.engine is None, "two engines"
            assert not self.is_shut
            assert self.lifecycle.generation == before + 1
            self.engine, self.is_loaded, self.is_asked_to_end = self.lifecycle.generation, False, False
        if action is Action.CLOSE:
            assert self.work == 0, "closed under work"
            self.close()
        assert self.lifecycle.advance(self.now, has_work=self.work > 0) is None, "it asks twice"

    def close(self) -> None:
        assert self.engine is not None
        assert not self.is_asked_to_end
        self.is_asked_to_end = True

    @rule()
    def submit(self) -> None:
        if self.lifecycle.refuses_until(self.now) is None and not self.is_shut:
            self.work += 1
        self.look()

    @rule()
    def cancel(self) -> None:
        self.work = max(0, self.work - 1)
        self.look()

    @rule(seconds=st.sampled_from([0.1, 1.0, 7.0, 60.0, 301.0]))
    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(1000):
            due = self.lifecycle.due()
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            self.look()
            assert self.lifecycle.due() != due, "it is due for ever"
        self.now = end
        self.look()

    @precondition(lambda self: self.engine and not self.is_loaded)
    @rule()
    def load(self) -> None:
        assert self.engine is not None
        self.is_loaded = True
        self.lifecycle.loaded(self.engine)
        self.look()

    @precondition(lambda self: self.engine and self.is_loaded and self.work)
    @rule()
    def finish(self) -> None:
        self.work -= 1
        self.lifecycle.worked()
        self.look()

    @precondition(lambda self: self.engine)
    @rule(error=st.sampled_from([CRASH, None, ModelCorrupt("x")]))
    def die(self, error: ParakeetError | None) -> None:
        assert self.engine is not None
        self.dead.append(self.engine)
        self.engine = None
        self.lifecycle.ended(self.dead[-1], error, self.now)
        if self.lifecycle.state is EngineState.FAILED:
            self.work = 0  # all are told
        self.look()

    @precondition(lambda self: self.engine)
    @rule(batches=st.sampled_from([1, 100, 5_000]), memory=st.integers(100, 200))
    def wear(self, batches: int, memory: int) -> None:
        assert self.engine is not None
        self.lifecycle.wore(self.engine, Wear(batches, memory))
        self.look()

    @precondition(lambda self: self.dead)
    @rule(data=st.data())
    def speak_from_the_grave(self, data: st.DataObject) -> None:
        before = self.lifecycle.state
        ghost = data.draw(st.sampled_from(self.dead))
        self.lifecycle.loaded(ghost)
        self.lifecycle.wore(ghost, Wear(9_999, 1))
        self.lifecycle.ended(ghost, CRASH, self.now)
        assert self.lifecycle.state is before

    @rule()
    def shut(self) -> None:
        self.work = 0
        if self.lifecycle.shut() is Action.CLOSE:
            self.close()
        self.is_shut = True
        self.look()

    @invariant()
    def the_state_is_that_of_the_engine(self) -> None:
        state = self.lifecycle.state
        assert self.lifecycle.is_alive == (self.engine is not None)
        assert (state is EngineState.UNLOADING) == (self.engine is not None and self.is_asked_to_end)
        assert (state is EngineState.READY) == (self.engine is not None and self.is_loaded and not self.is_asked_to_end)

    @invariant()
    def work_is_under_way_or_has_a_date(self) -> None:
        if self.work and not self.is_shut and self.engine is None:
            due = self.lifecycle.due()
            assert due is not None, "nobody will ever start an engine for this work"
            assert due <= self.now + 60


AnyLife.TestCase.settings = run(max_examples=80, stateful_step_count=40, deadline=None)
TestAnyLife = AnyLife.TestCase
