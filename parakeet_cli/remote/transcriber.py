"""The Transcriber whose work a server does: recordings in, the same events out."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import PurePath

from parakeet_cli.errors import InputError, ParakeetError
from parakeet_cli.remote.client import Lost
from parakeet_cli.remote.errand import Errand
from parakeet_cli.remote.jobs import Jobs, Served
from parakeet_cli.remote.patience import Patience, given_up
from parakeet_cli.remote.refusals import Refusal
from parakeet_cli.settings import RemoteSettings
from parakeet_cli.transcription.events import Event, Failed, Finished, Progress, Recording
from parakeet_cli.transcription.media.inputs import DescriptorMedia, FileMedia, Media, UrlMedia, media_name
from parakeet_cli.transcription.media.interruption import Interrupted, Interruption
from parakeet_cli.transcription.media.media_file import open_media

__all__ = ["RemoteTranscriber", "look_up"]

OnBytes = Callable[[int, int, int | None], None]
"""Told a recording's number, the bytes that came or went, and of how many."""


def look_up(jobs: Jobs, model: str | None) -> Served:
    """What the server has, under this name or at all; asked once, as a wrong address does not become right.

    Raises ``EngineError``.
    """
    try:
        return jobs.served(model)
    except (Lost, Refusal) as failure:
        raise given_up(failure, jobs.server) from failure


class RemoteTranscriber:
    """Several recordings are at the server at one time, each in a thread of its own."""

    def __init__(
        self,
        jobs: Jobs,
        model: str,
        fingerprint: str,
        settings: RemoteSettings,
        on_download: OnBytes,
        on_upload: OnBytes,
    ) -> None:
        """``on_download`` is told of URLs that are fetched, ``on_upload`` of what is sent, both from other threads."""
        self._jobs = jobs
        self._model = model
        self._fingerprint = fingerprint
        self._settings = settings
        self._on_download = on_download
        self._on_upload = on_upload
        self._patience = Patience(jobs.server, settings)
        self._told: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._is_closing = False
        self._interruptions: dict[int, Interruption] = {}
        """Of the recordings under way."""
        self._at_server: set[int] = set()
        self._ids: dict[int, list[str]] = {}
        """Of the jobs that the server still has, by recording."""
        self._unwanted: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._deleter = threading.Thread(target=self._delete, name="deleter", daemon=True)

    def transcribe(self, recordings: Iterable[Recording]) -> Iterator[Event]:
        """As ``Transcriber.transcribe``, but that several threads draw ``recordings``, one at a time; once only."""
        draw = _Draw(recordings)
        self._deleter.start()
        working = self._settings.at_once
        for place in range(working):
            threading.Thread(target=self._work, args=(draw,), name=f"remote {place}", daemon=True).start()
        while working:
            item = self._told.get()
            if item is None:
                working -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item

    def forget(self, number: int) -> None:
        """The transcript of this recording is safe: the server need not keep it. Returns at once."""
        with self._changed:
            ids = self._ids.pop(number, [])
        for job_id in ids:
            self._unwanted.put(job_id)

    def close(self) -> None:
        """End what is under way, and have every job deleted that is left, as far as that goes quickly."""
        end = time.monotonic() + self._settings.farewell_seconds
        with self._changed:
            self._is_closing = True
            for interruption in self._interruptions.values():
                interruption.interrupt()
            self._changed.wait_for(lambda: not self._at_server, self._settings.farewell_seconds)
            left = list(self._ids)
        for number in left:
            self.forget(number)
        self._unwanted.put(None)
        if self._deleter.ident is not None:
            self._deleter.join(max(0.0, end - time.monotonic()))

    def _work(self, draw: "_Draw") -> None:
        try:
            while (recording := draw()) is not None:
                interruption = Interruption()
                with self._changed:
                    if self._is_closing:
                        return
                    self._interruptions[recording.number] = interruption
                self._do(recording, interruption)
                with self._changed:
                    del self._interruptions[recording.number]
        except Interrupted:
            return
        except BaseException as error:
            self._told.put(error)
        finally:
            self._told.put(None)

    def _do(self, recording: Recording, interruption: Interruption) -> None:
        number, tell = recording.number, self._told.put
        errand = Errand(
            self._jobs, self._fingerprint, self._patience, interruption, partial(self._remember, number), tell
        )
        try:
            with open_media(recording.media, partial(self._on_download, number), interruption) as file:
                on_upload = partial(self._on_upload, number)
                with self._counted(number):
                    transcript = errand.run(number, file, _name(recording.media), self._model, on_upload)
        except InputError as error:
            tell(Failed(number, error))
            self.forget(number)
            return
        tell(Progress(number, transcript.duration))
        tell(Finished(number, transcript, 0.0))

    @contextmanager
    def _counted(self, number: int) -> Iterator[None]:
        """Within, the server may be making a job of which we do not know the id yet."""
        with self._changed:
            self._at_server.add(number)
        try:
            yield
        finally:
            with self._changed:
                self._at_server.discard(number)
                self._changed.notify_all()

    def _remember(self, number: int, job_id: str) -> None:
        with self._changed:
            self._ids.setdefault(number, []).append(job_id)

    def _delete(self) -> None:
        while (job_id := self._unwanted.get()) is not None:
            with suppress(Lost, Refusal, ParakeetError):  # the server forgets it by itself, later
                self._jobs.delete(job_id, self._settings.farewell_seconds)


class _Draw:
    """An iterator for several threads; None when there is nothing more."""

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self._recordings = iter(recordings)
        self._lock = threading.Lock()

    def __call__(self) -> Recording | None:
        with self._lock:
            return next(self._recordings, None)


def _name(media: Media) -> str:
    match media:
        case FileMedia(path=path):
            return path.name
        case UrlMedia(url=url):
            return PurePath(url.partition("?")[0]).name or media_name(media)
        case DescriptorMedia(name=name):
            return name
    return media_name(media)
