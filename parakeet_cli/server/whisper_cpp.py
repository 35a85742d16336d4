"""The routes of whisper.cpp's server. Its words stand inside the segments, and its errors are texts."""

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from parakeet_cli.server.answers import Answer, answer, to_json
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.foreign_errors import usual_answer
from parakeet_cli.server.model_names import Served
from parakeet_cli.server.openai_api import served
from parakeet_cli.server.orders import Format, Granularity, Order, read_order
from parakeet_cli.server.recordings import read_request, transcribed
from parakeet_cli.server.services import services
from parakeet_cli.server.verbose import verbose, verbose_segments
from parakeet_cli.transcript import Transcript

__all__ = ["blueprint"]

blueprint = Blueprint("whisper_cpp", __name__)

_TEXTS = {
    Format.TEXT: ("txt", "text/html; charset=utf-8"),
    Format.SRT: ("srt", "application/x-subrip"),
    Format.VTT: ("vtt", "text/vtt"),
}
"""Formats by the writer that makes them and the type that whisper.cpp gives them."""


@blueprint.post("/inference")
def inference() -> Response:
    """The fields are those of OpenAI's route; there is one model, so none is named. Its own options are ignored."""
    fields, upload = read_request(request)
    with upload:
        here = served()
        order = read_order(fields, Served(here.model, here.language))
        if fields.truth("translate"):
            raise ApiError(400, f"{here.model} cannot translate; leave translate out.", param="translate")
        transcript = transcribed(upload)
    return _response(transcript, order)


@blueprint.post("/load")
def load() -> Response:
    raise ApiError(400, "The model is chosen when the server starts; start it with another --model.", param="model")


def _response(transcript: Transcript, order: Order) -> Response:
    writers = services().writers
    if order.format in _TEXTS:
        writer, content_type = _TEXTS[order.format]
        return Response(writers[writer].write(transcript), content_type=content_type)
    made = answer(transcript, order, writers)
    if order.format is Format.VERBOSE_JSON:
        made = Answer(to_json(_verbose(transcript, order)), made.content_type)
    return Response(made.body, content_type=made.content_type)


def _verbose(transcript: Transcript, order: Order) -> dict[str, object]:
    whole = Order(language=order.language, granularities=frozenset({Granularity.SEGMENT}))
    return verbose(transcript, whole) | {
        "segments": verbose_segments(transcript, order.temperature, with_words=True),
    }


@blueprint.errorhandler(ApiError)
@blueprint.errorhandler(HTTPException)
@blueprint.errorhandler(Exception)
def tell(error: Exception) -> Response:
    """``{"error": "a text"}``."""
    response, message = usual_answer(error)
    response.set_data(jsonify({"error": message}).get_data())
    return response
