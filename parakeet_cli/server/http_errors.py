"""HTTP's own errors (no such page, wrong method, too large) in the shape that OpenAI's clients read."""

import errno
import logging
from http import HTTPStatus

from flask import Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from parakeet_cli.display import display
from parakeet_cli.errors import ParakeetError
from parakeet_cli.server.errors import ApiError, api_error

__all__ = [
    "INTERNAL",
    "api_response",
    "from_http",
    "handle_api",
    "handle_http",
    "handle_parakeet",
    "handle_unexpected",
    "no_disk",
    "overloaded",
]

_LOG = logging.getLogger(__name__)

_LONGEST_PATH = 200
"""Characters of a path that a message repeats."""

INTERNAL = "The server had an error while it processed the request; try again, and tell its operator the request id."

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
"""Errors of the system that pass when other requests are done."""

_SENTENCES = {
    400: "The request is malformed.",
    413: "The request is larger than this server takes.",
    415: "This kind of body is not understood; send multipart/form-data.",
}


def from_http(error: HTTPException, method: str, path: str) -> ApiError:
    status = error.code or 500
    where = f"{method} {display(path[:_LONGEST_PATH])}"
    match status:
        case 404:
            return ApiError(404, f"Invalid URL ({where})")
        case 405:
            allowed = ", ".join(sorted(error.valid_methods or ())) if isinstance(error, MethodNotAllowed) else ""
            return ApiError(
                405,
                f"Method not allowed ({where}); allowed: {allowed}.",
                code="method_not_supported",
                headers={"Allow": allowed},
            )
        case 500:
            return ApiError(500, INTERNAL, kind="server_error")
    kind = "server_error" if status > 500 else "invalid_request_error"
    return ApiError(status, _SENTENCES.get(status, f"{HTTPStatus(status).phrase}."), kind=kind)


def overloaded(retry_after: int) -> ApiError:
    """``retry_after`` in seconds."""
    return ApiError(
        503,
        "The server has no room for more; try again later.",
        code="server_is_overloaded",
        kind="service_unavailable_error",
        headers={"Retry-After": str(retry_after)},
    )


def no_disk(message: str) -> ApiError:
    """Clients may try it again."""
    return ApiError(507, message, code="insufficient_storage", kind="server_error")


def api_response(error: ApiError) -> Response:
    response = jsonify(error.body())
    response.status_code = error.status
    response.headers.extend(dict(error.headers))
    return response


def handle_api(error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return api_response(error)


def handle_parakeet(error: Exception) -> Response:
    assert isinstance(error, ParakeetError)
    return api_response(api_error(error))


def handle_http(error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return api_response(from_http(error, request.method, request.path))


def handle_unexpected(error: Exception) -> Response:
    """The traceback goes to the log, under the id that the answer carries."""
    if isinstance(error, OSError) and error.errno in _EXHAUSTED:
        _LOG.warning("request %s met %s", g.get("request_id"), error.strerror)
        return api_response(overloaded(retry_after=5))
    _LOG.error("request %s failed", g.get("request_id"), exc_info=error)
    return api_response(ApiError(500, INTERNAL, kind="server_error"))
