"""OpenAI's audio routes, also without ``/v1`` and under the paths of Azure's deployments, and the list of models."""

import math
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain

from flask import Blueprint, Response, jsonify, request

from parakeet_cli.display import display
from parakeet_cli.server.answers import JSON, Answer, answer
from parakeet_cli.server.desk import Work
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.following import ClientGone, client_watch, settle, transcript_of
from parakeet_cli.server.model_names import Served, no_such_model
from parakeet_cli.server.orders import Order, read_order
from parakeet_cli.server.recordings import read_request, submitted
from parakeet_cli.server.services import services
from parakeet_cli.server.streaming import EVENT_STREAM, STREAM_HEADERS, late_json, text_events

__all__ = ["WARNING", "blueprint", "header_text", "served"]

blueprint = Blueprint("openai_api", __name__)

WARNING = "X-Parakeet-Warning"
"""A header: what was asked for and is not done."""

_LONGEST_HEADER = 300

_DEPLOYMENT = "/openai/deployments/<path:deployment>/audio"


def served() -> Served:
    """The checkpoint of this application, and how strictly names are taken."""
    here = services()
    return Served(here.model, here.language, here.settings.strict_models)


def header_text(text: str) -> str:
    """Names come from the client; a header has room for ASCII on one line."""
    return display(text).encode("ascii", "backslashreplace").decode()[:_LONGEST_HEADER]


@blueprint.post("/v1/audio/transcriptions")
@blueprint.post("/audio/transcriptions", endpoint="transcriptions_without_v1")
@blueprint.post(f"{_DEPLOYMENT}/transcriptions", endpoint="transcriptions_azure")
def transcriptions(deployment: str | None = None) -> Response:
    with ExitStack() as stack:
        fields, upload = read_request(request)
        stack.enter_context(upload)
        order = read_order(fields, served(), deployment or "")
        work = stack.enter_context(submitted(upload))
        response = _respond(work, order)
        response.headers.extend((WARNING, header_text(warning)) for warning in order.warnings)
        if response.is_streamed:  # the end of the answer ends the work, also if nobody ever reads it
            response.call_on_close(stack.pop_all().close)
    return response


@blueprint.post("/v1/audio/translations")
@blueprint.post("/audio/translations", endpoint="translations_without_v1")
@blueprint.post(f"{_DEPLOYMENT}/translations", endpoint="translations_azure")
def translations(deployment: str | None = None) -> Response:
    """A transcript in the language that is spoken would be no translation."""
    raise ApiError(
        400,
        f"{services().model} cannot translate; ask /v1/audio/transcriptions for the text in the language spoken.",
        param="model",
        code="unsupported_value",
    )


@blueprint.get("/v1/models")
@blueprint.get("/models", endpoint="models_without_v1")
def models() -> Response:
    return jsonify({"object": "list", "data": [_model(name) for name in served().names]})


@blueprint.get("/v1/models/<path:name>")
@blueprint.get("/models/<path:name>", endpoint="model_without_v1")
def model(name: str) -> Response:
    if not served().is_name(name):
        raise no_such_model(name, "model")
    return jsonify(_model(name))


def _model(name: str) -> dict[str, object]:
    """``created`` is when this server started: what is listed is what runs now."""
    return {"id": name, "object": "model", "created": services().started, "owned_by": "parakeet"}


def _respond(work: Work, order: Order) -> Response:
    is_gone, settings = client_watch(), services().settings
    if order.stream:
        events = text_events(work, order, is_gone, settings.keep_alive_seconds)
        return Response(_begun(events), content_type=EVENT_STREAM, headers=STREAM_HEADERS)
    writers = services().writers
    patience = settings.heartbeat_after_seconds if order.format.is_json and not order.is_legacy else math.inf
    view = settle(work, is_gone, patience)
    if view.state.is_final:
        return _whole(answer(transcript_of(view), order, writers))
    late = late_json(
        work, lambda transcript: answer(transcript, order, writers).body, is_gone, settings.keep_alive_seconds
    )
    return Response(late, content_type=JSON)


def _begun(events: Iterator[bytes]) -> Iterator[bytes]:
    """The same events, after the first is there: until then an error is still an answer of its own."""
    first = next(events, None)
    if first is None:
        raise ClientGone
    return chain([first], events)


def _whole(made: Answer) -> Response:
    return Response(made.body, content_type=made.content_type)
