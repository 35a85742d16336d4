"""One recording on its way through the server, and how it looks from outside at any moment."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from parakeet_cli.errors import ParakeetError
from parakeet_cli.spacing import joined
from parakeet_cli.transcript import Transcript, Word
from parakeet_cli.transcription.events import Progress, Started
from parakeet_cli.transcription.media.inputs import Media
from parakeet_cli.transcription.media.probe import Probed
from parakeet_cli.transcription.savepoints import Savepoint

__all__ = ["State", "View", "Work"]


class State(StrEnum):
    """Of a recording; the names are those of OpenAI's objects that take time."""

    QUEUED = "queued"
    RUNNING = "in_progress"
    FINISHED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (State.FINISHED, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class View:
    """A recording at one moment. ``version`` grows with each change."""

    version: int
    state: State
    duration: float | None
    """Seconds of audio, as far as the container tells; exact once finished."""
    seconds: float
    """Of audio that are recognized."""
    words: int
    """So many of ``Work.words`` are settled."""
    transcript: Transcript | None = None
    """Once finished."""
    recognition_seconds: float | None = None
    """Once finished: the recording's share of the time spent in the recognizer."""
    error: ParakeetError | None = None
    """Once failed."""


class Work:
    """One recording on its way. Any thread may read it; the desk alone changes it."""

    def __init__(
        self,
        number: int,
        media: Media,
        duration: float | None,
        is_job: bool,
        cancel: "Callable[[Work], None]",
        savepoint: Savepoint | None = None,
        probed: Probed | None = None,
    ) -> None:
        self.number = number
        self.media = media
        self.probed = probed
        self.is_job = is_job
        self.submitted = time.monotonic()
        self.crashes = 0
        """Of the engine, while it worked on this."""
        self.is_kept = threading.Event()
        """Set once what came of a job is written down."""
        self.savepoint = savepoint
        """Whole: where an engine goes on that gets this next; frozen, and replaced as a whole."""
        self._cancel = cancel
        self._words: list[Word] = []
        self._heard = 0
        """Words that the present engine has told; fewer than ``_words`` while a second one catches up."""
        self._view = View(0, State.QUEUED, duration, 0.0, 0)
        self._changed = threading.Condition()

    @property
    def view(self) -> View:
        return self._view

    def words(self, start: int = 0) -> list[Word]:
        """Those that are settled, from index ``start``; joined by spaces they begin the final text."""
        return self._words[start : self._view.words]

    def wait(self, after: int = -1, timeout: float | None = None) -> View:
        """The view as soon as its version is above ``after``, or what it is after ``timeout`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._view.version > after, timeout)
            return self._view

    def wait_for_end(self, timeout: float) -> None:
        """For ``timeout`` seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._view.state.is_final, timeout)

    def cancel(self) -> None:
        """Give it up within one batch, if it is not over; returns at once, a moment before the work is over."""
        self._cancel(self)

    def change(self, **fields: object) -> None:
        """For the desk."""
        with self._changed:
            self._view = replace(self._view, version=self._view.version + 1, words=len(self._words), **fields)  # type: ignore[arg-type]
            self._changed.notify_all()

    def start(self, started: Started) -> None:
        """For the desk."""
        known = self._view
        duration = known.duration if started.duration is None else started.duration
        self.change(duration=duration, seconds=max(known.seconds, started.resumed_at))

    def begin_again(self) -> None:
        """For the desk: another engine tells all words from the start, also where it goes on from a savepoint."""
        self._heard = 0

    def save(self, savepoint: Savepoint) -> None:
        """For the desk: keep one as it was told, joined to those before; what does not fit to them leaves none."""
        tokens = self.savepoint.tokens if self.savepoint else ()
        if savepoint.kept <= len(tokens):
            self.savepoint = replace(savepoint, kept=0, tokens=tokens[: savepoint.kept] + savepoint.tokens)
        else:
            self.savepoint = None

    def hear(self, progress: Progress) -> bool:
        """For the desk; false if words differ from those that another engine has told, and that somebody has read."""
        told = self._words[self._heard : self._heard + len(progress.words)]
        if any(before.text != now.text for before, now in zip(told, progress.words, strict=False)):
            return False
        self._words += progress.words[len(told) :]
        self._heard += len(progress.words)
        self.change(seconds=max(self._view.seconds, progress.seconds))
        return True

    def agrees(self, transcript: Transcript) -> bool:
        """For the desk; false as for ``hear``."""
        return not self.crashes or transcript.text.startswith(joined(word.text for word in self._words))

    def finish(self, transcript: Transcript, recognition_seconds: float) -> None:
        """For the desk."""
        self.change(
            state=State.FINISHED,
            transcript=transcript,
            duration=transcript.duration,
            seconds=transcript.duration,
            recognition_seconds=recognition_seconds,
        )
