"""``POST /v1/subtitles``: a transcript that a person has corrected, laid out by the rules of every other.

The page edits our own JSON. A cue's lines depend on all the words around it, so they are laid out here and not again,
and otherwise, in a browser.
"""

from flask import Blueprint, Response, request

from parakeet_cli.errors import InvalidTranscript
from parakeet_cli.output.writers import read_json
from parakeet_cli.server.answers import answer
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.fields import Fields
from parakeet_cli.server.orders import Format, Order, read_format
from parakeet_cli.server.services import services

__all__ = ["blueprint"]

blueprint = Blueprint("subtitles", __name__)

_LAID_OUT = (Format.SRT, Format.VTT, Format.TEXT, Format.TSV)


@blueprint.post("/v1/subtitles")
def lay_out() -> Response:
    """The body is what ``format=parakeet_json`` answers, in UTF-8; ``?format=`` is SRT unless it says otherwise."""
    format_ = read_format(Fields(request.args.items(multi=True)).text("format") or Format.SRT, "format")
    if format_ not in _LAID_OUT:
        raise ApiError(
            400,
            f"format '{format_}' is not laid out here; use one of {', '.join(_LAID_OUT)}.",
            param="format",
            code="unsupported_value",
        )
    request.max_content_length = services().settings.uploads.form_bytes  # all of it is held in memory
    try:
        transcript = read_json(request.get_data(cache=False).decode())
    except UnicodeDecodeError as error:
        raise ApiError(400, "The transcript is not UTF-8; send it as it was answered.", code="invalid_value") from error
    except InvalidTranscript as error:
        raise ApiError(400, str(error), code=error.code) from error
    told = answer(transcript, Order(format=format_), services().writers)
    return Response(told.body, content_type=told.content_type)
