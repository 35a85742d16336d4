"""The shapes of what the server takes and answers, as JSON Schema; the enumerations are those that the code reads."""

from collections.abc import Mapping
from typing import Any

from parakeet_cli.output.writers.json import SCHEMA
from parakeet_cli.server.desk import State
from parakeet_cli.server.orders import Format, Granularity

__all__ = ["BOOLEAN", "NUMBER", "SCHEMAS", "STRING", "Schema", "array", "one_of", "ref", "upload_fields"]

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
SECONDS: Schema = {"type": "number", "minimum": 0, "description": "Seconds from the start of the recording."}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema, about: str = "") -> Schema:
    return _about({"type": "array", "items": items}, about)


def one_of(values: Any, about: str = "") -> Schema:
    """``values`` are those of an enumeration."""
    return _about({"type": "string", "enum": [str(value) for value in values]}, about)


def upload_fields(*, with_stream: bool) -> Schema:
    """The form of a transcription; only the file is needed."""
    fields: dict[str, Schema] = {
        "file": {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": "Audio or video in any format that ffmpeg reads.",
        },
        "model": _about(STRING, "The name of the model that is served, or one of OpenAI's, which stand for it."),
        "language": _about(
            STRING, "The language that is spoken: en, eng, en-US or english; auto and nothing leave it open."
        ),
        "response_format": one_of(Format, "How the transcript is answered; json if nothing is said."),
        "timestamp_granularities[]": array(one_of(Granularity), "What verbose_json tells the times of."),
        "include[]": array(one_of(["logprobs"]), "logprobs adds what the decoder said of each token to json."),
        "temperature": {"type": "number", "minimum": 0, "maximum": 1, "description": "Repeated in segments only."},
        "prompt": _about(STRING, "Taken and ignored: the model has no prompt."),
    }
    if with_stream:
        fields["stream"] = _about(BOOLEAN, "Answer with server-sent events as words settle.")
    return {"type": "object", "properties": fields, "required": ["file"]}


def _about(schema: Schema, about: str) -> Schema:
    return {**schema, "description": about} if about else schema


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, about: str = "") -> Schema:
    properties = {**required, **(optional or {})}
    return _about({"type": "object", "properties": properties, "required": list(required)}, about)


def _or_null(schema: Schema) -> Schema:
    """OpenAPI 3.1 is JSON Schema: null is a type."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


_TIMES = {"start": SECONDS, "end": SECONDS}

_WORD = {"word": STRING, **_TIMES}

_SEGMENT = {
    "id": INTEGER,
    **_TIMES,
    "text": _about(STRING, "With a space before it; all of them joined are the text."),
    "seek": _about(INTEGER, "Always 0: a transducer has none."),
    "tokens": array(INTEGER, "Always empty."),
    "temperature": _about(NUMBER, "That of the request."),
    "avg_logprob": _about(NUMBER, "Mean over the decoder's tokens; 0 where it is not known."),
    "compression_ratio": _about(NUMBER, "Length of the text by that of its zlib compression."),
    "no_speech_prob": _about(NUMBER, "Always 0: it is not measured."),
}

_INNER_WORD = _object(_WORD, {"probability": NUMBER})

_LOGPROBS = array(_object({"token": STRING, "logprob": NUMBER, "bytes": array(INTEGER)}))

_GAPS = array(_object({**_TIMES, "reason": STRING}), "Stretches in which somebody speaks and no word was found.")

_SKIPPED = array(_object(_TIMES), "Silence that was not sent to the model.")

_PARTIAL = _object(
    {"decoded_seconds": NUMBER, "expected_seconds": _or_null(NUMBER), "decode_errors": INTEGER},
    about="What of the media could not be decoded.",
)

_VERBOSE = {
    "task": {"const": "transcribe"},
    "language": _about(STRING, "Its English name, or unknown."),
    "duration": SECONDS,
    "text": STRING,
}

SCHEMAS: Mapping[str, Schema] = {
    "Error": _object(
        {
            "error": _object(
                {
                    "message": _about(STRING, "One sentence: what is wrong, and what to do."),
                    "type": STRING,
                    "param": _about(_or_null(STRING), "The field that is wrong."),
                    "code": _about(_or_null(STRING), "Stable, for programs."),
                }
            )
        }
    ),
    "TextError": _object({"error": STRING}, about="As whisper.cpp's clients read it."),
    "Transcription": _object(
        {"text": STRING, "usage": _object({"type": {"const": "duration"}, "seconds": INTEGER})},
        {
            "languages": array(_object({"code": STRING}), "With the model gpt-transcribe."),
            "logprobs": _LOGPROBS,
        },
    ),
    "VerboseTranscription": _object(
        {**_VERBOSE, "usage": _object({"type": {"const": "duration"}, "seconds": INTEGER})},
        {
            "segments": array(_object(_SEGMENT)),
            "words": array(_object(_WORD, {"confidence": NUMBER})),
            "gaps": _GAPS,
            "skipped": _SKIPPED,
            "partial": _PARTIAL,
        },
    ),
    "ParakeetTranscript": _object(
        {
            "schema": {"const": SCHEMA},
            "model": STRING,
            "language": _or_null(STRING),
            "duration": SECONDS,
            "rtfx": _or_null(NUMBER),
            "text": STRING,
            "segments": array(
                _object(
                    {
                        **_TIMES,
                        "text": STRING,
                        "words": array(
                            _object(
                                {"text": STRING, **_TIMES, "confidence": _or_null(NUMBER)},
                                {"low_confidence": BOOLEAN, "speaker": STRING},
                            )
                        ),
                    }
                )
            ),
            "gaps": _GAPS,
            "skipped": _SKIPPED,
            "partial": _or_null(_PARTIAL),
        },
        about="Our own JSON: all that is known of a transcript.",
    ),
    "ExactTranscript": _object(
        {
            "transcript": ref("ParakeetTranscript"),
            "exact": _object(
                {
                    "duration": SECONDS,
                    "words": array(
                        {"type": "array"}, "Start, end and tokens (text, start, end, logprob) of each word."
                    ),
                    "gaps": array(array(SECONDS)),
                    "skipped": array(array(SECONDS)),
                }
            ),
        },
        about="Our own JSON, and beside it what that rounds or leaves out.",
    ),
    "WhisperCppTranscription": _object(
        {**_VERBOSE, "segments": array(_object({**_SEGMENT, "words": array(_INNER_WORD)}))},
        {"gaps": _GAPS, "skipped": _SKIPPED, "partial": _PARTIAL},
    ),
    "AsrTranscription": _object(
        {
            "text": STRING,
            "segments": array(_object(_SEGMENT, {"words": array(_INNER_WORD)})),
            "language": _or_null(STRING),
        }
    ),
    "DetectedLanguage": _object({"detected_language": STRING, "language_code": STRING}),
    "JsonUpload": _object(
        {"input_audio": _object({"data": _about(STRING, "The file in base64.")}, {"format": STRING})},
        {"model": STRING, "language": STRING, "response_format": one_of(Format)},
        about="The fields of the form, and the file in base64.",
    ),
    "Model": _object(
        {
            "id": STRING,
            "object": {"const": "model"},
            "created": INTEGER,
            "owned_by": STRING,
            "fingerprint": _about(STRING, "While it is the same, equal recordings get equal transcripts."),
        }
    ),
    "ModelList": _object({"object": {"const": "list"}, "data": array(ref("Model"))}),
    "Job": _object(
        {
            "id": _about(STRING, "Secret: whoever has it, and the key, has the transcript."),
            "object": {"const": "transcription.job"},
            "status": one_of(State),
            "created_at": _about(INTEGER, "Unix seconds."),
            "filename": STRING,
            "model": STRING,
            "response_format": one_of(Format),
            "position": _about({"type": "integer", "minimum": 0}, "1 for who is next; 0 when it does not wait."),
            "trouble": _about(
                _or_null(STRING), "Why it waits although nothing is before it: the model cannot be loaded."
            ),
            "duration": _or_null({"type": "number", "minimum": 0}),
            "progress": _object(
                {
                    "seconds": _about(NUMBER, "Of audio that are recognized."),
                    "share": _or_null({"type": "number", "minimum": 0, "maximum": 1}),
                }
            ),
            "eta_seconds": _or_null(NUMBER),
            "error": _or_null(
                _object({"message": STRING, "type": STRING, "param": _or_null(STRING), "code": _or_null(STRING)})
            ),
            "expires_at": _about(_or_null(INTEGER), "When its result is forgotten, in Unix seconds."),
            "warnings": array(STRING, "What was asked for and is not done."),
        },
        {"text": _about(STRING, "The words so far; not in events after the first.")},
    ),
    "DeletedJob": _object(
        {"id": STRING, "object": {"const": "transcription.job"}, "deleted": {"const": True}},
    ),
    "Health": _object({"status": _about(STRING, "ok, or why no request would be served.")}),
}
