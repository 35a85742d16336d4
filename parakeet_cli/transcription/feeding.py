"""Recordings are decoded side by side, each in a thread of its own; their items are taken in turn, or in order."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from parakeet_cli.transcription.events import Recording
from parakeet_cli.transcription.media.inputs import UrlMedia
from parakeet_cli.transcription.media.interruption import Interrupted, Interruption

__all__ = ["Feed", "GivenUp", "Idle"]

Item = TypeVar("Item")

_FEW = 5
"""Items: all that there is of a short clip, with the silence at both ends."""
_SECONDS_TO_CLOSE = 2.0
_SECONDS_TO_DRAW = 0.1
"""For which it is waited when a feed is closed while it draws."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Nothing more comes of a recording. ``was_drawn``: some of it may have come."""

    recording: int
    was_drawn: bool


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing has come for as long as the reader had patience."""


@dataclass(slots=True, eq=False)
class _Lane(Generic[Item]):
    """One recording under way."""

    recording: Recording
    interruption: Interruption = field(default_factory=Interruption)
    items: deque[Item] = field(default_factory=deque)
    error: BaseException | None = None
    is_decoded: bool = False
    is_dropped: bool = False
    served: int = -1
    """When it was taken from last, in items taken."""
    thread: threading.Thread | None = None

    @property
    def has_something(self) -> bool:
        return not self.is_dropped and (bool(self.items) or self.error is not None)


class Feed(Generic[Item]):
    """Iterates over what ``listen`` makes of ``recordings``; the items of ``at_once`` of them are taken in turn.

    The next recording is drawn, by a thread of the feed's own, when fewer than that, and fewer than ``decoders``, are
    being decoded; drawing may take as long as it likes. About ``ahead`` items lie ready of those that are read, and
    half as many of those whose turn comes later. The numbers in ``unwanted`` are not decoded, and leave it when they
    are drawn.
    """

    def __init__(
        self,
        recordings: Iterable[Recording],
        listen: Callable[[Recording, Interruption], Generator[Item, None, None]],
        *,
        at_once: int,
        decoders: int = 1,
        ahead: int,
        unwanted: set[int],
    ) -> None:
        self._recordings = iter(recordings)
        self._listen = listen
        self._at_once = at_once
        self._decoders = max(at_once, decoders)
        self._ahead = ahead
        self._unwanted = unwanted
        self._changed = threading.Condition()
        """Guards all below."""
        self._lanes: list[_Lane[Item]] = []
        """In the order in which they were drawn."""
        self._given_up: deque[GivenUp] = deque()
        self._taken = 0
        self._is_drawing = False
        """The caller's iterator is at work."""
        self._is_drawn = False
        self._is_closed = False
        self._error: BaseException | None = None
        self._drawer = threading.Thread(target=self._draw, daemon=True, name="drawing recordings")

    def items(self, patience: Callable[[], float]) -> Iterator[Item | GivenUp | Idle]:
        """Yield the items of each recording in order; of the oldest ``at_once`` that have any, one in turn.

        ``patience()`` says how many seconds may pass from now until ``Idle`` comes. An exception of ``listen`` is
        raised in its place, one of ``recordings`` after all that was drawn before.
        """
        self._drawer.start()
        while (item := self._next(time.monotonic() + patience())) is not None:
            yield item

    def give_up(self, number: int) -> None:
        """End the decoding of a recording, drop what lies ready of it, and tell the reader. From any thread."""
        with self._changed:
            self._given_up.append(GivenUp(number, was_drawn=self._drop(number)))
            self._changed.notify_all()

    def drop(self, number: int) -> None:
        """The same, by the reader itself."""
        with self._changed:
            self._drop(number)
            self._changed.notify_all()

    def close(self) -> None:
        """End all decoding and all threads; only a drawing that blocks goes on until it returns."""
        with self._changed:
            self._is_closed = True
            threads = [lane.thread for lane in self._lanes if lane.thread]
            for lane in list(self._lanes):
                self._drop(lane.recording.number)
            self._changed.notify_all()
            is_drawing = self._is_drawing
        end = time.monotonic() + _SECONDS_TO_CLOSE
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        if self._drawer.ident is not None:
            self._drawer.join(_SECONDS_TO_DRAW if is_drawing else max(0.0, end - time.monotonic()))

    # The reader.

    def _next(self, until: float) -> Item | GivenUp | Idle | None:
        with self._changed:
            while True:
                if self._given_up:
                    return self._given_up.popleft()
                if lane := self._whose_turn():
                    return self._take(lane)
                if self._is_drawn and not self._lanes:
                    if self._error:
                        raise self._error
                    return None
                if (seconds := until - time.monotonic()) <= 0:
                    return Idle()
                self._changed.wait(None if math.isinf(seconds) else seconds)

    def _whose_turn(self) -> _Lane[Item] | None:
        ready = (lane for lane in self._oldest() if lane.has_something)
        return min(ready, key=lambda lane: lane.served, default=None)

    def _take(self, lane: _Lane[Item]) -> Item:
        if not lane.items:
            assert lane.error is not None, "a lane whose turn it is has something"
            raise lane.error
        item = lane.items.popleft()
        self._taken += 1
        lane.served = self._taken
        self._tidy()
        self._changed.notify_all()
        return item

    # Any thread that holds the lock.

    def _drop(self, number: int) -> bool:
        lane = next((lane for lane in self._lanes if lane.recording.number == number), None)
        if lane is None:
            return False
        lane.is_dropped = True
        lane.items.clear()
        lane.interruption.interrupt()
        self._tidy()
        return True

    def _tidy(self) -> None:
        self._lanes = [lane for lane in self._lanes if not lane.is_decoded or lane.has_something]

    def _oldest(self) -> list[_Lane[Item]]:
        """Those that are read."""
        return [lane for lane in self._lanes if not lane.is_dropped][: self._at_once]

    def _decoding(self) -> int:
        return sum(not lane.is_decoded for lane in self._lanes)

    # The drawing thread.

    def _draw(self) -> None:
        try:
            while self._waits_for_a_place() and (recording := self._draw_one()) is not None:
                self._wait_for_downloads(recording)
                self._open(recording)
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._is_drawn = True
                self._changed.notify_all()

    def _waits_for_a_place(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._decoding() < self._decoders)
            self._is_drawing = not self._is_closed
            return self._is_drawing

    def _draw_one(self) -> Recording | None:
        try:
            return next(self._recordings, None)
        finally:
            with self._changed:
                self._is_drawing = False

    def _wait_for_downloads(self, recording: Recording) -> None:
        """What is downloaded lies on the disk while it is decoded: no more of that at one time than is read."""
        if isinstance(recording.media, UrlMedia):
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._downloads() < self._at_once)

    def _downloads(self) -> int:
        return sum(isinstance(lane.recording.media, UrlMedia) and not lane.is_decoded for lane in self._lanes)

    def _open(self, recording: Recording) -> None:
        with self._changed:
            if recording.number in self._unwanted:
                self._unwanted.discard(recording.number)
            elif not self._is_closed:
                lane = _Lane[Item](recording)
                name = f"decoding recording {recording.number}"
                lane.thread = threading.Thread(target=self._decode, args=(lane,), daemon=True, name=name)
                lane.thread.start()
                self._lanes.append(lane)

    # A decoding thread.

    def _decode(self, lane: _Lane[Item]) -> None:
        error: BaseException | None = None
        try:
            with closing(self._listen(lane.recording, lane.interruption)) as items:
                for item in items:
                    if not self._put(lane, item):
                        break
        except Interrupted:
            pass
        except BaseException as caught:
            error = caught
        finally:
            with self._changed:
                lane.error, lane.is_decoded = error, True
                self._tidy()
                self._changed.notify_all()

    def _put(self, lane: _Lane[Item], item: Item) -> bool:
        """Wait for room; false if nobody wants the item."""
        with self._changed:
            self._changed.wait_for(lambda: lane.is_dropped or self._has_room(lane))
            if lane.is_dropped:
                return False
            lane.items.append(item)
            self._changed.notify_all()
            return True

    def _has_room(self, lane: _Lane[Item]) -> bool:
        """Of those that are read each may have its share, and a few items in any case; of the others a few."""
        read = self._oldest()
        count = len(lane.items)
        if lane not in read:
            later = sum(len(other.items) for other in self._lanes if other not in read)
            return later < max(1, self._ahead // 2) and count < _FEW
        if count < min(_FEW, self._ahead):
            return True
        ready = sum(len(other.items) for other in read)
        return ready < self._ahead and count < self._ahead // sum(not other.is_decoded for other in read)
