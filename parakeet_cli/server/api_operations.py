"""What each endpoint takes and answers, by the name that Flask has for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from parakeet_cli.server.api_schemas import BOOLEAN, STRING, Schema, one_of, ref, upload_fields
from parakeet_cli.server.orders import Format

__all__ = ["OPERATIONS", "Failure", "Operation"]

_JSON = "application/json"
_TEXT = "text/plain"
_EVENTS = "text/event-stream"
_FORM = "multipart/form-data"

_UPLOAD = (400, 403, 413, 415, 500, 503, 504, 507)
_READ = (400, 500, 503)


@dataclass(frozen=True, slots=True)
class Failure:
    """How a route tells its errors: JSON of a schema, or by its status and a header alone."""

    schema: str | None = "Error"


@dataclass(frozen=True, slots=True)
class Operation:
    """``answers``: by status, the schema of each type of content, None for other than JSON and text."""

    tag: str
    summary: str
    about: str = ""
    query: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, Schema] = field(default_factory=dict)
    body: Mapping[str, Schema] = field(default_factory=dict)
    answers: Mapping[int, Mapping[str, Schema]] = field(default_factory=dict)
    errors: Sequence[int] = _READ
    failure: Failure = Failure()


def _content(schema: str) -> dict[str, Schema]:
    return {_JSON: ref(schema)}


_STREAM: Schema = {}
"""JSON Schema, and so OpenAPI 3.1, says nothing of streams; the operations say it in words."""

_TRANSCRIPTS: dict[str, Schema] = {
    _JSON: {
        "anyOf": [
            ref("Transcription"),
            ref("VerboseTranscription"),
            ref("ParakeetTranscript"),
            ref("ExactTranscript"),
        ]
    },
    _TEXT: STRING,
}

_TRANSCRIPTIONS = Operation(
    "Transcriptions",
    "Transcribe a recording",
    "OpenAI's route. Lists may be written as name[], name, name[0], JSON or with commas. A JSON answer that takes long "
    "begins with white space, and then holds an error object if the work fails. With stream=true words come as "
    "events: transcript.text.delta, then transcript.text.done, then data: [DONE].",
    body={_FORM: upload_fields(with_stream=True), _JSON: ref("JsonUpload")},
    answers={
        200: {
            _JSON: {"anyOf": [*_TRANSCRIPTS[_JSON]["anyOf"], ref("Error")]},
            _TEXT: STRING,
            _EVENTS: _STREAM,
        }
    },
    errors=(*_UPLOAD, 404),
)

_TRANSLATIONS = Operation(
    "Transcriptions",
    "Translate a recording (refused)",
    "The model cannot translate; a transcript in the language that is spoken would be no translation.",
    errors=(400, 403, 413, 500, 503),
)

_MODELS = Operation("Models", "List the names of the model", answers={200: _content("ModelList")})

_MODEL = Operation("Models", "One name of the model", answers={200: _content("Model")})

_LIVE = Operation("Health", "Whether the server lives", answers={200: _content("Health")}, errors=(500,))

_READY = Operation(
    "Health",
    "Whether a request would be served",
    "Asking wakes no model.",
    answers={200: _content("Health"), 503: _content("Health")},
    errors=(500,),
)

_ASR_FORM: Schema = {
    "type": "object",
    "properties": {"audio_file": {"type": "string", "contentMediaType": "application/octet-stream"}},
    "required": ["audio_file"],
}

_SILENT = Failure(None)

OPERATIONS: Mapping[str, Operation] = {
    "openai_api.transcriptions": _TRANSCRIPTIONS,
    "openai_api.transcriptions_without_v1": _TRANSCRIPTIONS,
    "openai_api.transcriptions_azure": _TRANSCRIPTIONS,
    "openai_api.translations": _TRANSLATIONS,
    "openai_api.translations_without_v1": _TRANSLATIONS,
    "openai_api.translations_azure": _TRANSLATIONS,
    "openai_api.models": _MODELS,
    "openai_api.models_without_v1": _MODELS,
    "openai_api.model": _MODEL,
    "openai_api.model_without_v1": _MODEL,
    "jobs.create": Operation(
        "Jobs",
        "Leave a recording to be transcribed",
        "The fields are those of a transcription. The job survives a restart of the server. With an Idempotency-Key, "
        "the same request sent again is answered with 200 and the same job.",
        headers={"Idempotency-Key": {"type": "string", "minLength": 1, "maxLength": 255}},
        body={_FORM: upload_fields(with_stream=False), _JSON: ref("JsonUpload")},
        answers={200: _content("Job"), 202: _content("Job")},
        errors=(*_UPLOAD, 404, 409, 422, 501),
    ),
    "jobs.show": Operation("Jobs", "How a job is", answers={200: _content("Job")}, errors=(*_READ, 501, 507)),
    "jobs.forget": Operation(
        "Jobs",
        "Cancel a job and forget all of it",
        answers={200: _content("DeletedJob")},
        errors=(*_READ, 403, 501, 507),
    ),
    "jobs.events": Operation(
        "Jobs",
        "Follow a job",
        "event: job has the job, the first with its text so far; event: transcript.text.delta has the words that "
        "follow in delta; event: error has an error object; comments keep it alive; data: [DONE] is the end.",
        answers={200: {_EVENTS: _STREAM}},
        errors=(*_READ, 501, 507),
    ),
    "jobs.result": Operation(
        "Jobs",
        "The transcript of a finished job",
        "A failed job answers with its error, an unfinished one with the code job_not_finished.",
        query={
            "format": one_of(Format, "In place of the job's response_format."),
            "download": {**BOOLEAN, "description": "Name a file for the browser to save."},
        },
        answers={200: _TRANSCRIPTS},
        errors=(*_READ, 413, 501, 504, 507),
    ),
    "whisper_asr.how_to": Operation(
        "whisper-asr-webservice", "How to use this address", answers={200: {_TEXT: STRING}}
    ),
    "whisper_asr.asr": Operation(
        "whisper-asr-webservice",
        "Transcribe a recording",
        "Errors have no body, as Bazarr would save it; the header X-Parakeet-Error says what is wrong.",
        query={
            "output": one_of(["txt", "vtt", "srt", "tsv", "json"], "txt if nothing is said."),
            "task": one_of(["transcribe"]),
            "language": STRING,
            "word_timestamps": {**BOOLEAN, "description": "Words in json."},
            "encode": {**BOOLEAN, "description": "false: the file is raw 16-bit mono samples at 16 kHz."},
        },
        body={_FORM: _ASR_FORM},
        answers={200: {_TEXT: STRING, _JSON: ref("AsrTranscription")}},
        errors=_UPLOAD,
        failure=_SILENT,
    ),
    "whisper_asr_detection.detect_language": Operation(
        "whisper-asr-webservice",
        "The language of the model",
        "For a model that knows only one; none is detected.",
        query={"encode": BOOLEAN},
        body={_FORM: _ASR_FORM},
        answers={200: _content("DetectedLanguage")},
        errors=_UPLOAD,
    ),
    "whisper_cpp.inference": Operation(
        "whisper.cpp",
        "Transcribe a recording",
        body={_FORM: upload_fields(with_stream=False), _JSON: ref("JsonUpload")},
        answers={
            200: {
                _JSON: {
                    "anyOf": [
                        ref("Transcription"),
                        ref("WhisperCppTranscription"),
                        ref("ParakeetTranscript"),
                        ref("ExactTranscript"),
                    ]
                },
                _TEXT: STRING,
                "text/html": STRING,
                "application/x-subrip": STRING,
                "text/vtt": STRING,
            }
        },
        errors=_UPLOAD,
        failure=Failure("TextError"),
    ),
    "whisper_cpp.load": Operation(
        "whisper.cpp",
        "Load another model (refused)",
        errors=(400, 403, 413, 500, 503),
        failure=Failure("TextError"),
    ),
    "health.live": _LIVE,
    "health.ready": _READY,
    "metrics.metrics": Operation("Health", "Figures for Prometheus", answers={200: {_TEXT: STRING}}),
    "openapi.document": Operation("This document", "This document", answers={200: {_JSON: {"type": "object"}}}),
    "openapi.docs": Operation("This document", "This document for people", answers={200: {"text/html": STRING}}),
    "page.index": Operation("Page", "The page", answers={200: {"text/html": STRING}}),
    "page.static_file": Operation(
        "Page",
        "A file of the page",
        answers={200: {"text/css": STRING, "text/javascript": STRING, "image/svg+xml": STRING}},
        errors=(*_READ, 404),
    ),
    "subtitles.lay_out": Operation(
        "Transcriptions",
        "Lay out a corrected transcript",
        query={"format": one_of([Format.SRT, Format.VTT, Format.TEXT, Format.TSV], "srt if nothing is said.")},
        body={_JSON: ref("ParakeetTranscript")},
        answers={200: {_TEXT: STRING}},
        errors=(400, 403, 413, 500, 503),
    ),
}
