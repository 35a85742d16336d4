"""One side under way: events of the Transcriber become transcripts, messages and a count."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from parakeet_cli.cli.progress import Summary, Totals
from parakeet_cli.cli.reporters import Reporter, finished_facts
from parakeet_cli.cli.signals import interruptible
from parakeet_cli.errors import InputError
from parakeet_cli.transcription.ahead import Ahead
from parakeet_cli.transcription.pipeline import (
    Event,
    Failed,
    Finished,
    Progress,
    Recording,
    Started,
    Transcriber,
)

__all__ = ["Pass"]

_EVENTS_AHEAD = 64


@dataclass(slots=True)
class Pass:
    """Transcribes ``recordings``; what is heard and what fails is kept by number.

    ``load`` makes the Transcriber, in the thread that will use it. ``wall_seconds`` counts from the first open file.
    """

    recordings: tuple[Recording, ...]
    names: Mapping[int, str]
    reporter: Reporter
    totals: Totals
    load: Callable[[], Transcriber]
    heard: dict[int, Finished] = field(default_factory=dict)
    failed: dict[int, InputError] = field(default_factory=dict)
    wall_seconds: float = 0.0
    _began: float | None = None

    def run(self) -> int | None:
        """Returns the exit code that a signal asks for, if one came. An ``EngineError`` is raised."""
        events = Ahead(self._events(), size=_EVENTS_AHEAD)
        with interruptible(events.stop) as interruption, closing(events):
            for event in events:
                self._handle(event)
            return interruption.exit_code

    def summary(self, *, skipped: int, failed: int) -> Summary:
        """With what was left out before."""
        return Summary(
            done=len(self.heard),
            skipped=skipped,
            failed=failed + len(self.failed),
            partial=sum(event.transcript.partial is not None for event in self.heard.values()),
            gaps=sum(len(event.transcript.gaps) for event in self.heard.values()),
            gap_seconds=sum(gap.end - gap.start for event in self.heard.values() for gap in event.transcript.gaps),
            audio_seconds=sum(event.transcript.duration for event in self.heard.values()),
            wall_seconds=self.wall_seconds,
        )

    def _events(self) -> Iterator[Event]:
        yield from self.load().transcribe(self.recordings)

    def _handle(self, event: Event) -> None:
        number = event.recording
        name = self.names[number]
        self._began = self._began or time.monotonic()
        match event:
            case Started(duration=duration):
                if duration is not None:
                    self.totals.durations[number] = duration
                self.reporter.started(number, name, duration, event.tracks, event.track, event.resumed_at)
            case Progress(seconds=seconds):
                self.totals.heard[number] = seconds
                self.reporter.progress(number, seconds)
            case Finished():
                self.heard[number] = event
                self.totals.ended(number, event.transcript.duration)
                self.reporter.finished(number, name, finished_facts(event))
            case Failed(error=error):
                self.failed[number] = error
                self.totals.left_out(number)
                self.reporter.failed(number, name, error.code, str(error))
        self.wall_seconds = time.monotonic() - self._began
