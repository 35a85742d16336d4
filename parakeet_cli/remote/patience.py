"""How long a server is asked again that is gone, starts anew, or has no room."""

import logging
import threading
import time

from parakeet_cli.display import display
from parakeet_cli.errors import ParakeetError, ServerUnreachable
from parakeet_cli.remote.client import Lost
from parakeet_cli.remote.refusals import Refusal, as_error
from parakeet_cli.settings import RemoteSettings
from parakeet_cli.transcription.media.interruption import Interruption

__all__ = ["Patience", "given_up", "pause"]

_LOG = logging.getLogger(__name__)

_SHORTEST_PAUSE = 0.25
_TOLD_SECONDS = 1.0
"""An outage that is over sooner is not worth a word."""


class Patience:
    """Shared by all who ask one server: as long as it does something for one of them, the others wait."""

    def __init__(self, server: str, settings: RemoteSettings) -> None:
        self._server = server
        self._settings = settings
        self._lock = threading.Lock()
        self._failing_since: float | None = None
        self._is_told = False
        self._trouble: str | None = None
        """Of the server's own, as it was told last."""

    def hear(self, trouble: str | None) -> None:
        """Why the server keeps jobs waiting, if it does: it may still get over that, so it is told once."""
        with self._lock:
            is_new, self._trouble = trouble not in (None, self._trouble), trouble
        if is_new:
            _LOG.warning("%s cannot begin, and tries again: %s", self._server, display(str(trouble)))

    def succeeded(self) -> None:
        with self._lock:
            self._failing_since = None
            self._is_told = False

    def wait(self, failure: Lost | Refusal, interruption: Interruption) -> None:
        """Until it is time to try again. Raises ``Interrupted``, and ``ParakeetError`` at the end of all patience."""
        now = time.monotonic()
        with self._lock:
            since = self._failing_since = now if self._failing_since is None else self._failing_since
            elapsed = now - since
            if elapsed > self._settings.patience_seconds:
                raise given_up(failure, self._server)
            if elapsed >= _TOLD_SECONDS and not self._is_told:
                self._is_told = True
                _LOG.warning(
                    "%s: %s It is asked again for %.0f minutes.",
                    self._server,
                    _sentence(failure),
                    self._settings.patience_seconds / 60,
                )
        told = failure.retry_after if isinstance(failure, Refusal) else None
        pause(told or min(max(_SHORTEST_PAUSE, elapsed / 2), self._settings.longest_pause), interruption)


def given_up(failure: Lost | Refusal, server: str) -> ParakeetError:
    """What ends the run, or this recording."""
    if isinstance(failure, Refusal):
        return as_error(failure, server)
    return ServerUnreachable(
        f"{server} cannot be reached ({failure}); start it or check --server, then run the same command again."
    )


def pause(seconds: float, interruption: Interruption) -> None:
    """Raises ``Interrupted`` as soon as that comes."""
    woken = threading.Event()
    interruption.add(woken.set)
    try:
        woken.wait(seconds)
    finally:
        interruption.remove(woken.set)
    interruption.check()


def _sentence(failure: Lost | Refusal) -> str:
    text = str(failure).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
