"""Fetches a media URL into a file, going on where a broken connection left it."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from parakeet_cli.display import display
from parakeet_cli.errors import DownloadFailed

__all__ = ["OnDownload", "fetch", "public_address", "write_all"]

OnDownload = Callable[[int, int | None], None]
"""Called with the bytes received so far and, if the server tells, of how many."""

_TIMEOUT_SECONDS = 30
_ATTEMPTS = 4
_BLOCK_BYTES = 1 << 16


class _AnotherFile(Exception):
    """What came is no continuation of what is there."""


@dataclass(slots=True)
class _Progress:
    received: int = 0
    total: int | None = None
    has_begun: bool = False
    """Something came once."""
    validator: str | None = None
    """Tells whether a later answer continues the same file (RFC 9110, 13.1.5)."""

    @property
    def complete(self) -> bool:
        return self.total is None or self.received >= self.total


def fetch(url: str, file: BinaryIO, on_download: OnDownload | None = None) -> None:
    """Write the body behind an http(s) URL to an empty, unbuffered file.

    A connection that breaks is taken up again with a range request, three times.

    Raises:
        DownloadFailed: no such host, an error status, or a body that stays short.
    """
    opener = _opener()
    progress = _Progress()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _receive(opener, _request(url, progress), file, progress, on_download)
        except _AnotherFile:
            progress = _Progress(has_begun=True)
        except (
            HTTPError,
            URLError,
            http.client.HTTPException,
            TimeoutError,
            ConnectionError,
            ValueError,
        ) as error:
            if isinstance(error, HTTPError):
                error.close()
            if attempt == _ATTEMPTS or not progress.has_begun or isinstance(error, HTTPError):
                raise DownloadFailed(f"{public_address(url)} {_explain(error)}; check the address.") from error
        else:
            if progress.complete:
                return
    if progress.total is None:
        raise DownloadFailed(f"{public_address(url)} has another file at each try; try again later.")
    raise DownloadFailed(
        f"{public_address(url)} sent {progress.received} of {progress.total} bytes and broke off; try again later."
    )


def write_all(file: BinaryIO, block: bytes) -> None:
    """Write the whole block to an unbuffered file, whose own ``write`` may take a part of it."""
    view = memoryview(block)
    while view:
        view = view[file.write(view) :]


def _opener() -> OpenerDirector:
    """Only http and https, so that no redirect leads to ftp or to a local file."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler,
        HTTPHandler,
        HTTPSHandler,
        HTTPRedirectHandler,
        HTTPDefaultErrorHandler,
        HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _request(url: str, progress: _Progress) -> Request:
    headers = {"User-Agent": "parakeet-cli", "Accept": "*/*", "Accept-Encoding": "identity"}
    if progress.received and progress.validator:  # without one nothing would tell another file
        headers["Range"] = f"bytes={progress.received}-"
        headers["If-Range"] = progress.validator
    return Request(quote(url, safe="%/:=&?~#+!$,;'@()*[]"), headers=headers)


def _receive(
    opener: OpenerDirector,
    request: Request,
    file: BinaryIO,
    progress: _Progress,
    on_download: OnDownload | None,
) -> None:
    with _network():
        response = opener.open(request, timeout=_TIMEOUT_SECONDS)
    if response is None:
        raise ValueError("redirects to something that is neither http nor https")
    with response:
        length = response.headers.get("Content-Length", "")
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            file.seek(0)
            file.truncate()
            progress.received, progress.validator = 0, None
        elif not _continues(response, progress):
            raise _AnotherFile
        progress.total = progress.received + int(length) if length.isdecimal() else None
        progress.validator = _validator(response) or progress.validator
        while block := _read(response):
            write_all(file, block)
            progress.received += len(block)
            progress.has_begun = True
            if on_download:
                on_download(progress.received, progress.total)


def _read(response: http.client.HTTPResponse) -> bytes:
    with _network():
        return response.read(_BLOCK_BYTES)


@contextmanager
def _network() -> Iterator[None]:
    """Within, what the system says of a connection is told from what it says of a disk; TLS has such numbers too."""
    try:
        yield
    except (URLError, TimeoutError, ConnectionError):
        raise
    except OSError as error:
        raise ConnectionError(error.strerror or str(error)) from error


def _continues(response: http.client.HTTPResponse, progress: _Progress) -> bool:
    """Whether it is the rest of the same file; a server may have another by now, and ignore ``If-Range``."""
    part = str(response.headers.get("Content-Range", ""))
    place, _, total = part.removeprefix("bytes ").partition("/")
    is_as_long = progress.total is None or total in ("*", str(progress.total))
    is_same = _validator(response) in (None, progress.validator)  # it need not be told again (RFC 9110, 15.3.7)
    return place.startswith(f"{progress.received}-") and is_as_long and is_same


def _validator(response: http.client.HTTPResponse) -> str | None:
    tag = response.headers.get("ETag")
    return str(tag) if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def public_address(url: str) -> str:
    """The URL as it may be shown: without password, query and fragment, any of which may be a secret."""
    try:
        parts = urlsplit(url)
        return display(f"{parts.scheme}://{parts.hostname or ''}{parts.path}")
    except ValueError:
        return "the address"


def _explain(error: Exception) -> str:
    match error:
        case HTTPError():
            return f"answered {error.code} {display(str(error.reason))}".rstrip()
        case TimeoutError():
            return f"did not answer for {_TIMEOUT_SECONDS} s"
        case URLError(reason=TimeoutError()):
            return f"did not answer for {_TIMEOUT_SECONDS} s"
        case URLError(reason=OSError() as reason):
            return f"cannot be reached ({display(reason.strerror or str(reason))})"
        case _:
            return f"could not be read ({display(str(error))})"
