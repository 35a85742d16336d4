"""What a client sees of a job: an object at one moment, and a stream of events until it is over."""

import time
from collections.abc import Iterator
from dataclasses import replace

from parakeet_cli.errors import ParakeetError
from parakeet_cli.output.writers.cleaning import encodable
from parakeet_cli.output.writers.times import rounded
from parakeet_cli.server.desk import State
from parakeet_cli.server.errors import api_error
from parakeet_cli.server.following import IsGone
from parakeet_cli.server.job_orders import unpack_order
from parakeet_cli.server.job_runner import JobRunner
from parakeet_cli.server.job_view import JobView
from parakeet_cli.server.streaming import DONE, KEEP_ALIVE, error_event, event
from parakeet_cli.spacing import continuation

__all__ = ["JobEvents", "job_object"]

_SHORTEST_BETWEEN = 0.25
"""Seconds from one look at the job to the next; its end is told at once."""
_LONGEST_BETWEEN = 1.0
"""So long may it take until a queued job's new place is told, or a client that left is noticed."""


def job_object(job_id: str, view: JobView, model: str) -> dict[str, object]:
    """All of the job but its text. ``model`` is the checkpoint's name."""
    job = view.job
    order = unpack_order(job.order)
    duration, seconds = view.duration, rounded(view.seconds)
    return {
        "id": job_id,
        "object": "transcription.job",
        "status": view.state,
        "created_at": int(job.created),
        "filename": job.filename,
        "model": model,
        "response_format": order.format,
        "position": view.position,
        "trouble": None if view.trouble is None else str(view.trouble),
        "duration": None if duration is None else rounded(duration),
        "progress": {"seconds": seconds, "share": round(min(1.0, seconds / duration), 4) if duration else None},
        "eta_seconds": None if view.eta is None else round(view.eta, 1),
        "error": job.error and job.error.fields,
        "expires_at": None if job.expires is None else int(job.expires),
        "warnings": order.warnings,
    }


class JobEvents:
    """One client's stream. It begins with the whole job, so who lost the connection goes on by asking again."""

    def __init__(self, runner: JobRunner, job_id: str, holder: str, model: str, keep_alive: float) -> None:
        """``keep_alive``: seconds without an event until a comment is sent."""
        self._runner = runner
        self._id = job_id
        self._holder = holder
        self._model = model
        self._keep_alive = keep_alive
        self._told_at = 0.0
        self._text = ""
        self._words = 0

    def whole(self, view: JobView) -> dict[str, object]:
        """The job with the text so far."""
        self._grow(view)
        return {**job_object(self._id, view, self._model), "text": self._text}

    def follow(self, view: JobView, is_gone: IsGone) -> Iterator[bytes]:
        """The events from ``view`` on; takes a thread until the job is over, the client gone or the server draining.

        What fails meanwhile is an event, as the answer has begun.
        """
        try:
            yield event("job", self.whole(view))
            self._told_at = time.monotonic()
            if view.job.error is not None:
                yield error_event(view.job.error.as_api_error())
            while not view.state.is_final:
                self._pause(view)
                if is_gone() or self._runner.draining.is_set():
                    return
                before, view = view, self._runner.view(self._id, self._holder) or replace(view, state=State.CANCELLED)
                yield from self._news(before, view)
        except ParakeetError as error:
            yield error_event(api_error(error))
        yield DONE

    def _pause(self, view: JobView) -> None:
        earliest = time.monotonic() + _SHORTEST_BETWEEN
        self._runner.wait(self._id, view.version, _LONGEST_BETWEEN)
        self._runner.wait_for_end(self._id, max(0.0, earliest - time.monotonic()))

    def _news(self, before: JobView, view: JobView) -> Iterator[bytes]:
        news = []
        if delta := self._grow(view):
            news.append(event("transcript.text.delta", {"delta": delta}))
        if view.job.error is not None:
            news.append(error_event(view.job.error.as_api_error()))
        if _changing(view) != _changing(before):
            news.append(event("job", job_object(self._id, view, self._model)))
        now = time.monotonic()
        if not news and now - self._told_at >= self._keep_alive:
            news.append(KEEP_ALIVE)
        if news:
            self._told_at = now
        yield from news

    def _grow(self, view: JobView) -> str:
        """What the text has more than when it was looked at last."""
        if view.state is State.FINISHED:
            delta = (view.job.text or "").removeprefix(self._text)
        else:
            words = self._runner.words(self._id, self._words)
            self._words += len(words)
            delta = encodable(continuation(self._text, words))
        self._text += delta
        return delta


def _changing(view: JobView) -> tuple[object, ...]:
    """The time that is left is told along with what else changes."""
    return view.state, view.position, view.seconds, view.duration, view.trouble
