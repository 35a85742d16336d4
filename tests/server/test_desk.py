"""The desk with engines that do what the test says; ``test_desk_engine`` has the real ones."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.errors import EngineFailed, FfmpegMissing, ModelCorrupt, NotMedia, Overloaded, UnreadableMedia
from parakeet_cli.server.desk import Desk, EngineState, State, View, Work
from parakeet_cli.settings import SAMPLE_RATE, LifecycleSettings
from parakeet_cli.transcript import Token
from parakeet_cli.transcription.events import Recording
from parakeet_cli.transcription.media.inputs import DescriptorMedia, FileMedia
from parakeet_cli.transcription.savepoints import Savepoint
from tests.engines import PATIENCE, eventually
from tests.server.puppets import READY, Puppeteer, Race

FILE = FileMedia(Path("/nowhere/talk.mp3"))
TOKENS = tuple(Token(f" {word}", i, i + 1.0, -0.5) for i, word in enumerate(("one", "two", "tree", "three", "four")))
SETTINGS = LifecycleSettings(idle_seconds=1000.0, concurrency=2, waiting=3, waiting_jobs=5)

Make = Callable[..., Desk]


@pytest.fixture
def make() -> Iterator[Make]:
    """Opens desks, and closes them at the end."""
    desks: list[Desk] = []

    def make_one(puppets: Puppeteer | Race, settings: LifecycleSettings = SETTINGS) -> Desk:
        desks.append(Desk(puppets, settings))
        return desks[-1]

    yield make_one
    for desk in desks:
        desk.close()


def over(work: Work) -> View:
    """The view of a work that is over."""
    end = time.monotonic() + PATIENCE
    while not (view := work.view).state.is_final:
        assert time.monotonic() < end, "it is never over"
        work.wait(view.version, 1.0)
    return view


def ends(work: Work, state: State) -> None:
    assert over(work).state is state


def runs(*works: Work) -> None:
    eventually(lambda: all(work.view.state is State.RUNNING for work in works))


def test_a_recording_is_followed_from_the_row_to_its_transcript(make: Make) -> None:
    puppets = Puppeteer(ready=False)
    desk = make(puppets)
    work = desk.submit(FILE, duration=60.0)
    engine = puppets.engine()
    assert (work.view.state, work.view.duration, desk.position(work)) == (State.QUEUED, 60.0, 1)
    engine.ready()
    puppets.given(work.number)
    assert (work.view.state, desk.position(work)) == (State.RUNNING, 0)
    engine.starts(work.number, None)
    engine.starts(work.number, 59.5)
    engine.hears(work.number, "one two", 20.0)
    engine.hears(work.number, "three", 40.0)
    eventually(lambda: work.view.words == 3)
    assert [word.text for word in work.words()] == ["one", "two", "three"]
    assert [word.text for word in work.words(2)] == ["three"]
    assert (work.view.duration, work.view.seconds) == (59.5, 40.0)
    engine.finishes(work.number, "one two three four", 59.4)
    view = over(work)
    assert view.transcript is not None
    assert (view.transcript.text, view.duration, view.seconds) == ("one two three four", 59.4, 59.4)
    assert view.recognition_seconds == 0.5


def test_whoever_waits_hears_of_each_change(make: Make) -> None:
    puppets = Puppeteer()
    work = make(puppets).submit(FILE)
    engine = puppets.given(work.number)
    before = work.wait().version
    threading.Timer(0.05, lambda: engine.hears(work.number, "one", 1.0)).start()
    assert work.wait(before, timeout=PATIENCE).words == 1
    now = work.view.version
    assert work.wait(now, timeout=0.01).version == now


def test_a_recording_that_fails_has_its_error_and_others_go_on(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets)
    bad, good = desk.submit(FILE, duration=1.0), desk.submit(FILE, duration=1.0)
    engine = puppets.given(bad.number, good.number)
    error = NotMedia("That is no media.")
    engine.fails(bad.number, error)
    engine.finishes(good.number)
    assert over(bad).error is error
    ends(good, State.FINISHED)


def test_requests_come_before_jobs_and_each_in_their_order(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets, replace(SETTINGS, concurrency=1))
    first = desk.submit(FILE, duration=1.0)
    engine = puppets.given(first.number)
    jobs = [desk.submit(FILE, duration=1.0, is_job=True) for _ in range(2)]
    requests = [desk.submit(FILE, duration=1.0) for _ in range(2)]
    assert [desk.position(work) for work in (first, *requests, *jobs)] == [0, 1, 2, 3, 4]
    for done, following in zip((first, *requests, jobs[0]), (*requests, *jobs), strict=True):
        engine.finishes(done.number)
        puppets.given(following.number)
        runs(following)
        assert desk.position(following) == 0


@pytest.mark.parametrize("long", [{"duration": 601.0}, {"duration": None}, {"duration": 5.0, "is_job": True}])
def test_the_last_place_is_for_short_requests(make: Make, long: dict[str, float]) -> None:
    puppets = Puppeteer()
    desk = make(puppets)
    first, second = desk.submit(FILE, **long), desk.submit(FILE, **long)  # type: ignore[arg-type]
    engine = puppets.given(first.number)
    short = desk.submit(FILE, duration=600.0)
    puppets.given(short.number)
    assert second.view.state is State.QUEUED
    engine.finishes(short.number)
    ends(short, State.FINISHED)
    assert second.view.state is State.QUEUED
    engine.finishes(first.number)
    runs(second)


def test_the_only_place_is_for_everybody(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets, replace(SETTINGS, concurrency=1))
    runs(desk.submit(FILE, duration=7200.0, is_job=True))


def test_a_full_row_takes_nothing_and_says_when_it_may(make: Make) -> None:
    puppets = Puppeteer(ready=False)
    desk = make(puppets)
    taken = [desk.submit(FILE, duration=10.0) for _ in range(2 + 3)]  # also before the desk has looked at them
    assert not desk.has_room()
    assert desk.has_room(is_job=True)
    with pytest.raises(Overloaded) as caught:
        desk.submit(FILE)
    assert 1 <= caught.value.retry_after <= 60
    puppets.engine().ready()
    engine = puppets.given(0, 1)
    assert not desk.has_room()
    engine.finishes(0)
    ends(taken[0], State.FINISHED)
    assert desk.has_room()


def test_jobs_have_a_row_of_their_own_length(make: Make) -> None:
    puppets = Puppeteer(ready=False)
    desk = make(puppets)
    for _ in range(5):
        desk.submit(FILE, is_job=True)
    assert not desk.has_room(is_job=True)
    with pytest.raises(Overloaded):
        desk.submit(FILE, is_job=True)
    assert desk.has_room()


def test_a_request_waits_for_the_model_to_load(make: Make) -> None:
    puppets = Puppeteer(ready=False)
    desk = make(puppets)
    work = desk.submit(FILE)
    engine = puppets.engine()
    assert desk.pulse().engine is EngineState.LOADING
    assert not engine.media
    engine.ready()
    puppets.given(work.number).finishes(work.number)
    ends(work, State.FINISHED)


def test_an_eager_desk_loads_the_model_before_anybody_asks(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets, replace(SETTINGS, lazy=False))
    eventually(lambda: desk.pulse().engine is EngineState.READY)
    assert desk.pulse().ready == READY


def test_a_pulse_neither_wakes_the_engine_nor_keeps_it_awake(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets, replace(SETTINGS, idle_seconds=0.3))
    for _ in range(20):
        assert desk.pulse().engine is EngineState.UNLOADED
    work = desk.submit(FILE)
    puppets.given(work.number).finishes(work.number)
    ends(work, State.FINISHED)
    eventually(lambda: desk.pulse().engine is EngineState.UNLOADED, seconds=10)
    assert len(puppets.engines) == 1
    assert desk.pulse().ready is not None  # of the last time


@pytest.mark.parametrize("moment", ["in the row", "while it loads", "while it runs"])
def test_a_cancelled_work_is_over_whenever_that_happens(make: Make, moment: str) -> None:
    puppets = Puppeteer(ready=moment != "while it loads")
    desk = make(puppets, replace(SETTINGS, concurrency=1))
    works = [desk.submit(FILE), desk.submit(FILE)]
    work = works[1] if moment == "in the row" else works[0]
    if moment != "while it loads":
        puppets.given(0)
    work.cancel()
    ends(work, State.CANCELLED)
    work.cancel()
    engine = puppets.engine()
    assert engine.cancelled == ([0] if moment == "while it runs" else [])
    engine.ready()
    other = works[works.index(work) - 1]
    puppets.given(other.number)
    engine.finishes(work.number)  # was under way; nobody cares
    engine.finishes(other.number)
    ends(other, State.FINISHED)
    assert work.view.state is State.CANCELLED
    other.cancel()
    assert desk.pulse().running == 0
    assert other.view.state is State.FINISHED


def test_the_desk_has_a_descriptor_of_its_own_and_closes_it(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    puppets = Puppeteer()
    with path.open("rb") as file:
        work = make(puppets).submit(DescriptorMedia(file.fileno(), "a"))
    media = puppets.given(work.number).media[work.number]
    assert isinstance(media, DescriptorMedia)
    assert os.fstat(media.descriptor).st_ino == path.stat().st_ino
    puppets.engine().finishes(work.number)
    ends(work, State.FINISHED)

    def is_closed() -> bool:
        try:
            os.fstat(media.descriptor)
        except OSError:
            return True
        return False

    eventually(is_closed)


def test_whoever_watches_is_told_of_each_work_that_is_over(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    puppets = Puppeteer()
    desk = make(puppets)
    told: list[tuple[int, State]] = []

    def bad(_work: Work) -> None:
        raise ValueError("a watcher with a bug")

    desk.watch(bad)
    desk.watch(lambda work: told.append((work.number, work.view.state)))
    works = [desk.submit(FILE, duration=1.0) for _ in range(2)]
    engine = puppets.given(0, 1)
    works[0].cancel()
    engine.finishes(1)
    eventually(lambda: told == [(0, State.CANCELLED), (1, State.FINISHED)])
    assert "a watcher with a bug" in caplog.text


# When engines die.


def test_a_recording_whose_engine_dies_is_given_to_the_next_one_and_nobody_is_told(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets)
    work = desk.submit(FILE, duration=60.0)
    puppets.given(work.number).hears(work.number, "one two three", 20.0)
    puppets.engine().dies(EngineFailed("It died."))
    second = puppets.given(work.number, index=1)
    assert (work.view.state, work.view.words, work.view.seconds) == (State.RUNNING, 3, 20.0)
    second.hears(work.number, "one two", 10.0)
    second.hears(work.number, "three four", 30.0)
    eventually(lambda: work.view.words == 4)
    assert [word.text for word in work.words()] == ["one", "two", "three", "four"]  # none is told twice
    assert work.view.seconds == 30.0
    second.finishes(work.number, "one two three four")
    ends(work, State.FINISHED)


@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_second_engine_that_hears_other_words_than_were_told_is_an_error(make: Make, at_the_end: bool) -> None:
    puppets = Puppeteer()
    desk = make(puppets)
    work = desk.submit(FILE, duration=60.0)
    puppets.given(work.number).hears(work.number, "one two three", 20.0)
    puppets.engine().dies(EngineFailed("It died."))
    second = puppets.given(work.number, index=1)
    if at_the_end:
        second.finishes(work.number, "one too three")
    else:
        second.hears(work.number, "one too", 10.0)
    assert isinstance(over(work).error, EngineFailed)
    assert "other words" in str(work.view.error)


def test_a_request_that_is_more_than_half_done_is_not_begun_again(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets, replace(SETTINGS, concurrency=3))
    request, job = desk.submit(FILE, duration=60.0), desk.submit(FILE, duration=60.0, is_job=True)
    engine = puppets.given(request.number, job.number)
    for work in (request, job):
        engine.hears(work.number, "one", 31.0)
    error = EngineFailed("It died.")
    engine.dies(error)
    assert over(request).error is error
    puppets.given(job.number, index=1)


def test_a_request_goes_on_where_it_was_saved_however_much_of_it_is_done(make: Make) -> None:
    puppets = Puppeteer()
    work = make(puppets).submit(FILE, duration=1200.0)
    engine = puppets.given(work.number)
    first = Savepoint(700 * SAMPLE_RATE, 0, 0, TOKENS[:3], (), 0.0, 0.0, 0.0, b"1")
    engine.saves(work.number, first)
    engine.hears(work.number, "one two", 700.0)
    engine.saves(work.number, replace(first, position=900 * SAMPLE_RATE, kept=2, tokens=TOKENS[3:], state=b"2"))
    engine.hears(work.number, "three", 900.0)
    engine.dies(EngineFailed("It died."))
    second = puppets.given(work.number, index=1)
    whole = (*TOKENS[:2], *TOKENS[3:])
    assert second.savepoints[work.number] == replace(first, position=900 * SAMPLE_RATE, tokens=whole, state=b"2")
    second.hears(work.number, "one two three", 900.0)
    second.hears(work.number, "four", 1200.0)
    second.finishes(work.number, "one two three four")
    ends(work, State.FINISHED)
    assert [word.text for word in work.words()] == ["one", "two", "three", "four"]


def test_what_an_earlier_server_recognized_is_progress_and_says_nothing_of_the_pace(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets)
    savepoint = Savepoint(900 * SAMPLE_RATE, 0, 0, TOKENS, (), 0.0, 0.0, 0.0, b"")
    work = desk.submit(FILE, duration=1200.0, is_job=True, savepoint=savepoint)
    engine = puppets.given(work.number)
    assert engine.savepoints[work.number] is savepoint
    engine.starts(work.number, 1200.0, resumed_at=900.0)
    engine.hears(work.number, "one", 900.0)
    eventually(lambda: work.view.words)
    assert work.view.seconds == 900.0
    assert desk.eta(work) is None


def test_a_savepoint_that_does_not_follow_the_one_before_is_no_place_to_go_on(make: Make) -> None:
    puppets = Puppeteer()
    work = make(puppets).submit(FILE, duration=1200.0)
    engine = puppets.given(work.number)
    engine.saves(work.number, Savepoint(1, 1, 0, TOKENS[:2], (), 0.0, 0.0, 0.0, b""))
    engine.saves(work.number, Savepoint(2, 2, 3, TOKENS, (), 0.0, 0.0, 0.0, b""))
    engine.dies(EngineFailed("It died."))
    assert not puppets.given(work.number, index=1).savepoints


def test_a_recording_under_which_two_engines_die_is_given_up(make: Make) -> None:
    puppets = Puppeteer()
    work = make(puppets).submit(FILE, duration=60.0)
    puppets.given(work.number).dies(EngineFailed("It died."))
    puppets.given(work.number, index=1).dies(EngineFailed("It died again."))
    assert isinstance(over(work).error, EngineFailed)
    assert "each time it worked on this recording" in str(work.view.error)


def test_among_others_the_recording_that_kills_engines_is_found_and_fails_alone(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets, replace(SETTINGS, concurrency=3))
    poison, *others = (desk.submit(FILE, duration=duration) for duration in (20.0, 10.0, 30.0))
    waiting = desk.submit(FILE, duration=1.0)
    numbers = [work.number for work in (poison, *others)]
    puppets.given(*numbers).dies(EngineFailed("It died."))
    puppets.given(*numbers, index=1).dies(EngineFailed("It died."))
    third = puppets.given(others[0].number, index=2)  # the shortest, alone
    assert set(third.media) == {others[0].number}
    third.finishes(others[0].number)
    puppets.given(poison.number, index=2).dies(EngineFailed("It died."))
    fourth = puppets.given(others[1].number, index=3)
    assert isinstance(over(poison).error, EngineFailed)
    assert waiting.view.state is State.QUEUED
    fourth.finishes(others[1].number)
    puppets.given(waiting.number, index=3).finishes(waiting.number)
    for work in (*others, waiting):
        ends(work, State.FINISHED)


def test_once_the_cause_is_found_a_long_recording_keeps_nobody_waiting(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets, replace(SETTINGS, concurrency=2))
    long, poison = (desk.submit(FILE, duration=duration) for duration in (4 * 3600.0, 5.0))
    for index in (0, 1):
        puppets.given(long.number, poison.number, index=index).dies(EngineFailed("It died."))
    puppets.given(poison.number, index=2).dies(EngineFailed("It died."))
    assert isinstance(over(poison).error, EngineFailed)
    fourth = puppets.given(long.number, index=3)
    waiting = desk.submit(FILE, duration=1.0)
    puppets.given(long.number, waiting.number, index=3).finishes(waiting.number)
    ends(waiting, State.FINISHED)
    fourth.finishes(long.number)
    ends(long, State.FINISHED)


def test_an_error_that_another_engine_would_meet_again_is_told_at_once(make: Make) -> None:
    puppets = Puppeteer()
    work = make(puppets).submit(FILE)
    error = FfmpegMissing("There is no ffmpeg.")
    puppets.given(work.number).dies(error)
    assert over(work).error is error


def test_a_model_that_cannot_be_loaded_is_told_to_requests_and_jobs_wait_for_another_try(make: Make) -> None:
    puppets = Puppeteer(ready=False)
    desk = make(puppets)
    works = [desk.submit(FILE), desk.submit(FILE), desk.submit(FILE, is_job=True)]
    error = ModelCorrupt("It is damaged.")
    puppets.engine().dies(error)
    assert [over(work).error for work in works[:2]] == [error] * 2
    assert works[2].view.state is State.QUEUED  # nobody waits for a job with a line held open
    assert (desk.pulse().engine, desk.pulse().error) == (EngineState.FAILED, error)
    assert not desk.has_room()
    with pytest.raises(Overloaded, match="cannot run") as caught:
        desk.submit(FILE)
    assert caught.value.retry_after == 1
    eventually(desk.has_room, seconds=10)
    again = desk.submit(FILE)
    puppets.engine(1).ready()
    for work in (again, works[2]):
        puppets.given(work.number, index=1).finishes(work.number)
        ends(work, State.FINISHED)


def test_an_engine_that_cannot_be_started_is_one_that_crashed(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    class Clumsy(Puppeteer):
        def __call__(self, tell: object) -> object:  # type: ignore[override]
            if not self.engines:
                self.engines.append(None)  # type: ignore[arg-type]
                raise OSError("no more processes")
            return super().__call__(tell)  # type: ignore[arg-type]

    puppets = Clumsy()
    work = make(puppets).submit(FILE)
    puppets.given(work.number, index=1).finishes(work.number)
    ends(work, State.FINISHED)
    assert "no more processes" in caplog.text


def test_media_that_cannot_be_given_to_the_engine_fails_alone(make: Make) -> None:
    puppets = Puppeteer(ready=False)
    desk = make(puppets)
    bad, good = desk.submit(FILE, duration=1.0), desk.submit(FILE, duration=1.0)
    engine = puppets.engine()
    transcribe = engine.transcribe

    def refuse(recording: Recording, *known: Any) -> None:
        if recording.number == bad.number:
            raise OSError(9, "Bad file descriptor")
        transcribe(recording, *known)

    engine.transcribe = refuse  # type: ignore[method-assign, assignment]
    engine.ready()
    assert isinstance(over(bad).error, UnreadableMedia)
    puppets.given(good.number)


def test_what_a_dead_engine_says_is_not_heard(make: Make) -> None:
    puppets = Puppeteer()
    work = make(puppets).submit(FILE, duration=60.0)
    first = puppets.given(work.number)
    first.dies(EngineFailed("It died."))
    second = puppets.given(work.number, index=1)
    first.finishes(work.number, "nonsense")
    first.dies(EngineFailed("It died again."))
    second.finishes(work.number, "sense")
    transcript = over(work).transcript
    assert transcript is not None
    assert transcript.text == "sense"


# Pace.


def test_times_are_told_from_the_pace_that_was_measured(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets, replace(SETTINGS, concurrency=1))
    running = desk.submit(FILE, duration=1_000.0)
    waiting, unknown = desk.submit(FILE, duration=500.0), desk.submit(FILE)
    engine = puppets.given(running.number)
    assert desk.eta(running) is None
    assert desk.retry_after() == 5  # nothing was measured
    time.sleep(0.5)
    engine.hears(running.number, "one", 50.0)
    eventually(lambda: desk.eta(running) is not None)
    one, two = desk.eta(running), desk.eta(waiting)
    assert one is not None
    assert two is not None
    assert two / one == pytest.approx((950 + 500) / 950, rel=0.2)  # the clock went on between the two
    assert one >= 0.5 * 950 / 50
    assert desk.eta(unknown) is None
    assert one - 5 <= desk.retry_after() <= one * 2 + 1
    engine.finishes(running.number, duration=1_000.0)
    ends(running, State.FINISHED)
    assert desk.eta(running) == 0.0
    assert desk.eta(unknown) is not None  # as long as others were


def test_what_shares_the_engine_with_a_long_recording_is_not_told_the_longs_time(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets)
    long, short = desk.submit(FILE, duration=10_000.0), desk.submit(FILE, duration=10.0)
    engine = puppets.given(long.number, short.number)
    time.sleep(0.2)
    engine.hears(long.number, "one", 100.0)
    eventually(lambda: desk.eta(short) is not None)
    short_eta, long_eta = desk.eta(short), desk.eta(long)
    assert short_eta is not None
    assert long_eta is not None
    assert short_eta * 100 < long_eta


def test_a_thousand_jobs_can_ask_for_their_position_all_the_time(make: Make) -> None:
    desk = make(Puppeteer(), replace(SETTINGS, waiting_jobs=1_000))
    works = [desk.submit(FILE, duration=10.0, is_job=True) for _ in range(1_000)]
    runs(works[0])
    begun = time.monotonic()
    for _ in range(20):
        assert [desk.position(work) for work in works] == list(range(1_000))
    assert time.monotonic() - begun < 5  # 0.05 s on a quiet machine; one search of the row each takes 1 s


# The end.


def test_draining_waits_for_requests_and_not_for_jobs(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets, replace(SETTINGS, concurrency=3))
    job, request = desk.submit(FILE, duration=1.0, is_job=True), desk.submit(FILE, duration=1.0)
    engine = puppets.given(job.number, request.number)
    assert not desk.drain(0.05)
    assert desk.pulse().engine is EngineState.DRAINING
    with pytest.raises(Overloaded, match="stopping"):
        desk.submit(FILE)
    threading.Timer(0.1, lambda: engine.finishes(request.number)).start()
    assert desk.drain(PATIENCE)
    assert job.view.state is State.RUNNING


def test_closing_refuses_requests_cancels_jobs_and_ends_the_engine(make: Make) -> None:
    puppets = Puppeteer()
    desk = make(puppets, replace(SETTINGS, concurrency=3))
    works = [desk.submit(FILE, duration=1.0, is_job=is_job) for is_job in (False, True, False, True, False)]
    puppets.given(0)
    desk.close()
    assert [work.view.state for work in works] == [State.CANCELLED if work.is_job else State.FAILED for work in works]
    assert {type(work.view.error) for work in works if not work.is_job} == {Overloaded}
    assert puppets.engine().is_closed
    assert desk.pulse().running == desk.pulse().waiting == 0
    desk.close()


def test_closing_does_not_wait_for_ever_for_an_engine(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parakeet_cli.server.supervisor._CLOSE_SECONDS", 0.1)
    puppets = Puppeteer(obedient=False)
    desk = make(puppets)
    desk.submit(FILE)
    puppets.given(0)
    desk.close()
    assert puppets.engine().is_closed
    puppets.engine().dies(None)


# Races.


def test_a_thousand_requests_race_the_idle_unload_and_all_are_answered(make: Make) -> None:
    """Row S16; ``test_desk_engine`` has the same with real processes."""
    dice = random.Random(5)
    race = Race([dice.uniform(0.0, 0.003) for _ in range(97)])
    desk = make(race, replace(SETTINGS, idle_seconds=0.002))
    for number in range(1_000):
        work = desk.submit(FILE)
        if number % 10 == 0:
            work.cancel()
            assert over(work).state in (State.CANCELLED, State.FINISHED)
        else:
            transcript = over(work).transcript
            assert transcript is not None
            assert transcript.text == f"answer {number}"
        time.sleep(dice.uniform(0.0, 0.005))
    assert race.most_alive == 1
    assert race.started > 100  # else there was no race
    desk.close()
    assert race.alive == 0


def test_many_threads_submit_and_cancel_and_every_work_is_over(make: Make) -> None:
    race = Race([0.001])
    settings = replace(SETTINGS, idle_seconds=0.0, concurrency=4, waiting=1_000, waiting_jobs=1_000)
    desk = make(race, settings)
    works: list[Work] = []

    def submit(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(100):
            work = desk.submit(FILE, duration=dice.choice([1.0, 1_000.0, None]), is_job=dice.random() < 0.3)
            works.append(work)
            if dice.random() < 0.3:
                work.cancel()
            if dice.random() < 0.3:
                over(work)
            desk.position(work), desk.eta(work), desk.pulse(), desk.retry_after()

    threads = [threading.Thread(target=submit, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(works) == 800
    for work in works:
        view = over(work)
        assert view.transcript is None or view.transcript.text == f"answer {work.number}"
    assert race.most_alive == 1
    eventually(lambda: desk.pulse().engine is EngineState.UNLOADED)
    assert desk.pulse().running == desk.pulse().waiting == 0
