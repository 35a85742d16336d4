"""The desk with real processes whose recognizer hears beeps (rows S12 and S15 to S17 of the faults to be survived)."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineFailed, Overloaded
from parakeet_cli.server.desk import Desk, EngineState, State, View, Work
from parakeet_cli.settings import LifecycleSettings
from parakeet_cli.transcription.media.inputs import DescriptorMedia, FileMedia
from tests.engines import PATIENCE, children, eventually, start_beeping
from tests.fakes import WORDS, beeps, for_ffmpeg, write_wav

SETTINGS = LifecycleSettings(idle_seconds=1000.0, hang_seconds=2.0, heartbeat_seconds=3.0, load_seconds=30.0)

Open = Callable[..., Desk]


@pytest.fixture
def desk_with(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens a desk whose engines have faults, and closes it at the end: then no process of its is left."""
    desks: list[Desk] = []

    def open_one(settings: LifecycleSettings = SETTINGS, **faults: object) -> Desk:
        for name, value in faults.items():
            monkeypatch.setenv(name, str(value))
        desks.append(Desk(start_beeping(settings), settings))
        return desks[-1]

    yield open_one
    for desk in desks:
        desk.close()
    assert not engines()


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "beeps.wav", beeps(["one", "two", "three"]))


@pytest.fixture
def long_wav(tmp_path: Path) -> Path:
    """Twelve chunks."""
    return write_wav(tmp_path / "long.wav", beeps(["four", "five"] * 30))


def engines() -> list[int]:
    return [process for process, line in children().items() if "beeping_engine" in line]


def over(work: Work) -> View:
    end = time.monotonic() + PATIENCE
    while not (view := work.view).state.is_final:
        assert time.monotonic() < end, "it is never over"
        work.wait(view.version, 1.0)
    return view


def text(work: Work) -> str:
    view = over(work)
    assert view.transcript is not None, view.error
    return view.transcript.text


def test_recordings_side_by_side_keep_their_words(desk_with: Open, tmp_path: Path) -> None:
    desk = desk_with()
    spoken = [" ".join(WORDS[(i + j) % 10] for j in range(3)) for i in range(15)]
    works = []
    for i, words in enumerate(spoken):
        path = write_wav(tmp_path / f"{i}.wav", beeps(words.split()))
        with path.open("rb") as file:
            works.append(desk.submit(DescriptorMedia(file.fileno(), path.name), duration=2.0))
    assert [text(work) for work in works] == spoken
    eta = desk.submit(FileMedia(path), duration=2.0)
    assert desk.eta(eta) is not None
    over(eta)


@pytest.mark.parametrize("fault", ["kill@2", "memory@2", "stop@2", "hang@2"])
def test_a_request_survives_an_engine_that_does_not(
    desk_with: Open, long_wav: Path, tmp_path: Path, fault: str
) -> None:
    desk = desk_with(BEEP_FAULT=fault, BEEP_ONCE=tmp_path / "once")
    work = desk.submit(FileMedia(long_wav), duration=24.0)
    assert text(work) == " ".join(["four", "five"] * 30)
    assert [word.text for word in work.words()] == ["four", "five"] * 30  # none is told twice
    assert desk.pulse().engine is EngineState.READY


def test_a_request_survives_the_kill_of_its_engine_from_outside(desk_with: Open, long_wav: Path) -> None:
    desk = desk_with(BEEP_SECONDS="0.3")
    work = desk.submit(FileMedia(long_wav), duration=24.0)
    eventually(lambda: work.view.words)
    (process,) = engines()
    os.kill(process, signal.SIGKILL)
    eventually(lambda: desk.pulse().engine is not EngineState.READY)
    assert text(work) == " ".join(["four", "five"] * 30)


def test_a_recording_that_kills_engines_fails_and_the_next_one_is_answered(
    desk_with: Open, wav: Path, tmp_path: Path
) -> None:
    desk = desk_with(BEEP_FEAR="nine")
    poison = write_wav(tmp_path / "poison.wav", beeps(["nine"]))
    bad, good = desk.submit(FileMedia(poison), duration=1.0), desk.submit(FileMedia(wav), duration=1.5)
    assert isinstance(over(bad).error, EngineFailed)
    assert text(good) == "one two three"


def test_an_engine_that_always_dies_is_given_up_for_a_while_and_nobody_waits_for_it(
    desk_with: Open, wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parakeet_cli.server.lifecycle._LONGEST_BACK_OFF", 0.01)
    desk = desk_with(BEEP_FAULT="exit@1")
    works = [desk.submit(FileMedia(wav), duration=1.5) for _ in range(10)]
    assert {type(over(work).error) for work in works} == {EngineFailed}
    assert desk.pulse().engine is EngineState.FAILED
    assert not desk.has_room()
    with pytest.raises(Overloaded) as caught:
        desk.submit(FileMedia(wav), duration=1.5)
    assert caught.value.retry_after == 60


def test_a_load_that_takes_too_long_is_told_to_who_waits(desk_with: Open, wav: Path) -> None:
    desk = desk_with(replace(SETTINGS, load_seconds=1.0), BEEP_LOAD_SECONDS="60")
    error = over(desk.submit(FileMedia(wav))).error
    assert isinstance(error, EngineFailed)
    assert "did not load the model" in str(error)


def test_an_unloaded_engine_leaves_no_process(desk_with: Open, wav: Path) -> None:
    before = children().keys()
    desk = desk_with(replace(SETTINGS, idle_seconds=0.2))
    for _ in range(2):
        assert text(desk.submit(FileMedia(wav))) == "one two three"
        eventually(lambda: desk.pulse().engine is EngineState.UNLOADED)
        assert children().keys() <= before


def test_a_short_recording_is_answered_long_before_long_ones_are_finished(
    desk_with: Open, wav: Path, tmp_path: Path
) -> None:
    long_wav = for_ffmpeg(write_wav(tmp_path / "long.wav", beeps(["four", "five"] * 500, pause=1.2)))  # 24 minutes
    desk = desk_with(BEEP_SECONDS="0.1")
    long = [desk.submit(FileMedia(long_wav), duration=3600.0) for _ in range(5)]
    eventually(lambda: all(work.view.seconds for work in long[:3]))
    assert text(desk.submit(FileMedia(wav), duration=1.5)) == "one two three"
    assert max(work.view.seconds for work in long) < 700
    assert [work.view.state for work in long] == [State.RUNNING] * 3 + [State.QUEUED] * 2
    for work in long:
        work.cancel()
        assert over(work).state is State.CANCELLED
    eventually(lambda: not children(engines()[0]))  # no ffmpeg is left of those that were cancelled


def test_what_is_cancelled_leaves_its_place_to_others_at_once(desk_with: Open, long_wav: Path, wav: Path) -> None:
    desk = desk_with(replace(SETTINGS, concurrency=1), BEEP_SECONDS="0.5")
    long = desk.submit(FileMedia(long_wav), duration=24.0)
    eventually(lambda: long.view.seconds)
    short = desk.submit(FileMedia(wav), duration=1.5)
    assert desk.position(short) == 1
    long.cancel()
    assert text(short) == "one two three"


@pytest.mark.prove
def test_a_thousand_requests_race_the_unload_of_real_engines(desk_with: Open, wav: Path, tmp_path: Path) -> None:
    """Row S16, with an engine that is ended after 0 to 5 ms of rest."""
    log = tmp_path / "log"
    dice = random.Random(7)
    desk = desk_with(LifecycleSettings(idle_seconds=0.005), BEEP_LOG=log)
    for _ in range(1_000):
        with wav.open("rb") as file:
            work = desk.submit(DescriptorMedia(file.fileno(), "upload.wav"), duration=1.5)
        while not work.view.state.is_final:
            work.wait(work.view.version, 0.05)
            assert len(engines()) <= 1, "two engines"
        assert text(work) == "one two three"
        time.sleep(dice.uniform(0.0, 0.01))
    assert len(log.read_text().split()) > 100  # engines; else there was no race
    eventually(lambda: not engines())
