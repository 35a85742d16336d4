"""HTTP's own errors (no such page, wrong method, too large) in the shape that OpenAI's clients read."""

import logging
from http import HTTPStatus

from flask import Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from parakeet_cli.display import display
from parakeet_cli.server.errors import ApiError

__all__ = ["INTERNAL", "api_response", "from_http", "handle_api", "handle_http", "handle_unexpected"]

_LOG = logging.getLogger(__name__)

_LONGEST_PATH = 200
"""Characters of a path that a message repeats."""

INTERNAL = "The server had an error while it processed the request; try again, and tell its operator the request id."

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


def api_response(error: ApiError) -> Response:
    response = jsonify(error.body())
    response.status_code = error.status
    response.headers.extend(dict(error.headers))
    return response


def handle_api(error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return api_response(error)


def handle_http(error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return api_response(from_http(error, request.method, request.path))


def handle_unexpected(error: Exception) -> Response:
    """The traceback goes to the log, under the id that the answer carries."""
    _LOG.error("request %s failed", g.get("request_id"), exc_info=error)
    return api_response(ApiError(500, INTERNAL, kind="server_error"))
