"""Errors as OpenAI's clients understand them: a status, and ``{"error": {message, type, param, code}}``."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ApiError"]

INVALID_REQUEST = "invalid_request_error"


class ApiError(Exception):
    """An answer that is no success. ``message`` is one sentence for whoever sent the request."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str = INVALID_REQUEST,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.kind = kind
        self.headers = headers

    def body(self) -> dict[str, dict[str, str | None]]:
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}
