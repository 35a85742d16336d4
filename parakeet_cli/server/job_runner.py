"""Jobs: recordings that are taken now and asked for later, also after a restart of the server."""

import hmac
import logging
import queue
import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path

from parakeet_cli.errors import EngineFailed, OutputUnwritable, Overloaded
from parakeet_cli.output.writers.cleaning import encodable
from parakeet_cli.server.desk import Desk, State, Work
from parakeet_cli.server.job_endings import MOST_STARTS, JobEndings
from parakeet_cli.server.job_folder import JobFolder
from parakeet_cli.server.job_repeats import Claim, JobRepeats, job_name
from parakeet_cli.server.job_savepoints import JobSavepoints
from parakeet_cli.server.job_store import Job, JobStore
from parakeet_cli.server.job_view import JobView
from parakeet_cli.settings import ServerSettings
from parakeet_cli.transcript import Transcript
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.media.probe import Probed

__all__ = ["JobRunner"]

_LOG = logging.getLogger(__name__)

_TICK_SECONDS = 0.25
"""The desk does not say when a recording begins; until that is noted, a kill does not count against it."""
_RETRY_SECONDS = 1.0
"""While nothing can be written."""
_SWEEP_SECONDS = 60.0
_WRITING_SECONDS = 0.1


class JobRunner:
    """Gives jobs to the desk and writes down what comes of them; usable from any thread.

    One thread of its own follows them all. What is written down outlives the process: at the next start unfinished
    jobs go on, in their order, the long ones where they stood. Methods raise ``DiskFull`` or ``OutputUnwritable``
    while nothing can be written.
    """

    def __init__(self, folder: Path, desk: Desk, settings: ServerSettings) -> None:
        """Raises ``RunActive`` where another server has the folder."""
        self._folder = JobFolder(folder)
        self._store = JobStore(folder / "jobs.sqlite")
        self._endings = JobEndings(self._store, self._folder, settings.keep_seconds)
        self._savepoints = JobSavepoints(self._store)
        self._desk = desk
        self._settings = settings
        self._lock = threading.RLock()  # taken before the desk's, never the other way round
        self._works: dict[str, Work] = {}
        self._names: dict[int, str] = {}
        self._begun: set[str] = set()
        self._suspects: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._backlog: dict[str, Job] = {}
        """What the desk had no room for when it was taken up again."""
        self._ended: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._unwritten: dict[str, Work] = {}
        self._next_sweep = 0.0
        self._stopped = False
        self._thread = threading.Thread(target=self._follow, name="jobs", daemon=True)
        self.repeats = JobRepeats(self._store)
        self.draining = threading.Event()
        self.streams = threading.BoundedSemaphore(settings.front.followers)
        """Places for those who follow events, each of whom takes a thread of the server."""

    def start(self) -> None:
        """Take up what an earlier process left."""
        for job in self._endings.recover():
            self._backlog[job.name] = job
            self._sizes[job.name] = job.size
        self._desk.watch(self._hear)
        self._advance()
        self._thread.start()

    def submit(
        self, upload: int, filename: str, order: str, holder: str, probed: Probed | None, claim: Claim | None = None
    ) -> str:
        """Take a recording, an open file that may be closed afterwards; the id of its job, that of ``claim`` if given.

        ``order`` is JSON. Raises ``Overloaded`` if there is no room.
        """
        job_id = claim.job_id if claim else f"job_{secrets.token_urlsafe(32)}"
        name = job_name(job_id)
        self._folder.take(name, upload)
        size = self._folder.size(name) or 0
        job = Job(
            name,
            holder,
            time.time(),
            encodable(filename),
            order,
            size,
            duration=probed.info.duration if probed else None,
        )
        try:
            with self._lock:
                self._check_room(size)
                self._store.add(job, claim.request if claim else None)
                self._submit(job, probed)
        except BaseException:
            self._folder.remove(name)
            with suppress(OutputUnwritable):
                self._store.remove(name)
            raise
        return job_id

    def view(self, job_id: str, holder: str) -> JobView | None:
        """None for a job that is not there, or is another's."""
        name = job_name(job_id)
        work = self._works.get(name)  # first, as what is over is written down before it is dropped here
        job = self._store.get(name)
        if job is None or not hmac.compare_digest(job.holder.encode(), holder.encode()):
            return None
        if job.expires is not None and job.expires <= time.time():
            return None
        if job.state.is_final:
            seconds = job.duration if job.state is State.FINISHED else None
            return JobView(job, job.state, duration=job.duration, seconds=seconds or 0.0)
        return self._queued(job) if work is None else self._under_way(job, work)

    def words(self, job_id: str, start: int = 0) -> list[str]:
        """Those of a job under way that are settled, from index ``start``."""
        work = self._works.get(job_name(job_id))
        return [word.text for word in work.words(start)] if work else []

    def wait(self, job_id: str, after: int, seconds: float) -> None:
        """Until the version of a job is above ``after``, for ``seconds`` at most."""
        work = self._works.get(job_name(job_id))
        if work is None:
            self.draining.wait(seconds)
        elif work.view.state.is_final:  # it is being written down
            work.is_kept.wait(min(seconds, _WRITING_SECONDS))
        else:
            work.wait(after, seconds)

    def wait_for_end(self, job_id: str, seconds: float) -> None:
        """Of what is recognized, for ``seconds`` at most; returns at once for a job that is not under way."""
        if work := self._works.get(job_name(job_id)):
            work.wait_for_end(seconds)

    def transcript(self, job_id: str) -> Transcript | None:
        """Once finished."""
        return self._store.transcript(job_name(job_id))

    def remove(self, job_id: str) -> None:
        """Cancel it if it is under way, and forget all of it."""
        name = job_name(job_id)
        with self._lock:
            self._store.remove(name)  # first: should we be killed now, it does not begin again
            self._backlog.pop(name, None)
            work = self._drop(name)
        if work:
            work.cancel()
        self._folder.remove(name)

    def drain(self) -> None:
        """End the streams of events, whose clients then come back to the next server."""
        self.draining.set()

    def close(self) -> None:
        """Stop following: what is under way goes on at the next start. To be called before the desk closes."""
        self.drain()
        self._stopped = True
        self._ended.put(None)
        if self._thread.ident is not None:
            self._thread.join()
        with self._lock, suppress(OutputUnwritable):
            self._savepoints.write(self._works)
            for name in self._begun:
                self._store.put_back(name)
        self._store.close()
        self._folder.close()

    def _queued(self, job: Job) -> JobView:
        names = list(self._backlog)
        place = names.index(job.name) + 1 if job.name in names else 0
        pulse = self._desk.pulse()
        position = pulse.waiting + place
        return JobView(job, State.QUEUED, position=position, duration=job.duration, trouble=pulse.error)

    def _under_way(self, job: Job, work: Work) -> JobView:
        view = work.view
        duration = job.duration if view.duration is None else view.duration
        if view.state.is_final:
            return JobView(job, State.RUNNING, view.version, 0, duration, view.seconds)
        position, eta = self._desk.position(work), self._desk.eta(work)
        trouble = self._desk.pulse().error if view.state is State.QUEUED else None
        return JobView(job, view.state, view.version, position, duration, view.seconds, eta, trouble)

    def _check_room(self, size: int) -> None:
        is_full = bool(self._sizes) and sum(self._sizes.values()) + size > self._settings.job_bytes
        if self._stopped or is_full or any(not _is_suspect(job) for job in self._backlog.values()):
            raise Overloaded("The server has no room for more jobs; try again later.", self._desk.retry_after())

    def _submit(self, job: Job, probed: Probed | None = None) -> None:
        """Under the lock, as the work may be over before it has a name."""
        media = FileMedia(self._folder.recording(job.name))
        savepoint = self._savepoints.load(job.name)
        work = self._desk.submit(media, duration=job.duration, is_job=True, savepoint=savepoint, probed=probed)
        self._works[job.name] = work
        self._names[work.number] = job.name
        self._sizes[job.name] = job.size

    def _drop(self, name: str) -> Work | None:
        """Under the lock."""
        self._begun.discard(name)
        self._suspects.discard(name)
        self._sizes.pop(name, None)
        self._unwritten.pop(name, None)
        self._savepoints.forget(name)
        work = self._works.pop(name, None)
        if work:
            self._names.pop(work.number, None)
            work.is_kept.set()
        return work

    def _hear(self, work: Work) -> None:
        """Any end may let a job begin. The desk calls this under its lock, so it must not take ours."""
        self._ended.put(work if work.is_job else None)

    def _follow(self) -> None:
        told = ""
        while not self._stopped:
            with suppress(queue.Empty):
                self._note_end(self._ended.get(timeout=min(_TICK_SECONDS, max(0.05, self._sweep_seconds()))))
            try:
                self._do_rounds()
                told = ""
            except OutputUnwritable as error:
                if str(error) != told:
                    _LOG.warning("What came of jobs cannot be written down; tried again: %s", error)
                told = str(error)
                time.sleep(_RETRY_SECONDS)
            except Exception:
                _LOG.exception("The follower of jobs failed, and goes on.")

    def _note_end(self, work: Work | None) -> None:
        with self._lock:
            if work and (name := self._names.get(work.number)):
                self._unwritten[name] = work

    def _do_rounds(self) -> None:
        if time.monotonic() >= self._next_sweep:  # first, as it makes room on a full disk
            self._store.remove_expired(time.time())
            self._next_sweep = time.monotonic() + self._sweep_seconds()
        for name, work in list(self._unwritten.items()):
            with self._lock:
                if self._works.get(name) is work:  # else removed, and perhaps made anew under the same id
                    self._settle(name, work)
        with self._lock:
            for name, work in self._works.items():
                if name not in self._begun and work.view.state is State.RUNNING:
                    self._store.begin(name)
                    self._begun.add(name)
            self._savepoints.write_if_due(self._works)
        self._advance()

    def _settle(self, name: str, work: Work) -> None:
        """Under the lock: nobody may remove the job meanwhile, and make another under its name."""
        view = work.view
        job = self._store.get(name)
        if job is None:  # lost with a damaged database
            self._folder.remove(name)
        elif view.transcript is not None:
            self._endings.finish(job, view.transcript)
        elif view.state is State.FAILED and not isinstance(view.error, Overloaded):
            self._endings.fail(job, view.error or EngineFailed("The recognition failed."))
        else:  # the desk closes
            self._store.put_back(name)
            self._drop(name)
            self._backlog[name], self._sizes[name] = job, job.size
            return
        self._drop(name)

    def _advance(self) -> None:
        """Submit of the backlog what the desk takes; of jobs that may begin only once more, one at a time."""
        with self._lock:
            for job in list(self._backlog.values()):
                if _is_suspect(job) and self._suspects:
                    continue
                try:
                    self._submit(job)
                except Overloaded:
                    return
                del self._backlog[job.name]
                if _is_suspect(job):
                    self._suspects.add(job.name)

    def _sweep_seconds(self) -> float:
        return min(_SWEEP_SECONDS, self._settings.keep_seconds)


def _is_suspect(job: Job) -> bool:
    return job.starts == MOST_STARTS - 1
