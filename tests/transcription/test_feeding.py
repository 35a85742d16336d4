"""Several generators at once, without media."""

import math
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing

import pytest

from parakeet_cli.transcription.events import Recording
from parakeet_cli.transcription.feeding import Feed, GivenUp, Idle
from parakeet_cli.transcription.media.inputs import StdinMedia, UrlMedia
from parakeet_cli.transcription.media.interruption import Interruption

Listen = Callable[[Recording, Interruption], Generator[str, None, None]]


def numbered(*numbers: int) -> list[Recording]:
    return [Recording(number, StdinMedia()) for number in numbers]


def counting(lengths: Sequence[int]) -> Listen:
    """Recording 2 of length 3 gives 2.0, 2.1 and 2.2."""

    def listen(recording: Recording, _interruption: Interruption) -> Generator[str, None, None]:
        for index in range(lengths[recording.number]):
            yield f"{recording.number}.{index}"

    return listen


def feed(
    recordings: Iterable[Recording],
    listen: Listen,
    at_once: int = 1,
    ahead: int = 8,
    unwanted: set[int] | None = None,
    decoders: int = 1,
) -> Feed[str]:
    return Feed(recordings, listen, at_once=at_once, decoders=decoders, ahead=ahead, unwanted=unwanted or set())


def read(items: Iterator[str | GivenUp | Idle]) -> list[str]:
    return [item for item in items if isinstance(item, str)]


def forever() -> float:
    return math.inf


def blocking(asked: "queue.SimpleQueue[Recording | None]") -> Iterator[Recording]:
    while (recording := asked.get()) is not None:
        yield recording


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("at_once", [1, 2, 5])
@pytest.mark.parametrize("ahead", [1, 3, 100])
@pytest.mark.parametrize("decoders", [1, 3])
def test_every_item_comes_once_and_in_order_of_its_recording(at_once: int, ahead: int, decoders: int) -> None:
    lengths = [7, 0, 1, 30, 2, 2, 11]
    with closing(feed(numbered(*range(7)), counting(lengths), at_once, ahead, decoders=decoders)) as fed:
        items = read(fed.items(forever))
    for number, length in enumerate(lengths):
        assert [item for item in items if item.startswith(f"{number}.")] == [f"{number}.{i}" for i in range(length)]
    assert len(items) == sum(lengths)


@pytest.mark.parametrize("decoders", [1, 2, 3])
def test_one_at_a_time_keeps_the_order_of_recordings(decoders: int) -> None:
    with closing(feed(numbered(0, 1, 2), counting([4, 1, 3]), decoders=decoders)) as fed:
        assert read(fed.items(forever)) == ["0.0", "0.1", "0.2", "0.3", "1.0", "2.0", "2.1", "2.2"]


def test_several_decoders_work_while_one_recording_is_read() -> None:
    """Each of three waits until all are under way, and what the first gives still comes first."""
    together = threading.Barrier(3)

    def listen(recording: Recording, _interruption: Interruption) -> Generator[str, None, None]:
        together.wait(10)
        yield str(recording.number)

    with closing(feed(numbered(*range(6)), listen, decoders=3)) as fed:
        assert read(fed.items(forever)) == [str(number) for number in range(6)]


def test_downloads_do_not_pile_up_on_the_disk() -> None:
    """Three decoders, yet of recordings from the net no more at one time than are read."""
    under_way = 0
    most: list[int] = []

    def listen(recording: Recording, _interruption: Interruption) -> Generator[str, None, None]:
        nonlocal under_way
        under_way += 1
        time.sleep(0.02)
        most.append(under_way)
        yield str(recording.number)
        under_way -= 1

    urls = [Recording(number, UrlMedia(f"https://host/{number}.mp3")) for number in range(5)]
    with closing(feed(urls, listen, decoders=3)) as fed:
        assert read(fed.items(forever)) == [str(number) for number in range(5)]
    assert most == [1] * 5


def test_what_lies_ready_of_later_recordings_is_bounded_too() -> None:
    made: list[str] = []

    def listen(recording: Recording, _interruption: Interruption) -> Generator[str, None, None]:
        for index in range(3 if recording.number else 100):
            made.append(f"{recording.number}.{index}")
            yield made[-1]

    with closing(feed(numbered(*range(50)), listen, ahead=8, decoders=4)) as fed:
        items = fed.items(forever)
        next(items)
        time.sleep(0.3)
        assert len(made) <= 1 + 8 + 8 // 2 + 4  # taken, ready of the first, of later ones, and in the hands of each
        assert len(read(items)) == 100 + 49 * 3 - 1


def test_one_at_a_time_draws_the_next_recording_only_when_the_last_is_decoded() -> None:
    drawn: list[int] = []

    def drawing() -> Iterator[Recording]:
        for recording in numbered(0, 1, 2):
            drawn.append(recording.number)
            yield recording

    with closing(feed(drawing(), counting([10, 10, 10]), ahead=4)) as fed:
        items = fed.items(forever)
        for _ in range(3):
            next(items)
        time.sleep(0.1)
        assert drawn == [0]
        read(items)
    assert drawn == [0, 1, 2]


def test_recordings_side_by_side_are_taken_in_turn() -> None:
    with closing(feed(numbered(0, 1, 2), counting([40, 3, 40]), at_once=3, ahead=30)) as fed:
        items = fed.items(forever)
        next(items)
        wait_for(lambda: [len(lane.items) >= 2 for lane in fed._lanes] == [True] * 3)
        assert {str(next(items)).partition(".")[0] for _ in range(3)} == {"0", "1", "2"}
        assert "1.2" in [next(items) for _ in range(8)]


def test_together_they_lie_no_further_ahead_than_one_alone() -> None:
    made: list[str] = []

    def listen(recording: Recording, _interruption: Interruption) -> Generator[str, None, None]:
        for index in range(100):
            made.append(f"{recording.number}.{index}")
            yield made[-1]

    with closing(feed(numbered(0, 1, 2, 3), listen, at_once=4, ahead=12)) as fed:
        next(fed.items(forever))
        time.sleep(0.3)
        assert len(made) <= 1 + 12 + 3 * 5 + 4  # taken, ready, a few of the later lanes, and in the hands of each


def test_others_go_on_and_end_while_the_iterator_of_recordings_blocks() -> None:
    asked: queue.SimpleQueue[Recording | None] = queue.SimpleQueue()
    for recording in numbered(0, 1):
        asked.put(recording)
    with closing(feed(blocking(asked), counting([50, 60, 1]), at_once=4)) as fed:
        items = fed.items(forever)
        assert len({next(items) for _ in range(110)}) == 110
        asked.put(numbered(2)[0])
        assert next(items) == "2.0"
        asked.put(None)
        assert list(items) == []


def test_idle_comes_when_the_reader_has_no_patience_left() -> None:
    asked: queue.SimpleQueue[Recording | None] = queue.SimpleQueue()
    with closing(feed(blocking(asked), counting([1]))) as fed:
        items = fed.items(lambda: 0.01)
        assert isinstance(next(items), Idle)
        asked.put(numbered(0)[0])
        assert "0.0" in items
        asked.put(None)


def test_what_is_ready_comes_before_idle() -> None:
    with closing(feed(numbered(0), counting([20]))) as fed:
        items = fed.items(lambda: 0.0 if fed._taken else math.inf)
        next(items)
        wait_for(lambda: len(fed._lanes[0].items) == 8)
        assert all(isinstance(next(items), str) for _ in range(8))


def test_an_error_comes_after_what_was_made_before_it() -> None:
    def broken(recording: Recording, _interruption: Interruption) -> Generator[str, None, None]:
        yield f"{recording.number}.0"
        if recording.number == 1:
            raise ValueError("broken")

    got: list[str] = []
    with closing(feed(numbered(0, 1, 2), broken)) as fed, pytest.raises(ValueError, match="broken"):
        for item in fed.items(forever):
            assert isinstance(item, str)
            got.append(item)
    assert got == ["0.0", "1.0"]


def test_an_error_in_drawing_comes_after_all_that_was_drawn() -> None:
    def drawing() -> Iterator[Recording]:
        yield from numbered(0)
        raise ValueError("no more")

    got: list[str] = []
    with closing(feed(drawing(), counting([3]))) as fed, pytest.raises(ValueError, match="no more"):
        for item in fed.items(forever):
            assert isinstance(item, str)
            got.append(item)
    assert got == ["0.0", "0.1", "0.2"]


def test_what_is_given_up_tells_so_once_and_gives_nothing_more() -> None:
    closed = threading.Event()

    def endless(recording: Recording, _interruption: Interruption) -> Generator[str, None, None]:
        try:
            for index in range(10**9 if recording.number == 0 else 3):
                yield f"{recording.number}.{index}"
        finally:
            if recording.number == 0:
                closed.set()

    with closing(feed(numbered(0, 1), endless, at_once=2)) as fed:
        items = fed.items(forever)
        next(items)
        fed.give_up(0)
        rest = list(items)
    assert closed.is_set()
    assert rest.count(GivenUp(0, was_drawn=True)) == 1
    assert not [item for item in rest if isinstance(item, str) and item.startswith("0.")]
    assert "1.2" in rest


def test_what_is_unwanted_before_it_is_drawn_is_never_listened_to() -> None:
    unwanted = {1}
    fed = Feed(numbered(0, 1, 2), counting([1, 1, 1]), at_once=1, ahead=8, unwanted=unwanted)
    with closing(fed):
        assert read(fed.items(forever)) == ["0.0", "2.0"]
    assert unwanted == set()


def test_closing_ends_every_thread_but_one_that_waits_for_a_recording() -> None:
    threads = set(threading.enumerate())
    asked: queue.SimpleQueue[Recording | None] = queue.SimpleQueue()
    for recording in numbered(0, 1, 2):
        asked.put(recording)

    def stuck(recording: Recording, interruption: Interruption) -> Generator[str, None, None]:
        yield "first"
        woken = threading.Event()
        interruption.add(woken.set)
        if recording.number == 0:  # waits for a child
            woken.wait(30)
            interruption.check()
        while True:
            yield "more"

    fed = feed(blocking(asked), stuck, at_once=4)
    next(fed.items(forever))
    wait_for(lambda: len(fed._lanes) == 3 and fed._is_drawing)
    fed.close()
    wait_for(lambda: {thread.name for thread in set(threading.enumerate()) - threads} == {"drawing recordings"})
    asked.put(numbered(3)[0])  # which nobody wants any more
    wait_for(lambda: set(threading.enumerate()) == threads)
