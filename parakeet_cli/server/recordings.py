"""What a request sends becomes work for the engine: taken, looked into, queued; and let go with the request."""

import base64
import binascii
import json
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Request

from parakeet_cli.errors import AudioTooLong, DecodeTimeout, ParakeetError
from parakeet_cli.server.errors import ApiError, api_error
from parakeet_cli.server.fields import Fields
from parakeet_cli.server.following import client_watch, settle, transcript_of
from parakeet_cli.server.services import services
from parakeet_cli.server.spool import unnamed_file
from parakeet_cli.server.uploads import SpoolFile, Upload, uploaded_file
from parakeet_cli.server.work import Work
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcript import Transcript
from parakeet_cli.transcription.media.audio import Probed, examine, open_media

__all__ = ["check_media", "read_request", "submitted", "transcribed", "wav_header"]

_TOLERATED_SECONDS = 2.0
"""By which a container may claim more than what is in it; the engine counts."""

_STALLED = "ffmpeg made no progress on this file a short while ago; repair it, or send its sound in another format."

_DATA_URL = re.compile(r"data:[^,]{0,200};base64,")

_DECODING = threading.Lock()
"""A body of JSON is in memory three times over while it is decoded; one at a time is."""


def read_request(request: Request, name: str = "file") -> tuple[Fields, Upload]:
    """The fields and the file, in a form or in JSON, where the file is ``input_audio`` with ``data`` in base64.

    The upload is the caller's to close. Raises ApiError if there is none or it cannot be read.
    """
    if request.mimetype == "application/json":
        return _read_json(request)
    upload = uploaded_file(request, name)
    return Fields(request.form.items(multi=True)), upload


def check_media(upload: Upload) -> Probed:
    """What is in it.

    Raises ApiError if there is no sound, or too much of it, or ffmpeg made no progress on the same bytes lately.
    """
    limit, stalled = services().settings.uploads.max_seconds, services().stalled
    if upload.file in stalled:
        raise ApiError(400, _STALLED, param="file", code=DecodeTimeout.code)
    try:
        with open_media(upload.media) as file:
            probed = examine(file)
            info = probed.info
            if info.duration is not None and not info.is_estimate and info.duration > limit + _TOLERATED_SECONDS:
                raise AudioTooLong(
                    f"{file.name} has {info.duration:.0f} s of sound, the limit is {limit:g} s; send it in parts."
                )
    except DecodeTimeout as error:
        stalled.add(upload.file)
        raise api_error(error) from error
    except ParakeetError as error:
        raise api_error(error) from error
    return probed


@contextmanager
def submitted(upload: Upload) -> Iterator[Work]:
    """The recording in the desk's hands. Work that is not over when the context ends is cancelled.

    The upload stays open meanwhile, and the caller's. Raises ApiError if the media is none, or there is no room.
    """
    probed, stalled = check_media(upload), services().stalled
    try:
        work = services().desk.submit(upload.media, probed=probed)
    except ParakeetError as error:
        raise api_error(error) from error
    try:
        yield work
    finally:
        work.cancel()
        if isinstance(work.view.error, DecodeTimeout):
            stalled.add(upload.file)


def transcribed(upload: Upload) -> Transcript:
    """Wait for the transcript as long as the client does; closes the upload. Raises ApiError if there is none."""
    with upload, submitted(upload) as work:
        return transcript_of(settle(work, client_watch()))


def wav_header(size: int) -> bytes:
    """What makes ``size`` bytes of 16-bit mono samples at 16 kHz a WAV file."""
    data_size = min(size, 0xFFFFFFFF - 36)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + data_size, b"WAVE") + form + struct.pack("<4sI", b"data", data_size)


def _read_json(request: Request) -> tuple[Fields, Upload]:
    limit = services().settings.uploads.form_bytes
    if (request.content_length or 0) > limit:
        raise ApiError(
            413, f"A JSON body may have {limit} bytes; send a larger file as multipart/form-data.", param="input_audio"
        )
    with _DECODING:
        document = _parsed(request)
        audio = document.pop("input_audio", None)
        if not isinstance(audio, dict):
            raise ApiError(
                415, "JSON is understood with input_audio only; send the file as multipart/form-data.", param="file"
            )
        upload = _decoded(audio)
    return Fields.from_json(document), upload


def _parsed(request: Request) -> dict[str, object]:
    try:
        document = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "The body is not valid JSON.", code="invalid_json") from error
    if not isinstance(document, dict):
        raise ApiError(400, "The body is JSON, but not an object.", code="invalid_json")
    return document


def _decoded(audio: dict[str, object]) -> Upload:
    data, form = audio.get("data"), audio.get("format")
    if not isinstance(data, str):
        raise ApiError(400, "input_audio has no data; put the file there in base64.", param="input_audio")
    prefix = _DATA_URL.match(data)
    try:
        content = base64.b64decode(data[prefix.end() if prefix else 0 :].encode(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError(400, "input_audio.data is not valid base64.", param="input_audio") from error
    file = SpoolFile(unnamed_file(), services().settings.uploads.max_bytes, None)
    try:
        file.write(content)
    except BaseException:
        file.close()
        raise
    return Upload(file.file, f"input_audio.{form}"[:30] if isinstance(form, str) else "input_audio", file.size)
