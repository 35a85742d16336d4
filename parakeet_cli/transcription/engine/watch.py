"""Whether an engine still works, from the signs of life that it gives."""

import time

from parakeet_cli.errors import EngineFailed
from parakeet_cli.settings import LifecycleSettings
from parakeet_cli.transcription.engine.messages import Beat

__all__ = ["Watch"]

_LONGER = 20
"""Times the longest call so far; longer is a hang."""


class Watch:
    """When the engine shows that it hangs. Times are those of a monotonic clock, in seconds."""

    def __init__(self, limits: LifecycleSettings) -> None:
        self._limits = limits
        self._started = self._heard = time.monotonic()
        self._beat = Beat(0.0, 0.0, 0, 0)
        self.is_loaded = False

    def hear(self, beat: Beat, now: float) -> None:
        self._beat, self._heard = beat, now

    def look(self, now: float) -> EngineFailed | None:
        """What is wrong, when there was nothing to read."""
        limits = self._limits
        if now - self._heard > limits.heartbeat_seconds:
            return EngineFailed(
                f"The engine gave no sign of life for {limits.heartbeat_seconds:g} s and was stopped; try again."
            )
        return self.look_at_call(now)

    def look_at_call(self, now: float) -> EngineFailed | None:
        limits, beat = self._limits, self._beat
        if not self.is_loaded and now - self._started > limits.load_seconds:
            return EngineFailed(
                f"The engine did not load the model within {limits.load_seconds:g} s and was stopped; try again."
            )
        busy = beat.busy + now - self._heard if beat.busy else 0.0
        if busy > max(limits.hang_seconds, _LONGER * beat.longest):
            return EngineFailed(f"The engine hung for {busy:.0f} s in one batch and was stopped; try again.")
        return None
