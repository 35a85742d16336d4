"""One batch under way: events of the Transcriber become files, messages and an exit code."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import takewhile

from parakeet_cli.batch.claims import Claims
from parakeet_cli.batch.journal import Findings, Journal
from parakeet_cli.batch.plan import Plan, Task
from parakeet_cli.batch.results import write_results
from parakeet_cli.batch.review import ReviewList
from parakeet_cli.cli.progress import Summary, Totals, gaps_phrase
from parakeet_cli.cli.reporters import Reporter, finished_facts, print_result
from parakeet_cli.cli.signals import interruptible
from parakeet_cli.cli.workplace import Work
from parakeet_cli.errors import InputError, NoAudioStream, OutputExists
from parakeet_cli.output.writers import Writer
from parakeet_cli.transcription.ahead import Ahead
from parakeet_cli.transcription.events import Event, Failed, Finished, Progress, Recording, Started
from parakeet_cli.transcription.media.inputs import DescriptorMedia, FileMedia, StdinMedia, UrlMedia

__all__ = ["Conduct", "Session"]

EXIT_SOME_FAILED = 3
EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE, as a shell reports a process that the signal ended."""
_EVENTS_AHEAD = 64


@dataclass(frozen=True, slots=True)
class Conduct:
    """What counts as a failure, when to give up, and how results are written."""

    writers: Mapping[str, Writer]
    """By format."""
    stdout_format: str | None = None
    """Results go to stdout in this format, and to no file."""
    require_audio: bool = False
    strict: bool = False
    max_failures: int | None = None
    shared: bool = False


@dataclass(slots=True)
class Session:
    """Runs the tasks of a plan."""

    plan: Plan
    conduct: Conduct
    names: Mapping[int, str]
    reporter: Reporter
    totals: Totals
    journal: Journal
    claims: Claims
    review: ReviewList | None
    began: float
    """``time.monotonic()`` when the command started to work."""
    summary: Summary = field(default_factory=Summary)
    _tasks: dict[int, Task] = field(default_factory=dict)
    _taken_elsewhere: list[int] = field(default_factory=list)
    _unprinted: dict[int, str | None] = field(default_factory=dict)
    _work: Work | None = None

    def run(self, work: Work | None) -> int:
        """Transcribe every task; returns the exit code. An ``EngineError`` is raised after what is done is kept.

        ``work`` is used from a thread of its own; it is None where there are no tasks.
        """
        self._tasks = {task.recording.number: task for task in self.plan.tasks}
        self._work = work
        signal_code = None
        try:
            try:
                if work and not self._gives_up():
                    signal_code = self._transcribe(work)
            finally:
                self._print(sorted(self._unprinted))  # what is done is told, although what was before it is not
        except _StdoutClosed:
            signal_code = EXIT_BROKEN_PIPE
        finally:
            for number in self._taken_elsewhere:
                self.leave_out(self.names[number], "another run has it")
            self.summary.wall_seconds = time.monotonic() - self.began
            self.reporter.close()
            self.reporter.summary(self.summary)
        if signal_code is not None:
            return signal_code
        bad = self.summary.failed or (self.conduct.strict and (self.summary.partial or self.summary.gaps))
        return EXIT_SOME_FAILED if bad else 0

    def leave_out(self, name: str, reason: InputError | str) -> None:
        """Report an input that is not transcribed: an error is a failure, a plain reason a skip."""
        if isinstance(reason, InputError) and not self._is_skip(reason):
            self.summary.failed += 1
            self.reporter.failed(None, name, reason.code, str(reason))
        else:
            self.summary.skipped += 1
            self.reporter.skipped(name, str(reason))

    def count_done(self, name: str, findings: Findings) -> None:
        """Report an input whose outputs are there already; its gaps still count."""
        self.summary.skipped += 1
        self.summary.add_gaps(name, findings.gaps, findings.gap_seconds)
        gaps = f", with {gaps_phrase(findings.gaps, findings.gap_seconds)}" if findings.gaps else ""
        self.reporter.skipped(name, f"done already with the same input, model and settings{gaps}")

    def _transcribe(self, work: Work) -> int | None:
        """Returns the exit code that a signal asks for, if one came."""
        events = Ahead(work.transcribe(self._recordings()), size=_EVENTS_AHEAD)
        with interruptible(events.stop) as interruption, closing(events):
            for event in events:
                self._handle(event, work)
                if self._gives_up():
                    break
            return interruption.exit_code

    def _gives_up(self) -> bool:
        if self.conduct.max_failures and self.summary.failed >= self.conduct.max_failures:
            self.reporter.warning(f"Stopped after {self.summary.failed} failed.")
            return True
        return False

    def _recordings(self) -> Iterator[Recording]:
        """The tasks' recordings as the decoder comes to them; in a shared batch those that nobody else has taken."""
        for task in self.plan.tasks:
            if not self.conduct.shared or self._claim(task):
                yield task.recording
            else:
                self._taken_elsewhere.append(task.recording.number)
                self.totals.left_out(task.recording.number)

    def _claim(self, task: Task) -> bool:
        """Take the task unless another run has it, or has done it since the plan was made."""
        paths = task.outputs.values()
        taken = [path for path in paths if self.claims.take(path)]
        done = self.journal.is_done(paths, task.key) and all(
            path.stat().st_mtime_ns != task.found.get(path) for path in paths
        )
        if len(taken) == len(paths) and not done:
            return True
        for path in taken:
            self.claims.release(path)
        return False

    def _handle(self, event: Event, work: Work) -> None:
        number = event.recording
        name = self.names[number]
        match event:
            case Started(duration=duration):
                if duration is not None:
                    self.totals.durations[number] = duration
                self.totals.resumed(number, event.resumed_at)
                self.reporter.started(number, name, duration, event.tracks, event.track, event.resumed_at)
            case Progress(seconds=seconds):
                self.totals.heard[number] = seconds
                self.reporter.progress(number, seconds)
            case Finished():
                if self._keep(event, name) and not self.conduct.stdout_format:
                    work.forget(number)
            case Failed(error=error):
                self._fail(number, name, error)

    def _fail(self, number: int, name: str, error: InputError) -> None:
        self.totals.left_out(number)
        if self._is_skip(error):
            self.summary.skipped += 1
            self.reporter.skipped(name, str(error))
        else:
            self.summary.failed += 1
            self.reporter.failed(number, name, error.code, str(error))
        self._print_in_order(number, None)

    def _keep(self, event: Finished, name: str) -> bool:
        """Whether its results are where they should be."""
        transcript = event.transcript
        facts = finished_facts(event)
        rtfx = facts["rtfx"]
        task = self._tasks[event.recording]
        if self.review:
            self.review.add(_where(task.recording), transcript)
        if self.conduct.stdout_format:
            text = self.conduct.writers[self.conduct.stdout_format].write(transcript, rtfx)
            self._print_in_order(event.recording, text)
        else:
            try:
                write_results(task, transcript, rtfx, self.conduct.writers, self.journal)
            except OutputExists as error:
                self._fail(event.recording, name, error)
                return False
        self.totals.ended(event.recording, transcript.duration)
        self.summary.done += 1
        self.summary.audio_seconds += transcript.duration
        self.summary.earlier_seconds += self.totals.before.get(event.recording, 0.0)
        self.summary.partial += transcript.partial is not None
        gap_seconds = sum(gap.end - gap.start for gap in transcript.gaps)
        first = transcript.gaps[0].start if transcript.gaps else None
        self.summary.add_gaps(name, len(transcript.gaps), gap_seconds, first)
        facts["outputs"] = [str(path) for path in task.outputs.values()]
        self.reporter.finished(event.recording, name, facts)
        return True

    def _print_in_order(self, number: int, text: str | None) -> None:
        """Results on stdout keep the order of the inputs, whichever is ready first."""
        if not self.conduct.stdout_format:
            return
        self._unprinted[number] = text
        self._print(list(takewhile(self._unprinted.__contains__, sorted(self._tasks))))

    def _print(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            text = self._unprinted[number]
            try:
                print_result(text or "")
            except BrokenPipeError as error:
                raise _StdoutClosed from error
            del self._tasks[number], self._unprinted[number]
            if text is not None and self._work:
                self._work.forget(number)

    def _is_skip(self, error: InputError) -> bool:
        return isinstance(error, NoAudioStream) and not self.conduct.require_audio


class _StdoutClosed(Exception):
    """Who read our results has left. What is still buffered for stdout has nowhere to go: see ``main._leave``."""


def _where(recording: Recording) -> str:
    """A name that means the same in whatever folder the list is read."""
    match recording.media:
        case FileMedia(path=path):
            name = str(path)
        case UrlMedia(url=url):
            name = url
        case StdinMedia():
            name = "stdin"
        case DescriptorMedia(name=given):
            name = given
    return name if recording.track is None else f"{name} (track {recording.track})"
