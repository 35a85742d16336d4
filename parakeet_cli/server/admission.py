"""Whether a request is let in, decided by its headers before a byte of its body is read."""

import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from parakeet_cli.errors import DiskFull
from parakeet_cli.server.access import OPEN, Access, area
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.http_errors import from_http, no_disk, overloaded
from parakeet_cli.server.services import Services
from parakeet_cli.server.spool import FORM_OVERHEAD, Reservation, Spool
from parakeet_cli.server.uploads import too_large

__all__ = ["Admission", "Head", "Kind", "Permit", "Tickets"]

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE", "TRACE"})
_LARGEST_SMALL_BODY = 64 << 10
"""Bytes that may come with a method that needs no body."""
_JOBS = "/v1/jobs"
_SUBTITLES = "/v1/subtitles"


class Kind(StrEnum):
    """How long a request keeps a thread, and so how many there may be."""

    QUICK = "quick"
    """Health and metrics: answered whatever else is going on, by threads of their own."""
    SHORT = "short"
    """Any number; they queue for the spare threads."""
    JOB = "job"
    """Leaves a recording behind, and is answered as soon as it is stored."""
    FOLLOWER = "follower"
    """Listens to a job until it is over."""
    RECORDING = "recording"
    """Waits until its recording is transcribed."""


class Head(Protocol):
    """A request without its body."""

    @property
    def method(self) -> str: ...

    @property
    def target(self) -> str:
        """The path, decoded."""

    @property
    def length(self) -> int | None:
        """Of the body in bytes; None if it comes in chunks."""

    def header(self, name: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Permit:
    """``route`` is the rule of the URL, ``largest`` the most bytes that its body may have."""

    kind: Kind
    route: str
    largest: int


class Tickets:
    """One for each request between its last byte and its answer; a slow sender holds none."""

    def __init__(self, limits: dict[Kind, int]) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._taken: Counter[Kind] = Counter()

    def are_left(self, kind: Kind) -> bool:
        return self._taken[kind] < self._limits.get(kind, 1 << 30)

    def taken(self, kind: Kind) -> int:
        return self._taken[kind]

    def take(self, kind: Kind) -> bool:
        with self._lock:
            if not self.are_left(kind):
                return False
            self._taken[kind] += 1
            return True

    def give_back(self, kind: Kind) -> None:
        with self._lock:
            self._taken[kind] -= 1


class Admission:
    """Asks the application's own routes and services. Called from the server's loop: it never waits."""

    def __init__(self, app: Flask, services: Services, spool: Spool) -> None:
        settings = services.settings
        self.tickets = Tickets(
            {
                Kind.RECORDING: settings.lifecycle.concurrency + settings.lifecycle.waiting,
                Kind.FOLLOWER: settings.front.followers,
            }
        )
        self.is_draining = False
        self.access = Access(settings)
        self._desk = services.desk
        self._uploads = settings.uploads
        self._spool = spool
        self._routes = app.url_map.bind("gate")

    def judge(self, head: Head) -> Permit:
        """Raises ``ApiError``: what ``Access.check`` raises; 404, 405; 413; 503 if there is no room."""
        endpoint, route, trouble = self._match(head)
        self.access.check(head.method, head.header, area(endpoint))
        if trouble:
            raise trouble
        permit = Permit(_kind(head, area(endpoint)), route, self._largest(head))
        if head.length is not None and head.length > permit.largest:
            raise self.too_large(permit)
        self.check_room(permit.kind)
        return permit

    def too_large(self, permit: Permit) -> ApiError:
        """About a body; what it names is the limit of a file, which is less than that of a form around it."""
        return too_large(min(permit.largest, self._uploads.max_bytes))

    def check_room(self, kind: Kind) -> None:
        """Raises ``ApiError`` 503."""
        if kind is Kind.QUICK:
            return
        is_upload = kind in (Kind.RECORDING, Kind.JOB)
        if (
            self.is_draining
            or not self.tickets.are_left(kind)
            or (is_upload and not self._desk.has_room(is_job=kind is Kind.JOB))
        ):
            raise self.refusal()

    def refusal(self) -> ApiError:
        return overloaded(self._desk.retry_after())

    def reservation(self) -> Reservation:
        return Reservation(self._spool)

    def reserve(self, reservation: Reservation, size: int) -> None:
        """Room on the disk for a body of ``size`` bytes and a copy of what is in it; raises ``ApiError`` 507."""
        try:
            reservation.grow(2 * size)
        except DiskFull as error:
            raise no_disk(str(error)) from error

    def _match(self, head: Head) -> tuple[str | None, str, ApiError | None]:
        try:
            rule, _ = self._routes.match(head.target, head.method, return_rule=True)
        except RequestRedirect:
            return None, "unmatched", None
        except HTTPException as error:
            return None, "unmatched", from_http(error, head.method, head.target)
        return rule.endpoint, rule.rule, None

    def _largest(self, head: Head) -> int:
        if head.method in _BODILESS:
            return _LARGEST_SMALL_BODY
        if _path(head) == _SUBTITLES:  # what is laid out is read whole, whatever it calls itself
            return self._uploads.form_bytes
        is_form = (head.header("Content-Type") or "").lower().startswith("multipart/form-data")
        return self._uploads.max_bytes + FORM_OVERHEAD if is_form else self._uploads.form_bytes


def _kind(head: Head, room: str | None) -> Kind:
    path = _path(head)
    if room in OPEN or room == "metrics":
        return Kind.QUICK
    if head.method == "POST" and path != _SUBTITLES:
        return Kind.JOB if path == _JOBS else Kind.RECORDING
    return Kind.FOLLOWER if path.startswith(_JOBS) and path.endswith("/events") else Kind.SHORT


def _path(head: Head) -> str:
    return head.target.rstrip("/")
