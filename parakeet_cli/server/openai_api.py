"""OpenAI's audio routes, also without ``/v1`` and under the paths of Azure's deployments, and the list of models."""

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from types import MappingProxyType

from flask import Blueprint, Response, jsonify, request

from parakeet_cli.display import display
from parakeet_cli.server.answers import JSON, answer
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.following import ClientGone, client_watch, settle, transcript_of
from parakeet_cli.server.model_names import Served, no_such_model
from parakeet_cli.server.orders import Order, read_order
from parakeet_cli.server.recordings import read_request, submitted
from parakeet_cli.server.services import services
from parakeet_cli.server.streaming import EVENT_STREAM, STREAM_HEADERS, late_json, text_events
from parakeet_cli.server.work import Work

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
        response = _respond(work, order, stack)
    response.headers.extend((WARNING, header_text(warning)) for warning in order.warnings)
    return response


@blueprint.post("/v1/audio/translations")
@blueprint.post("/audio/translations", endpoint="translations_without_v1")
@blueprint.post(f"{_DEPLOYMENT}/translations", endpoint="translations_azure")
def translations(**_path: str) -> Response:
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
    """``created`` is when this server started: what is listed is what runs now. ``fingerprint`` is ours."""
    here = services()
    return {
        "id": name,
        "object": "model",
        "created": here.started,
        "owned_by": "parakeet",
        "fingerprint": here.fingerprint,
    }


def _respond(work: Work, order: Order, held: ExitStack) -> Response:
    """The answer, at once or when the work is over; one that is still to come takes over what is ``held``."""
    is_gone, settings, writers = client_watch(), services().settings, services().writers
    if order.stream:
        events = _begun(text_events(work, order, is_gone, settings.keep_alive_seconds))
        return _streamed(events, held, EVENT_STREAM, STREAM_HEADERS)
    may_wait = order.format.is_json and not order.is_legacy
    view = settle(work, is_gone, settings.heartbeat_after_seconds if may_wait else math.inf)
    if not view.state.is_final:
        late = late_json(work, lambda made: answer(made, order, writers).body, is_gone, settings.keep_alive_seconds)
        return _streamed(late, held, JSON)
    whole = answer(transcript_of(view), order, writers)
    return Response(whole.body, content_type=whole.content_type)


def _streamed(
    blocks: Iterator[bytes], held: ExitStack, content_type: str, headers: Mapping[str, str] = MappingProxyType({})
) -> Response:
    rest = held.pop_all()
    response = Response(_before(blocks, rest), content_type=content_type, headers=dict(headers))
    response.call_on_close(rest.close)  # also if nobody ever reads it
    return response


def _begun(events: Iterator[bytes]) -> Iterator[bytes]:
    """The same events, after the first is there: until then an error is still an answer of its own."""
    first = next(events, None)
    if first is None:
        raise ClientGone
    return chain([first], events)


def _before(blocks: Iterator[bytes], rest: ExitStack) -> Iterator[bytes]:
    """The blocks; with the last of them the work and its file are let go."""
    with rest:
        yield from blocks
