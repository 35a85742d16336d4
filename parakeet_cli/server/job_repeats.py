"""Requests for jobs that come again under the same ``Idempotency-Key``: they get the job that the first one made.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.job_store import JobStore

__all__ = ["Claim", "JobRepeats", "job_name"]

_LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose job this is to be. ``request`` tells requests apart that came with the same key."""

    job_id: str
    request: bytes
    is_known: bool
    """The job is there."""


class JobRepeats:
    """The id of such a job follows from the key, who sent it, and a secret of the database, so it need not be kept."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._claimed: set[str] = set()

    @contextmanager
    def claim(self, key: str, holder: str, request: bytes) -> Iterator[Claim]:
        """Nobody else has the key meanwhile; ``request`` is a digest of all that was asked for.

        Raises ``ApiError``: 400 about the key; 409 while another request has it; 422 if its job is of another request.
        And as methods of ``JobStore``.
        """
        job_id = self._job_id(key, holder)
        with self._lock:
            if job_id in self._claimed:
                raise ApiError(
                    409,
                    "Another request with this Idempotency-Key is under way; send it again when that is answered.",
                    code="idempotency_key_in_use",
                    headers={"Retry-After": "1"},
                )
            self._claimed.add(job_id)
        try:
            yield Claim(job_id, request, self._is_known(job_name(job_id), request))
        finally:
            with self._lock:
                self._claimed.discard(job_id)

    def _job_id(self, key: str, holder: str) -> str:
        if not 0 < len(key) <= _LONGEST_KEY:
            raise ApiError(400, f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters; send a UUID.")
        digest = hmac.digest(self._store.secret(), f"{holder}\n{key}".encode(), hashlib.sha256)
        return f"job_{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"

    def _is_known(self, name: str, request: bytes) -> bool:
        job = self._store.get(name)
        if job is None:
            return False
        if job.expires is not None and job.expires <= time.time():
            self._store.remove(name)
            return False
        if self._store.request(name) != request:
            raise ApiError(
                422,
                "This Idempotency-Key came with another file or other fields before; take a new key for each request.",
                code="idempotency_key_reused",
            )
        return True


def job_name(job_id: str) -> str:
    """What a job is called on the disk."""
    return hashlib.sha256(job_id.encode("utf-8", "replace")).hexdigest()
