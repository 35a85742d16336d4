"""What a server answers instead of doing it, and what that is here: the errors that the same input has locally.

So a batch goes on, stops and ends with the same exit code wherever it is transcribed.
"""

import http.client
import json
from collections.abc import Mapping
from typing import Any

from parakeet_cli.display import display
from parakeet_cli.errors import (
    AudioTooLong,
    AudioTooShort,
    DecodeKilled,
    DecodeTimeout,
    DeviceUnavailable,
    DiskFull,
    EmptyMedia,
    EngineFailed,
    FfmpegMissing,
    InputError,
    ModelError,
    ModelNotFound,
    NoAudioStream,
    NotMedia,
    Overloaded,
    ParakeetError,
    RecognitionFailed,
    ServerRefused,
)

__all__ = ["Refusal", "as_error", "read_refusal"]

_LARGEST = 1 << 16
"""Bytes of an answer that is an error."""
_LONGEST_MESSAGE = 500
_LONGEST_WAIT = 60

_PASSING = frozenset({408, 409, 429, 500, 502, 503, 504, 507})
"""Statuses after which the same may succeed later; 409: the same upload is still being taken."""

_SENTENCES = {413: "It is larger than the server, or a proxy before it, takes; send its sound alone."}
"""Where the answer has none."""

_CODES: Mapping[str, type[ParakeetError]] = {
    "empty_file": EmptyMedia,
    "no_audio_stream": NoAudioStream,
    "audio_too_short": AudioTooShort,
    "audio_too_long": AudioTooLong,
    "recognition_failed": RecognitionFailed,
    "decode_timeout": DecodeTimeout,
    "decode_killed": DecodeKilled,
    "engine_error": RecognitionFailed,  # of two engines in a row, so it is the recording's fault
    "server_ended": RecognitionFailed,
    "model_not_found": ModelNotFound,
    "model_unavailable": ModelError,
    "gpu_unavailable": DeviceUnavailable,
    "decoder_unavailable": FfmpegMissing,
    "insufficient_storage": DiskFull,
    "server_is_overloaded": Overloaded,
    "jobs_unavailable": ServerRefused,
    "host_not_allowed": ServerRefused,
    "cross_origin": ServerRefused,
}


class Refusal(Exception):
    """An answer that is no success; ``fields`` are those of its error object."""

    def __init__(self, status: int, fields: Mapping[str, Any], retry_after: float | None = None) -> None:
        message = fields.get("message")
        super().__init__(message if isinstance(message, str) else _SENTENCES.get(status, f"it answers {status}"))
        self.status = status
        self.fields = fields
        self.retry_after = retry_after
        """Seconds."""

    @property
    def code(self) -> str:
        code = self.fields.get("code")
        return code if isinstance(code, str) else ""

    @property
    def is_passing(self) -> bool:
        """Whether it is worth to ask again; what is wrong with the recording stays wrong."""
        kind = _CODES.get(self.code)
        return self.status in _PASSING and not (kind and issubclass(kind, InputError))

    @property
    def is_fault(self) -> bool:
        """The server failed where it should not have: again only a few times."""
        return self.status == 500


def read_refusal(response: http.client.HTTPResponse) -> Refusal:
    """Raises ``OSError`` and ``HTTPException`` where the answer breaks off."""
    try:
        fields = json.loads(response.read(_LARGEST))["error"]
    except (ValueError, TypeError, LookupError, RecursionError):
        fields = {}
    wait = response.headers.get("Retry-After", "")
    return Refusal(
        response.status,
        fields if isinstance(fields, dict) else {},
        float(min(int(wait), _LONGEST_WAIT)) if wait.isascii() and wait.isdigit() else None,
    )


def as_error(refusal: Refusal, server: str) -> ParakeetError:
    """``server`` is its address. The message is the server's own where it has one."""
    message = display(str(refusal)[:_LONGEST_MESSAGE])
    kind = _CODES.get(refusal.code)
    if kind is not None and issubclass(kind, InputError):
        return kind(message)
    if kind is None and refusal.code == "invalid_value" and refusal.fields.get("param") == "file":
        return NotMedia(message)
    if kind is None and (refusal.status in (401, 403, 404, 405) or refusal.status < 400):
        return ServerRefused(f"{server} does not take this: {_refused(refusal, message)}")
    if kind is None and refusal.status < 500:
        return InputError(message)
    return (kind or EngineFailed)(f"{server} cannot do it: {message}")


def _refused(refusal: Refusal, message: str) -> str:
    match refusal.status:
        case 401:
            return f"{message.rstrip('.')}; set PARAKEET_SERVER_KEY to a key of that server."
        case status if status < 400:
            return "it sends us to another address; give that one with --server."
    return f"{message.rstrip('.')}; check --server." if refusal.fields else "it is no parakeet serve; check --server."
