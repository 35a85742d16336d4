"""The engine's own process, ``python -m parakeet_cli.transcription.engine.host FD``: a recognizer behind a socket.

It ends with its socket, whatever it is doing, so that no engine outlives the door that started it.
"""

import faulthandler
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import NoReturn

from parakeet_cli.errors import EngineError
from parakeet_cli.settings import RecognizerSettings
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.engine import Ended, Ready, Room, Saved
from parakeet_cli.transcription.engine.idling import Idling
from parakeet_cli.transcription.engine.messages import (
    Beat,
    Cancel,
    Flush,
    Order,
    Orders,
    Report,
    Setup,
    Transcribe,
    Warned,
    reports_of,
)
from parakeet_cli.transcription.engine.saving import mark_of, read_savepoint
from parakeet_cli.transcription.events import Failed, Finished, Recording
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.media.ffmpeg_process import end_all
from parakeet_cli.transcription.media.inputs import DescriptorMedia, FileMedia, Media
from parakeet_cli.transcription.pipeline import Transcriber
from parakeet_cli.transcription.recognizer import (
    DecoderState,
    Frames,
    Hypothesis,
    LastingRecognizer,
    Recognizer,
    Row,
)
from parakeet_cli.transcription.savepoints import Savepoint

__all__ = ["Load", "serve"]

_BEAT_SECONDS = 1.0
_READ_BYTES = 1 << 16
_MOST_DESCRIPTORS = 16
"""In one piece of what is received."""
_NONE = -1

Load = Callable[[Checkpoint, RecognizerSettings], LastingRecognizer]


def serve(connection: socket.socket, load: Load = load_recognizer) -> NoReturn:
    """Load what the first order names, transcribe what the others name, and end the process when the socket closes."""
    faulthandler.enable()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the door, which may want to finish first
    host = _Host(connection, load)
    threading.Thread(target=host.listen, daemon=True, name="orders").start()
    host.work()


class _Host:
    def __init__(self, connection: socket.socket, load: Load) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._load = load
        self._setup: queue.SimpleQueue[Setup] = queue.SimpleQueue()
        self._recordings: queue.SimpleQueue[Recording | None] = queue.SimpleQueue()
        """None: flush."""
        self._waiting: set[int] = set()
        """Numbers of the recordings that are not drawn yet; whoever takes one out of it decides what becomes of it."""
        self._descriptors: dict[int, int] = {}
        """Of the recordings that are not over; for a file that is opened by its path, ``_NONE``."""
        self._savepoints: dict[int, Savepoint] = {}
        """From which recordings go on that are not opened yet."""
        self._transcriber: Transcriber | None = None
        self._idling = Idling(self._recordings, lambda: bool(self._descriptors))
        self._clock = _Clock()

    def listen(self) -> NoReturn:
        """In a thread of its own, so that the end of the socket is seen in the middle of a batch."""
        orders, descriptors = Orders(), deque[int]()
        while True:
            try:
                data, received, _, _ = socket.recv_fds(self._connection, _READ_BYTES, _MOST_DESCRIPTORS)
            except OSError:
                data, received = b"", []
            if not data:
                _end(0)
            descriptors.extend(received)
            try:
                for order in orders.feed(data):
                    self._take(order, descriptors)
            except BaseException:  # such as a descriptor that the system did not let in: nobody would listen any more
                traceback.print_exc()
                _end(1)

    def work(self) -> NoReturn:
        setup = self._setup.get()
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()
        logger = logging.getLogger("parakeet_cli")
        logger.addHandler(_Warnings(self._send))
        logger.propagate = False
        try:
            loaded = self._load(setup.checkpoint, setup.settings.recognizer)
            self._idling.steps = loaded.settle()
            watched = _Watched(loaded, self._clock, cache(partial(mark_of, loaded, setup)))
            self._transcriber = Transcriber(watched, setup.settings, savepoints=self)
            self._send(Ready(loaded.model, loaded.language, str(getattr(loaded, "device", "cpu"))))
            while True:
                for event in self._transcriber.transcribe(self._coming()):
                    self._send(event)
                    if isinstance(event, Finished | Failed):
                        self._forget(event.recording)
        except EngineError as error:
            self._send(Ended(error))
            _end(error.exit_code)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            _end(1)

    def load(self, recording: int) -> Savepoint | None:
        """For the Transcriber, as ``save``."""
        return self._savepoints.pop(recording, None)

    def save(self, recording: int, savepoint: Savepoint) -> None:
        self._send(Saved(recording, savepoint))

    def _take(self, order: Order, descriptors: deque[int]) -> None:
        match order:
            case Setup():
                self._setup.put(order)
            case Transcribe(number=number):
                self._descriptors[number] = _NONE if order.path else descriptors.popleft()
                if order.goes_on:
                    self._savepoints[number] = read_savepoint(descriptors.popleft())
                self._waiting.add(number)
                recording = Recording(number, self._media(order), order.track, order.start, order.end, order.probed)
                self._recordings.put(recording)
            case Flush():
                self._recordings.put(None)
            case Cancel(number=number) if number in self._descriptors:
                if not self._take_out(number) and self._transcriber:
                    self._transcriber.cancel(number)
                self._forget(number)

    def _media(self, order: Transcribe) -> Media:
        return FileMedia(order.path) if order.path else DescriptorMedia(self._descriptors[order.number], order.name)

    def _coming(self) -> Iterator[Recording]:
        """Until those that have come are to be finished first."""
        while True:
            if self._recordings.empty():
                self._send(Room())
            recording = self._idling.get()
            if recording is None:
                return
            if self._take_out(recording.number):
                yield recording

    def _take_out(self, number: int) -> bool:
        try:
            self._waiting.remove(number)
        except KeyError:
            return False
        return True

    def _forget(self, number: int) -> None:
        self._savepoints.pop(number, None)
        if (descriptor := self._descriptors.pop(number, _NONE)) != _NONE:
            os.close(descriptor)

    def _beat(self) -> None:
        while True:
            self._send(self._clock.beat(is_settling=self._idling.is_amid))
            time.sleep(_BEAT_SECONDS)

    def _send(self, report: Report) -> None:
        with self._sending:
            for message in reports_of(report):
                try:
                    self._connection.sendall(message)
                except OSError:
                    _end(0)


class _Warnings(logging.Handler):
    """What the library logs as a warning is told."""

    def __init__(self, send: Callable[[Report], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = send

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(Warned(record.getMessage()))


class _Clock:
    """How long the recognizer's calls take. A thread has one under way at most; another thread reads."""

    def __init__(self) -> None:
        self.batches = 0
        self._since: dict[int, float] = {}
        """By thread."""
        self._longest = 0.0
        self._memory = 0

    def __enter__(self) -> None:
        self._since[threading.get_ident()] = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._longest = max(self._longest, time.monotonic() - self._since.pop(threading.get_ident()))

    def beat(self, *, is_settling: bool = False) -> Beat:
        """While a recognizer settles it may hold its weights twice: the memory of the time before is told."""
        since = list(self._since.values())
        self._memory = self._memory if is_settling else _resident_bytes()
        return Beat(time.monotonic() - min(since) if since else 0.0, self._longest, self.batches, self._memory)


class _Watched:
    """A recognizer whose calls are timed, and whose states bear a mark, so that no other takes them for its own."""

    def __init__(self, recognizer: Recognizer, clock: _Clock, mark: Callable[[], bytes]) -> None:
        self._recognizer = recognizer
        self._clock = clock
        self._mark = mark
        self.model = recognizer.model
        self.language = recognizer.language
        self.frame_samples = recognizer.frame_samples
        self.encodes_aside = recognizer.encodes_aside

    def chunks_a_batch(self, window_seconds: float) -> int:
        return self._recognizer.chunks_a_batch(window_seconds)

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        self._clock.batches += 1
        with self._clock:
            return self._recognizer.encode(chunks, exactly=exactly)

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        with self._clock:
            return self._recognizer.decode(rows)

    def pack(self, state: DecoderState) -> bytes:
        return self._mark() + self._recognizer.pack(state)

    def unpack(self, packed: bytes) -> DecoderState:
        mark = self._mark()
        if not packed.startswith(mark):
            raise ValueError("the state is another engine's")
        return self._recognizer.unpack(packed.removeprefix(mark))


def _resident_bytes() -> int:
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _end(code: int) -> NoReturn:
    """At once: a batch may be under way, and unloading torch would take seconds."""
    end_all()
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
