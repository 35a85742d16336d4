"""Which names the server answers to, and which web pages may use it: guards against DNS rebinding and foreign pages."""

import ipaddress
import re
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from parakeet_cli.display import display
from parakeet_cli.server.errors import ApiError

__all__ = ["Header", "Origins", "is_loopback", "is_wildcard"]

Header = Callable[[str], str | None]
"""The value of a request's header by its name."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::\d{1,5})?")
_HEADER_NAMES = re.compile(r"[A-Za-z0-9_-]+(?: *, *[A-Za-z0-9_-]+)*")
_EXPOSED = "X-Request-Id, Retry-After, Location, Content-Disposition, openai-processing-ms"


class Origins:
    """``bound`` is the address that the server listens at, ``hosts`` are more names of it, ``pages`` foreign origins
    (``https://host:port``) whose scripts may use the API."""

    def __init__(self, bound: str, hosts: Iterable[str], pages: Iterable[str]) -> None:
        self._hosts = {*_LOOPBACK, bound.lower(), *(_name(host) or host.lower() for host in hosts)}
        self._takes_addresses = is_wildcard(bound)
        self._pages = frozenset(page.rstrip("/").lower() for page in pages)

    def check_host(self, host: str | None) -> None:
        """Raise ``ApiError`` 400 for a name that is not ours: a page may have made its own name lead here.

        An address as such cannot be made to lead elsewhere, so at a wildcard address any is taken.
        """
        if host is None:
            return  # HTTP/1.0; browsers never leave it out
        name = _name(host)
        if name is None or not (name in self._hosts or (self._takes_addresses and _is_address(name))):
            raise ApiError(
                400,
                f"This server does not answer to the name {display(host[:100])}; "
                "start it with --allow-host and that name if it is right.",
                code="host_not_allowed",
            )

    def check_page(self, method: str, header: Header) -> None:
        """Raise ``ApiError`` 403 if the script or form of a foreign web page sent a request that does something."""
        origin = header("Origin")
        if method in _SAFE_METHODS or self._is_allowed(origin):
            return
        site = header("Sec-Fetch-Site")
        if site is not None:
            is_ours = site in ("same-origin", "none")
        else:
            is_ours = origin is None or _place(origin) == (header("Host") or "").lower()
        if not is_ours:
            raise ApiError(
                403,
                "A web page of another site may not use this server; start it with --cors-origin and the page's origin "
                "to allow that.",
                code="cross_origin",
            )

    def answer_headers(self, header: Header) -> dict[str, str]:
        """What lets an allowed page's script read the answer."""
        origin = header("Origin")
        if not self._pages:
            return {}
        if origin is None or not self._is_allowed(origin):
            return {"Vary": "Origin"}
        return {"Vary": "Origin", "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED}

    def preflight_headers(self, header: Header) -> dict[str, str]:
        """What tells a browser that an allowed page may go on; nothing for others."""
        if not self._is_allowed(header("Origin")):
            return {}
        asked = header("Access-Control-Request-Headers") or ""
        return {
            "Access-Control-Allow-Methods": "GET, POST, DELETE",
            "Access-Control-Allow-Headers": asked if _HEADER_NAMES.fullmatch(asked) else "Authorization, Content-Type",
            "Access-Control-Max-Age": "600",
        }

    def _is_allowed(self, origin: str | None) -> bool:
        return origin is not None and origin.lower() in self._pages


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_wildcard(host: str) -> bool:
    """All addresses of the machine."""
    return host == "" or (_is_address(host) and ipaddress.ip_address(host).is_unspecified)


def _name(host: str) -> str | None:
    """The name or address of a ``Host`` header, without port, brackets and final dot; None if it is neither."""
    match = _HOST.fullmatch(host)
    return match[1].strip("[]").rstrip(".").lower() if match else None


def _place(origin: str) -> str:
    """Host and port of an ``Origin`` header, or what no ``Host`` header is like."""
    try:
        return urlsplit(origin).netloc.lower() or "?"
    except ValueError:
        return "?"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
