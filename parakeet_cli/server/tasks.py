"""How a request is answered: by the application, or as a refusal; either is reported."""

import json
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from waitress.channel import ClientDisconnected
from waitress.task import ErrorTask, WSGITask

from parakeet_cli.server.app import new_request_id, standing_headers
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.http_errors import INTERNAL
from parakeet_cli.server.openai_api import header_text
from parakeet_cli.server.parser import LARGEST_HEAD

__all__ = ["Answered", "RefusalTask", "Task"]

_CLIENT_LEFT = 499
"""In the log only: nobody got a status."""
_SENTENCES = {
    400: "The request is malformed.",
    413: "The request is larger than this server takes.",
    431: f"The request's headers are larger than {LARGEST_HEAD} bytes.",
    501: "The request's transfer encoding is not supported.",
}
"""Of waitress's own errors."""
_WHISPER_CPP = ("/inference", "/load")
"""Routes whose errors are texts."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One request, for the log and the metrics. ``route`` is the rule of the URL, ``path`` what was asked for."""

    request_id: str
    client: str
    method: str
    path: str
    route: str
    status: int
    seconds: float
    received: int
    """Bytes of the body."""


class _Reported:
    """Of a task: says afterwards what came of it."""

    request_id = ""

    def service(self) -> None:
        request = self.request  # type: ignore[attr-defined]
        channel = self.channel  # type: ignore[attr-defined]
        status = 0
        try:
            super().service()  # type: ignore[misc]
        except ClientDisconnected:
            status = _CLIENT_LEFT
            raise
        except Exception:
            status = 500
            raise
        finally:
            channel.server.report(
                Answered(
                    request_id=self.request_id or self._told_request_id(),
                    client=str(channel.addr[0]),
                    method=getattr(request, "command", "?"),
                    path=getattr(request, "path", "?"),
                    route=request.permit.route if request.permit else "unmatched",
                    status=status or int(self.status.split()[0]),  # type: ignore[attr-defined]
                    seconds=time.monotonic() - request.began,
                    received=request.body_bytes_received,
                )
            )

    def _told_request_id(self) -> str:
        headers = self.response_headers  # type: ignore[attr-defined]
        return next((value for name, value in headers if name.lower() == "x-request-id"), "")


class Task(_Reported, WSGITask):  # type: ignore[misc]
    pass


class RefusalTask(_Reported, ErrorTask):  # type: ignore[misc]
    """Our refusals and waitress's errors, as JSON; the connection is closed then."""

    def execute(self) -> None:
        error = _api_error(self.request.error)
        path = getattr(self.request, "path", "").rstrip("/")
        document = {"error": error.message} if path in _WHISPER_CPP else error.body()
        body = json.dumps(document, ensure_ascii=False).encode()
        self.request_id = new_request_id()
        self.status = f"{error.status} {HTTPStatus(error.status).phrase}"
        headers = {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            **standing_headers(self.request_id, self.request.began),
            **error.headers,
            **self.channel.server.admission.access.origins.answer_headers(self.request.header),
        }
        if path == "/asr":  # Bazarr saves any body as the subtitles
            headers["X-Parakeet-Error"] = header_text(error.message)
            body = b""
        self.response_headers.extend(headers.items())
        self.set_close_on_finish()
        self.content_length = len(body)
        if getattr(self.request, "command", None) == "HEAD":
            body = b""
        self.write(body)


def _api_error(error: Any) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if error.code >= 500 and error.code != 501:
        return ApiError(error.code, INTERNAL, kind="server_error")
    return ApiError(error.code, _SENTENCES.get(error.code, error.reason))
