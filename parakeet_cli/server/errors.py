"""Errors as OpenAI's clients understand them: a status, and ``{"error": {message, type, param, code}}``.

Their official clients send a request again after 408, 409, 429 and every 5xx, so whatever would fail again in the same
way is a 4xx. What an administrator must know (paths, drivers, disks) goes to the log, not to whoever sent the request.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from parakeet_cli.errors import (
    AudioTooLong,
    AudioTooShort,
    ChangedMedia,
    DecodeKilled,
    DecodeTimeout,
    DeviceUnavailable,
    DiskFull,
    EmptyMedia,
    EngineError,
    EngineFailed,
    FfmpegMissing,
    InputError,
    ModelError,
    NoAudioStream,
    NoSuchTrack,
    NotMedia,
    OutputUnwritable,
    Overloaded,
    ParakeetError,
    RecognitionFailed,
    UnreadableMedia,
    VanishedMedia,
)

__all__ = ["ApiError", "api_error"]

_LOG = logging.getLogger(__name__)

INVALID_REQUEST = "invalid_request_error"
SERVER_ERROR = "server_error"
UNAVAILABLE = "service_unavailable_error"

_LONGEST_WAIT = 60
"""Seconds; official clients ignore a longer Retry-After, or give up because of it."""


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


@dataclass(frozen=True, slots=True)
class _Answer:
    """``message`` None tells the error's own, which is about the client's file and names nothing else."""

    status: int
    code: str | None
    kind: str = INVALID_REQUEST
    message: str | None = None
    param: str | None = None
    is_to_wait: bool = False
    """Whether the client is told when to try again."""


def _file(code: str, status: int = 400, kind: str = INVALID_REQUEST) -> _Answer:
    return _Answer(status, code, kind, param="file")


def _server(status: int, code: str, message: str) -> _Answer:
    is_to_wait = status == 503
    return _Answer(status, code, UNAVAILABLE if is_to_wait else SERVER_ERROR, message, is_to_wait=is_to_wait)


_ANSWERS: Mapping[type[ParakeetError], _Answer] = {
    EmptyMedia: _file("empty_file"),
    NotMedia: _file("invalid_value"),
    NoAudioStream: _file("no_audio_stream"),
    NoSuchTrack: _file("no_such_track"),
    AudioTooShort: _file("audio_too_short"),
    AudioTooLong: _file("audio_too_long", 413),
    RecognitionFailed: _file("recognition_failed"),
    DecodeTimeout: _file("decode_timeout", 504, SERVER_ERROR),
    DecodeKilled: _server(500, "decode_killed", "The decoding of this file was stopped on the server; send it again."),
    ChangedMedia: _server(500, "media_lost", "The server lost its copy of this file; send it again."),
    UnreadableMedia: _server(500, "media_lost", "The server lost its copy of this file; send it again."),
    VanishedMedia: _server(500, "media_lost", "The server lost its copy of this file; send it again."),
    InputError: _file("invalid_value"),
    ModelError: _server(503, "model_unavailable", "The model cannot be loaded; the log of the server says why."),
    FfmpegMissing: _server(503, "decoder_unavailable", "The server cannot decode media; its log says why."),
    DiskFull: _server(507, "insufficient_storage", "The server's disk is full; send a smaller file, or wait."),
    OutputUnwritable: _server(507, "insufficient_storage", "The server cannot store uploads; its log says why."),
    DeviceUnavailable: _server(503, "gpu_unavailable", "The device that recognizes speech is not there; try later."),
    EngineFailed: _server(500, "engine_error", "The recognition failed on the server; send the file again."),
    EngineError: _server(500, "engine_error", "The recognition failed on the server; send the file again."),
    ParakeetError: _server(500, "engine_error", "The recognition failed on the server; send the file again."),
}


def api_error(error: ParakeetError) -> ApiError:
    """The answer to a request that this error ended. Errors that are the server's are written to the log.

    OpenAI's clients send again what fails with a 500; the desk has done so already with an engine that failed.
    """
    if isinstance(error, Overloaded):
        return _unavailable(str(error), error.code, error.retry_after)
    answer = next(_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)
    if answer.message is not None:
        _LOG.error("%s: %s", error.code, error)
    message = str(error) if answer.message is None else answer.message
    if answer.is_to_wait:
        return _unavailable(message, answer.code, _LONGEST_WAIT)
    headers = {"x-should-retry": "false"} if isinstance(error, EngineFailed) else {}
    return ApiError(answer.status, message, param=answer.param, code=answer.code, kind=answer.kind, headers=headers)


def _unavailable(message: str, code: str | None, seconds: int) -> ApiError:
    wait = str(min(max(1, seconds), _LONGEST_WAIT))
    return ApiError(503, message, code=code, kind=UNAVAILABLE, headers={"Retry-After": wait})
