"""``/v1/jobs``: recordings whose transcripts are asked for later, by whoever holds the id and the key."""

import hashlib
import json
import re
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from http import HTTPStatus
from pathlib import PurePath
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, request, url_for

from parakeet_cli.server.answers import answer
from parakeet_cli.server.errors import SERVER_ERROR, UNAVAILABLE, ApiError
from parakeet_cli.server.fields import Fields
from parakeet_cli.server.following import client_watch
from parakeet_cli.server.job_events import JobEvents
from parakeet_cli.server.job_orders import pack_order, unpack_order
from parakeet_cli.server.job_repeats import Claim
from parakeet_cli.server.job_runner import JobRunner
from parakeet_cli.server.job_view import JobView
from parakeet_cli.server.keys import key_holder
from parakeet_cli.server.openai_api import served
from parakeet_cli.server.orders import Format, Order, read_format, read_order
from parakeet_cli.server.recordings import check_media, read_request
from parakeet_cli.server.services import services
from parakeet_cli.server.spool import sha256
from parakeet_cli.server.streaming import EVENT_STREAM, STREAM_HEADERS
from parakeet_cli.server.uploads import Upload

__all__ = ["blueprint"]

blueprint = Blueprint("jobs", __name__, url_prefix="/v1/jobs")

_RETRY_STREAM_SECONDS = 5
_EXTENSIONS = {**{form: "json" for form in Format if form.is_json}, Format.TEXT: "txt"}
"""Of a download; the others are those of their formats."""
_UNSAFE = re.compile('[\x00-\x1f\x7f-\x9f"*/:<>?\\\\|\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
"""In file names, on some system."""


@blueprint.post("")
def create() -> Response:
    runner = _runner()
    fields, upload = read_request(request)
    with upload:
        order = pack_order(read_order(fields, served()))
        with _claimed(runner, upload, order) as claim:
            job_id = _submitted(runner, upload, order, claim)
    response = jsonify(_events(job_id).whole(_view(job_id)))
    response.status_code = HTTPStatus.OK if claim and claim.is_known else HTTPStatus.ACCEPTED
    response.headers["Location"] = url_for("jobs.show", job_id=job_id)
    return response


@blueprint.get("/<job_id>")
def show(job_id: str) -> Response:
    view = _view(job_id)
    return jsonify(_events(job_id).whole(view))


@blueprint.get("/<job_id>/events")
def events(job_id: str) -> Response:
    view = _view(job_id)
    place = ExitStack()
    if not _runner().streams.acquire(blocking=False):
        raise ApiError(
            503,
            f"Too many clients follow jobs; ask GET {url_for('jobs.show', job_id=job_id)} every few seconds instead.",
            code="server_is_overloaded",
            kind=UNAVAILABLE,
            headers={"Retry-After": str(_RETRY_STREAM_SECONDS)},
        )
    place.callback(_runner().streams.release)
    stream = _events(job_id).follow(view, client_watch())
    response = Response(stream, content_type=EVENT_STREAM, headers=STREAM_HEADERS)
    response.call_on_close(place.close)  # not by the generator's end: one that never began has none
    return response


@blueprint.get("/<job_id>/result")
def result(job_id: str) -> Response:
    view = _view(job_id)
    asked = Fields(request.args.items(multi=True))
    is_download = asked.truth("download")
    order = _order(view, asked.text("format"))
    if view.job.error is not None:
        raise view.job.error.as_api_error()
    transcript = _runner().transcript(job_id)
    if transcript is None:
        raise ApiError(
            400,
            f"The job is not finished, but {view.state.replace('_', ' ')}; follow it at "
            f"{url_for('jobs.events', job_id=job_id)}.",
            code="job_not_finished",
        )
    told = answer(transcript, order, services().writers)
    response = Response(told.body, content_type=told.content_type)
    if is_download:
        response.headers["Content-Disposition"] = _disposition(view.job.filename, order.format)
    return response


@blueprint.delete("/<job_id>")
def forget(job_id: str) -> Response:
    _view(job_id)
    _runner().remove(job_id)
    return jsonify({"id": job_id, "object": "transcription.job", "deleted": True})


def _runner() -> JobRunner:
    jobs = services().jobs
    if jobs is None:
        raise ApiError(501, "This server keeps no jobs; its log says why.", code="jobs_unavailable", kind=SERVER_ERROR)
    return jobs


def _claimed(runner: JobRunner, upload: Upload, order: str) -> AbstractContextManager[Claim | None]:
    key = request.headers.get("Idempotency-Key")
    return nullcontext() if key is None else runner.repeats.claim(key, key_holder(), _digest(upload, order))


def _submitted(runner: JobRunner, upload: Upload, order: str, claim: Claim | None) -> str:
    """The id of the new job, or of the one that is there already."""
    if claim and claim.is_known:
        return claim.job_id
    probed = check_media(upload)
    return runner.submit(upload.file.fileno(), upload.name, order, key_holder(), probed, claim)


def _digest(upload: Upload, order: str) -> bytes:
    """The same for two requests that ask for the same; their bodies differ in how they are parted."""
    about = json.dumps([upload.name, order]).encode()
    return hashlib.sha256(sha256(upload.file) + about).digest()


def _view(job_id: str) -> JobView:
    """Of one's own job; another's is as unknown as none at all."""
    view = _runner().view(job_id, key_holder())
    if view is None:
        raise ApiError(404, "There is no such job; it may have expired or been deleted.", code="job_not_found")
    return view


def _events(job_id: str) -> JobEvents:
    here = services()
    return JobEvents(_runner(), job_id, key_holder(), here.model, here.settings.keep_alive_seconds)


def _order(view: JobView, format_: str) -> Order:
    """As it was when the job was made, but for the format that is named now."""
    order = unpack_order(view.job.order)
    if not format_:
        return order
    return replace(order, format=read_format(format_, "format"), model="" if order.is_legacy else order.model)


def _disposition(filename: str, format_: Format) -> str:
    """Source: RFC 6266; the second name is for clients that know nothing of the first's encoding."""
    stem = _UNSAFE.sub("_", PurePath(filename).stem).strip(" .") or "transcript"
    name = f"{stem}.{_EXTENSIONS.get(format_, format_)}"
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
