"""Who may use the API: keys are compared by their SHA-256, all of them each time, so that the time tells nothing."""

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from flask import g

from parakeet_cli.display import display
from parakeet_cli.server.errors import ApiError

__all__ = ["Keys", "key_holder", "read_keys"]

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_SHOWN = 4
"""Characters of a wrong key that the answer repeats at its start; as many again must stay hidden."""


class Keys:
    """The keys that open the API; none at all leaves it open."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key.encode()) for key in keys]

    def holder(self, authorization: str | None, api_key: str | None = None) -> str:
        """The SHA-256 of the key in hex, as the name of who holds it; "" where no keys are set.

        Takes the values of the headers ``Authorization`` (``Bearer KEY``) and ``api-key``, of which the first counts.
        Raises ``ApiError`` 401 for a missing or a wrong key. Two ``Authorization`` headers arrive joined, and match
        nothing.
        """
        if not self._digests:
            return ""
        given = _given(authorization, api_key)
        if not given:
            raise ApiError(
                401,
                "There is no API key in the request; send the header “Authorization: Bearer KEY”.",
                headers=_CHALLENGE,
            )
        digest = _digest(given.encode("latin-1", "replace"))  # header values are bytes that WSGI reads as Latin-1
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if not any(matches):
            raise ApiError(
                401, f"Incorrect API key provided: {_mask(given)}.", code="invalid_api_key", headers=_CHALLENGE
            )
        return digest.hex()


def key_holder() -> str:
    """Whose key came with this request, as ``Keys.holder`` names them."""
    return str(g.key_holder)


def read_keys(path: Path) -> list[str]:
    """One key a line; empty lines and what begins with # do not count. Raises ``OSError`` and ``ValueError``."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _given(authorization: str | None, api_key: str | None) -> str:
    if authorization is None:
        return (api_key or "").strip()
    scheme, _, credentials = authorization.strip().partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _mask(key: str) -> str:
    if len(key) < 4 * _SHOWN:
        return "***"
    return display(f"{key[:_SHOWN]}***{key[-2:]}")
