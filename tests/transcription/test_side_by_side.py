"""Recordings that share one Transcriber, as in a server: in turn, with little patience, and given up at any time."""

import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from parakeet_cli.settings import BatchSettings, ChunkSettings, TranscriptionSettings
from parakeet_cli.transcript import Transcript
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.feeding import Feed
from parakeet_cli.transcription.listening import Listened
from parakeet_cli.transcription.media.inputs import DescriptorMedia, FileMedia
from parakeet_cli.transcription.pipeline import Event, Failed, Finished, Recording, Started, Transcriber
from parakeet_cli.transcription.recognizer import Frames
from tests.fakes import WORDS, BeepRecognizer, beeps, for_ffmpeg, write_wav

SHORT = ChunkSettings(chunk_seconds=1.6, context_seconds=0.32)
PATIENCE = 0.02


def settings(
    at_once: int, size: int = 4, patience: float = PATIENCE, chunks: ChunkSettings = SHORT
) -> TranscriptionSettings:
    return TranscriptionSettings(chunks=chunks, batch=BatchSettings(size, at_once, patience))


def spoken(count: int, step: int) -> list[str]:
    return [WORDS[(number * step + step) % 10] for number in range(count)]


def recording(folder: Path, number: int, words: Sequence[str]) -> Recording:
    return Recording(number, FileMedia(for_ffmpeg(write_wav(folder / f"{number}.wav", beeps(words)))))


class Served:
    """A Transcriber in a thread of its own, fed by a queue."""

    def __init__(self, transcriber: Transcriber) -> None:
        self.transcriber = transcriber
        self.events: list[Event] = []
        self._asked: queue.SimpleQueue[Recording | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def ask(self, recording: Recording) -> None:
        self._asked.put(recording)

    def end(self) -> list[Event]:
        self._asked.put(None)
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.events

    def wait_for(self, kind: type[Event], number: int) -> None:
        wait_until(lambda: any(isinstance(event, kind) and event.recording == number for event in self.events))

    def _run(self) -> None:
        for event in self.transcriber.transcribe(self._recordings()):
            self.events.append(event)

    def _recordings(self) -> Iterator[Recording]:
        while (recording := self._asked.get()) is not None:
            yield recording


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited for 20 s"
        time.sleep(0.01)


def transcripts(events: Sequence[Event]) -> dict[int, Transcript]:
    return {event.recording: event.transcript for event in events if isinstance(event, Finished)}


_others: set[int] = set()
"""Children of this process that were there before the test, such as servers of other tests."""


def ffmpegs() -> list[int]:
    """The processes that the test has started."""
    return sorted(_children() - _others)


def _children() -> set[int]:
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found |= set(map(int, (task / "children").read_text().split()))
    return found


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No thread, child or descriptor more than before."""
    threads, descriptors = set(threading.enumerate()), _descriptors()
    _others.clear()
    _others.update(_children())
    yield
    wait_until(lambda: set(threading.enumerate()) <= threads)
    wait_until(lambda: _descriptors() <= descriptors)
    assert ffmpegs() == []


@pytest.mark.parametrize("at_once", [1, 2, 4])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_neither_turns_nor_patience_change_a_transcript(tmp_path: Path, at_once: int, size: int) -> None:
    batch = [recording(tmp_path, number, spoken(count, number + 1)) for number, count in enumerate([3, 40, 1, 17, 25])]
    alone = {item.number: list(Transcriber(BeepRecognizer(), settings(1)).transcribe([item])) for item in batch}
    served = transcripts(list(Transcriber(BeepRecognizer(), settings(at_once, size)).transcribe(batch)))
    assert served == {number: transcripts(events)[number] for number, events in alone.items()}


@pytest.mark.usefixtures("aside")
def test_a_lone_recording_is_finished_while_the_queue_stays_open(tmp_path: Path) -> None:
    served = Served(Transcriber(BeepRecognizer(), settings(4, size=16)))
    for number in range(3):
        served.ask(recording(tmp_path, number, spoken(5, number + 1)))
        served.wait_for(Finished, number)
    assert len(transcripts(served.end())) == 3


def test_without_patience_for_it_a_chunk_waits_for_company(tmp_path: Path) -> None:
    recognizer = BeepRecognizer()
    served = Served(Transcriber(recognizer, settings(4, size=2, patience=float("inf"))))
    served.ask(recording(tmp_path, 0, ["one"]))
    served.wait_for(Started, 0)
    time.sleep(0.3)
    assert recognizer.batches == []
    served.ask(recording(tmp_path, 1, ["two"]))
    served.wait_for(Finished, 0)
    served.end()
    assert recognizer.batches == [2]


class Gated(BeepRecognizer):
    """Encodes when it may, and remembers what: recording and seconds of each chunk, batch by batch."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Semaphore(0)
        self.encoded: list[list[tuple[int, float]]] = []
        self.is_waiting = threading.Event()

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        self.is_waiting.set()
        assert self.may.acquire(timeout=20)
        self.is_waiting.clear()
        self.encoded.append([(chunk.recording, len(chunk.samples) / 16_000) for chunk in chunks])
        return super().encode(chunks, exactly=exactly)


def test_a_clip_is_not_behind_an_hour_that_came_first(tmp_path: Path, ffmpeg: str) -> None:
    minute = write_wav(tmp_path / "minute.wav", beeps(spoken(150, 1)))
    hour = tmp_path / "hour.flac"
    subprocess.run([ffmpeg, "-v", "error", "-stream_loop", "59", "-i", minute, "-c:a", "flac", hour], check=True)
    recognizer = Gated()
    served = Served(Transcriber(recognizer, settings(4, chunks=ChunkSettings())))
    served.ask(Recording(0, FileMedia(hour)))
    recognizer.may.release()
    wait_until(lambda: len(recognizer.encoded) == 1 and recognizer.is_waiting.is_set())  # the hour's second batch
    served.ask(recording(tmp_path, 1, spoken(25, 3)))
    wait_until(lambda: [len(lane.items) for lane in feed_of(served)._lanes if lane.recording.number == 1] == [5])
    recognizer.may.release(10_000)
    served.wait_for(Finished, 1)
    before = [chunks for chunks in recognizer.encoded if chunks[0][0] == 0]
    of_the_clip = next(chunks for chunks in recognizer.encoded if 1 in dict(chunks))
    served.transcriber.cancel(0)
    served.end()
    assert recognizer.encoded.index(of_the_clip) <= 2
    assert [number for number, _ in of_the_clip] == [1]  # nor is it padded to the windows of the hour
    assert sum(len(chunks) for chunks in before) * 30 < 600
    assert transcripts(served.events)[1].text.split() == spoken(25, 3)


def feed_of(served: Served) -> Feed[Listened]:
    feed = served.transcriber._feed
    assert feed is not None
    return feed


@pytest.mark.usefixtures("aside")
def test_two_long_recordings_have_equal_parts_in_each_batch(tmp_path: Path) -> None:
    recognizer = Gated()
    served = Served(Transcriber(recognizer, settings(2, size=4)))
    for number in (0, 1):
        served.ask(recording(tmp_path, number, spoken(100, number + 1)))

    def is_ready(count: int) -> bool:
        both_have_enough = [len(lane.items) >= 4 for lane in feed_of(served)._lanes] == [True, True]
        return len(recognizer.encoded) == count and recognizer.is_waiting.is_set() and both_have_enough

    for count in range(4):
        wait_until(partial(is_ready, count))
        recognizer.may.release()
    recognizer.may.release(1000)
    served.end()
    shares = [[number for number, _ in chunks] for chunks in recognizer.encoded[2:5]]  # two may be begun before
    assert all(sorted(share) == [0, 0, 1, 1] for share in shares)


def test_what_is_cancelled_before_it_is_drawn_is_never_opened(tmp_path: Path) -> None:
    transcriber = Transcriber(BeepRecognizer(), settings(2))
    transcriber.cancel(0)
    served = Served(transcriber)
    wait_until(lambda: transcriber._feed is not None)
    transcriber.cancel(2)
    for number in range(4):
        served.ask(recording(tmp_path, number, spoken(5, number + 1)))
    assert {event.recording for event in served.end()} == {1, 3}
    assert transcriber._cancelled == set()


@pytest.mark.usefixtures("aside")
def test_cancelling_ends_an_ffmpeg_that_has_more_to_say(tmp_path: Path) -> None:
    recognizer = Gated()
    served = Served(Transcriber(recognizer, settings(2)))
    served.ask(recording(tmp_path, 0, spoken(2000, 1)))
    assert recognizer.is_waiting.wait(20)
    assert ffmpegs()
    served.transcriber.cancel(0)
    wait_until(lambda: not ffmpegs())  # although the recognizer is still busy
    recognizer.may.release(1000)
    served.ask(recording(tmp_path, 1, ["one"]))
    events = served.end()
    assert not [event for event in events if event.recording == 0 and not isinstance(event, Started)]
    assert transcripts(events)[1].text == "one"


def test_cancelling_ends_an_ffmpeg_that_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text(
        '#!/bin/sh\n[ "$1" = -protocols ] && { echo "ffmpeg version 7.1" >&2; exit; }\ntrap "" TERM\nsleep 60\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PARAKEET_FFMPEG", str(script))
    served = Served(Transcriber(BeepRecognizer(), settings(2)))
    served.ask(recording(tmp_path, 0, ["one"]))
    wait_until(lambda: len(ffmpegs()) > 0)
    began = time.monotonic()
    served.transcriber.cancel(0)
    assert served.end() == []
    assert time.monotonic() - began < 2  # no grace for what nobody wants


def test_a_cancelled_recordings_chunks_leave_the_batch(tmp_path: Path) -> None:
    recognizer = BeepRecognizer()
    served = Served(Transcriber(recognizer, settings(3, size=8, patience=float("inf"))))
    for number in range(3):
        served.ask(recording(tmp_path, number, ["one", "two"]))
        served.wait_for(Started, number)
    wait_until(lambda: feed_of(served)._lanes == [])  # all chunks wait in the batcher
    served.transcriber.cancel(1)
    events = served.end()
    assert recognizer.batches == [2]
    assert sorted(transcripts(events)) == [0, 2]
    assert [type(event) for event in events if event.recording == 1] == [Started]
    assert served.transcriber._cancelled == set()


@pytest.mark.usefixtures("aside")
def test_cancelling_in_a_batch_leaves_the_others_in_it_untouched(tmp_path: Path) -> None:
    recognizer = Gated()
    served = Served(Transcriber(recognizer, settings(2, size=4)))
    for number in (0, 1):
        served.ask(recording(tmp_path, number, spoken(40, number + 1)))
    assert recognizer.is_waiting.wait(10)
    served.transcriber.cancel(0)
    recognizer.may.release(1000)
    events = served.end()
    assert not [event for event in events if event.recording == 0 and not isinstance(event, Started)]
    assert transcripts(events)[1].text.split() == spoken(40, 2)
    assert 0 not in {number for chunks in recognizer.encoded[2:] for number, _ in chunks}  # two may be begun before


def test_cancelling_what_is_over_or_unknown_changes_nothing(tmp_path: Path) -> None:
    served = Served(Transcriber(BeepRecognizer(), settings(2)))
    served.ask(recording(tmp_path, 0, ["one"]))
    served.wait_for(Finished, 0)
    served.transcriber.cancel(0)
    served.transcriber.cancel(77)
    served.ask(recording(tmp_path, 1, ["two"]))
    assert sorted(transcripts(served.end())) == [0, 1]


@pytest.mark.usefixtures("aside")
def test_many_come_and_are_cancelled_at_any_moment(tmp_path: Path) -> None:
    """Each other recording is cancelled a little later; the rest keep their words."""
    batch = [recording(tmp_path, number, spoken(5 + 7 * (number % 4), number + 1)) for number in range(40)]
    served = Served(Transcriber(BeepRecognizer(), settings(4)))
    for item in batch:
        served.ask(item)
        if item.number % 2:
            time.sleep(0.013 * (item.number % 5))
            served.transcriber.cancel(item.number)
    found = transcripts(served.end())
    assert {number for number in found if number % 2 == 0} == set(range(0, 40, 2))
    assert all(found[number].text.split() == spoken(5 + 7 * (number % 4), number + 1) for number in found)
    assert not [event for event in served.events if isinstance(event, Failed)]


@pytest.mark.usefixtures("aside")
def test_closing_ends_all_decoders_at_once(tmp_path: Path) -> None:
    batch = [recording(tmp_path, number, spoken(2000, number + 1)) for number in range(4)]
    events = Transcriber(BeepRecognizer(), settings(4)).transcribe(batch)
    assert isinstance(events, Generator)
    for _ in range(6):
        next(events)
    assert ffmpegs()
    began = time.monotonic()
    events.close()
    assert time.monotonic() - began < 2
    assert ffmpegs() == []


def test_unlinked_uploads_are_decoded_side_by_side(tmp_path: Path) -> None:
    batch = []
    for number in range(6):
        path = write_wav(tmp_path / "upload.wav", beeps(spoken(20, number + 1)))
        batch.append(Recording(number, DescriptorMedia(os.open(path, os.O_RDWR | os.O_CLOEXEC), f"talk {number}.mp3")))
        path.unlink()
    found = transcripts(list(Transcriber(BeepRecognizer(), settings(6)).transcribe(batch)))
    assert [found[number].text.split() for number in range(6)] == [spoken(20, number + 1) for number in range(6)]
    for item in batch:
        assert isinstance(item.media, DescriptorMedia)
        os.close(item.media.descriptor)  # it was left open
