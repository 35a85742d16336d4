"""How fast the engine has been of late, and what that promises to those who wait."""

from collections.abc import Sequence

__all__ = ["Pace"]

_REMEMBERED = 600.0
"""Seconds of work that the pace is measured over."""


class Pace:
    """Seconds of audio a second, while there is work; over all recordings that share the engine. Not safe for threads.

    Times are those of a monotonic clock, in seconds.
    """

    def __init__(self) -> None:
        self._audio = 0.0
        self._spent = 0.0
        self._busy_since: float | None = None
        self._load_since: float | None = None
        self._load_seconds: float | None = None
        self._recordings = 0
        self._recorded = 0.0

    def work(self, is_busy: bool, now: float) -> None:
        """Tell it, whenever that may have changed, whether the engine has work."""
        if self._busy_since is not None:
            self._spent += now - self._busy_since
        self._busy_since = now if is_busy else None
        if self._spent > _REMEMBERED:
            self._spent, self._audio = self._spent / 2, self._audio / 2

    def hear(self, seconds: float, now: float) -> None:
        """So many more seconds of audio are recognized."""
        self._audio += seconds
        self.work(self._busy_since is not None, now)

    def finish(self, duration: float) -> None:
        """A recording is over, which was so long."""
        self._recordings += 1
        self._recorded += duration

    def load(self, now: float) -> None:
        self._load_since = now

    def loaded(self, now: float) -> None:
        if self._load_since is not None:
            self._load_seconds, self._load_since = now - self._load_since, None

    def seconds_for(self, audio: float, unknown: int = 0) -> float | None:
        """What ``audio`` seconds and ``unknown`` recordings of the usual length will take; None if nothing is known."""
        if not self._audio or not self._spent or (unknown and not self._recordings):
            return None
        usual = self._recorded / self._recordings if unknown else 0.0
        return (audio + unknown * usual) * self._spent / self._audio

    def seconds_beside(self, own: float, all_of_them: Sequence[float]) -> float | None:
        """What a recording of which ``own`` seconds are left will take, sharing the engine with what is left of others.

        ``all_of_them`` includes its own.
        """
        return self.seconds_for(sum(min(own, each) for each in all_of_them))

    def seconds_to_load(self, now: float) -> float:
        """What is left of a load, or what one takes; 0 where none was seen yet."""
        if self._load_seconds is None:
            return 0.0
        return max(0.0, self._load_seconds - (now - self._load_since if self._load_since is not None else 0.0))
