"""Errors for the routes of other servers, whose clients expect another shape than OpenAI's."""

from flask import Response
from werkzeug.exceptions import HTTPException

from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.http_errors import handle_api, handle_http, handle_unexpected

__all__ = ["usual_answer"]


def usual_answer(error: Exception) -> tuple[Response, str]:
    """What the rest of the server answers to this error, and the message in it."""
    match error:
        case ApiError():
            response = handle_api(error)
        case HTTPException():
            response = handle_http(error)
        case _:
            response = handle_unexpected(error)
    return response, response.get_json()["error"]["message"]
