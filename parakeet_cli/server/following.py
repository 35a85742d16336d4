"""Following work from the thread of its request: as long as the client stays, and no longer."""

import math
import time
from collections.abc import Callable, Iterator

from flask import request

from parakeet_cli.server.errors import UNAVAILABLE, ApiError, api_error
from parakeet_cli.server.work import State, View, Work
from parakeet_cli.transcript import Transcript

__all__ = ["ClientGone", "IsGone", "client_watch", "follow", "settle", "transcript_of"]

_POLL_SECONDS = 0.1
"""Between two looks at whether the client is still there."""

IsGone = Callable[[], bool]


class ClientGone(ApiError):
    """Nobody reads this answer; 499 is what nginx logs for it."""

    def __init__(self) -> None:
        super().__init__(499, "The client closed the connection; its recording was given up.", code="client_gone")


def client_watch() -> IsGone:
    """Whether the client of this request has hung up, as far as the server that runs us tells; for any thread."""
    return request.environ.get("waitress.client_disconnected") or (lambda: False)


def follow(work: Work, is_gone: IsGone, seconds: float = math.inf) -> Iterator[View]:
    """Each change of the work, and the same view again where nothing changes for a while; at the end the final one.

    Ends after ``seconds`` whatever the work's state. Raises ClientGone, with the work cancelled, if the client leaves.
    """
    end = time.monotonic() + seconds
    view = work.view
    while not view.state.is_final and (left := end - time.monotonic()) > 0:
        yield view
        if is_gone():
            work.cancel()
            raise ClientGone
        view = work.wait(view.version, min(left, _POLL_SECONDS))
    yield view


def settle(work: Work, is_gone: IsGone, seconds: float = math.inf) -> View:
    """How the work is when ``follow`` ends."""
    for _ in follow(work, is_gone, seconds):
        pass
    return work.view


def transcript_of(view: View) -> Transcript:
    """The transcript of work that is over. Raises ApiError if there is none."""
    if view.transcript is not None:
        return view.transcript
    if view.error is not None:
        raise api_error(view.error)
    assert view.state is State.CANCELLED, "work that is over has a transcript, an error or was cancelled"
    raise ApiError(
        503, "The server is about to stop; send the file again.", kind=UNAVAILABLE, headers={"Retry-After": "10"}
    )
