"""The routes of whisper-asr-webservice, as Bazarr and others call them."""

from urllib.parse import quote

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from parakeet_cli.display import display
from parakeet_cli.server.answers import JSON, TEXT, to_json
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.fields import Fields, invalid
from parakeet_cli.server.foreign_errors import usual_answer
from parakeet_cli.server.languages import language_name
from parakeet_cli.server.openai_api import header_text, served
from parakeet_cli.server.orders import read_language
from parakeet_cli.server.recordings import check_media, transcribed, wav_header
from parakeet_cli.server.services import services
from parakeet_cli.server.uploads import Upload, prefix_upload, uploaded_file
from parakeet_cli.server.verbose import verbose_segments
from parakeet_cli.transcript import Transcript

__all__ = ["blueprint", "detection"]

blueprint = Blueprint("whisper_asr", __name__)

detection = Blueprint("whisper_asr_detection", __name__)

_FILE = "audio_file"

_OUTPUTS = ("txt", "vtt", "srt", "tsv", "json")

_HELP = """\
POST a recording here as the part "audio_file" of a form (multipart/form-data):

    curl -F audio_file=@talk.mp3 "{url}?output=srt"

output: txt (default), vtt, srt, tsv or json. language: such as en. word_timestamps=true: words in json.
encode=false: the file is raw samples, 16 bits little-endian, 16 kHz, mono.
"""


@blueprint.get("/asr")
def how_to() -> Response:
    """People open the address in a browser to see whether it is right."""
    return Response(_HELP.format(url=request.base_url), content_type=TEXT)


@blueprint.post("/asr")
def asr() -> Response:
    """Parameters are in the query; others than those read here are ignored."""
    query = Fields(request.args.items(multi=True))
    output = query.text("output") or "txt"
    if output not in _OUTPUTS:
        raise invalid("output", output, " or ".join(f"'{name}'" for name in _OUTPUTS))
    if query.text("task") not in ("", "transcribe"):
        raise ApiError(400, f"{services().model} can only transcribe; leave task out.", param="task")
    language = read_language(query.text("language"), served())
    with_words = query.truth("word_timestamps")
    upload = _upload(query)
    transcript = transcribed(upload)
    body = _json(transcript, language, with_words) if output == "json" else services().writers[output].write(transcript)
    response = Response(body, content_type=JSON if output == "json" else TEXT)
    response.headers["Asr-Engine"] = "parakeet"
    response.headers["Content-Disposition"] = f'attachment; filename="{quote(display(upload.name))}.{output}"'
    return response


@detection.post("/detect-language")
def detect_language() -> Response:
    """The language of a checkpoint that knows only one; there is no ``confidence``, as nothing was measured."""
    with _upload(Fields(request.args.items(multi=True))) as upload:
        check_media(upload)
    language = services().language
    if language is None:
        raise ApiError(
            400,
            f"{services().model} knows several languages and does not tell which it hears; name one with language=.",
            code="unsupported_value",
        )
    return jsonify({"detected_language": language_name(language), "language_code": language})


def _upload(query: Fields) -> Upload:
    if query.text("encode") and not query.truth("encode"):
        prefix_upload(request, wav_header)
    return uploaded_file(request, _FILE)


def _json(transcript: Transcript, language: str | None, with_words: bool) -> str:
    return to_json(
        {
            "text": transcript.text,
            "segments": verbose_segments(transcript, with_words=with_words),
            "language": transcript.language or language,
        }
    )


@blueprint.errorhandler(ApiError)
@blueprint.errorhandler(HTTPException)
@blueprint.errorhandler(Exception)
def say_nothing(error: Exception) -> Response:
    """Bazarr saves any body as the subtitles, so an error has none; a header tells people what it is."""
    response, message = usual_answer(error)
    response.set_data(b"")
    response.headers["X-Parakeet-Error"] = header_text(message)
    return response
