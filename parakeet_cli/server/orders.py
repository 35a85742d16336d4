"""What a client wants of a transcript: the fields of a request, checked, in one value."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.fields import Fields, invalid
from parakeet_cli.server.languages import find_language
from parakeet_cli.server.model_names import LEGACY_WORDS, Served

__all__ = ["Format", "Granularity", "Order", "read_format", "read_language", "read_order"]


class Format(StrEnum):
    """How the transcript is answered: OpenAI's names, and three of ours."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"
    VERBOSE_JSON = "verbose_json"
    TSV = "tsv"
    """Start and end in milliseconds, and the text, as openai-whisper writes it."""
    PARAKEET_JSON = "parakeet_json"
    """The JSON of ``parakeet transcribe``."""
    PARAKEET_EXACT = "parakeet_exact"
    """That, and what it rounds or leaves out: for ``parakeet transcribe --server``."""

    @property
    def is_json(self) -> bool:
        return self in (Format.JSON, Format.VERBOSE_JSON, Format.PARAKEET_JSON, Format.PARAKEET_EXACT)


class Granularity(StrEnum):
    WORD = "word"
    SEGMENT = "segment"


_DIARIZED = "diarized_json"

_LOGPROBS = "logprobs"

Choice = TypeVar("Choice", Format, Granularity)


@dataclass(frozen=True, slots=True)
class Order:
    """``language`` is an ISO 639 code, or None where the client named none or several.

    ``warnings`` are sentences about what was asked for and is not done.
    """

    model: str = ""
    """As the client wrote it."""
    format: Format = Format.JSON
    language: str | None = None
    temperature: float = 0.0
    """Repeated in the segments; a transducer decodes without one."""
    granularities: frozenset[Granularity] = frozenset({Granularity.SEGMENT})
    logprobs: bool = False
    stream: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def is_legacy(self) -> bool:
        """Subtitles, a line, and the words as JSON are wanted, as the original Parakeet-API-Docker answered."""
        return self.model.lower() == LEGACY_WORDS


def read_order(fields: Fields, served: Served, default_model: str = "") -> Order:
    """The order that the fields of a form make. Fields that nothing here reads are ignored.

    ``default_model`` is the name from elsewhere that holds where the fields have none.

    Raises ApiError, with the name of the field, if a value cannot be understood or the checkpoint cannot serve it.
    """
    model = fields.text("model") or default_model
    warnings = [served.check_model(model)]
    form = read_format(fields.text("response_format"))
    param = "timestamp_granularities"
    granularities = frozenset(_choice(param, text, Granularity) for text in fields.texts(param))
    logprobs = _wants_logprobs(fields)
    stream = fields.truth("stream")
    if granularities - {Granularity.SEGMENT} and form is not Format.VERBOSE_JSON:
        warnings.append("timestamp_granularities needs response_format=verbose_json and was left out.")
    if logprobs and form is not Format.JSON and not stream:
        warnings.append("include=logprobs needs response_format=json or stream=true and was left out.")
    _check_chunking(fields)
    return Order(
        model=model,
        format=form,
        language=_wanted_language(fields, model, served),
        temperature=fields.number("temperature", 0.0, 1.0),
        granularities=granularities or frozenset({Granularity.SEGMENT}),
        logprobs=logprobs,
        stream=stream,
        warnings=tuple(warning for warning in warnings if warning),
    )


def read_format(text: str, param: str = "response_format") -> Format:
    """The format of that name; JSON if there is none."""
    if text.lower() == _DIARIZED:
        raise ApiError(
            400,
            f"{param} '{_DIARIZED}' needs to know who speaks, which this server does not; use 'verbose_json'.",
            param=param,
            code="unsupported_value",
        )
    return _choice(param, text, Format) if text else Format.JSON


def read_language(text: str, served: Served, param: str = "language") -> str | None:
    """The code of the language that a client names, or None for ``auto`` and nothing.

    Raises ApiError if there is no such language, or the checkpoint does not know it.
    """
    code = _code_of(text, param)
    if code is not None:
        served.check_language(code, param)
    return code


def _code_of(text: str, param: str) -> str | None:
    if text.lower() in ("", "auto", "und", "null"):
        return None
    code = find_language(text)
    if code is None:
        raise invalid(param, text, "a language in ISO 639-1 format, such as 'en'", "invalid_language_format")
    return code


def _wanted_language(fields: Fields, model: str, served: Served) -> str | None:
    """The one language that is wanted. Of several candidates one must be known, and none is chosen."""
    if text := fields.text("language"):
        return read_language(text, served)
    candidates = [code for text in fields.texts("languages") if (code := _code_of(text, "languages"))]
    if candidates and not any(map(served.knows, candidates)):
        served.check_language(candidates[0], "languages")
    if candidates:
        return candidates[0] if len(candidates) == 1 else None
    return _legacy_language(fields.text("prompt"), served) if model.lower() == LEGACY_WORDS else None


def _legacy_language(prompt: str, served: Served) -> str | None:
    """pyVideoTrans sends the first two letters of its language, which for ``auto`` are no language."""
    code = find_language(prompt) if len(prompt) == 2 else None
    if code is not None:
        served.check_language(code, "prompt")
    return code


def _wants_logprobs(fields: Fields) -> bool:
    include = fields.texts("include")
    for text in include:
        if text != _LOGPROBS:
            raise invalid("include", text, f"'{_LOGPROBS}'")
    return bool(include)


def _check_chunking(fields: Fields) -> None:
    """Only understood: chunks are cut where this server cuts them, which loses no word."""
    strategy = fields.text("chunking_strategy")
    kind = fields.keyed("chunking_strategy").get("type", "") or strategy.strip('"')
    if kind.lower() not in ("", "auto", "null", "server_vad"):
        raise invalid("chunking_strategy", kind, "'auto' or of type 'server_vad'")


def _choice(param: str, text: str, kind: type[Choice]) -> Choice:
    try:
        return kind(text.lower())
    except ValueError as error:
        raise invalid(param, text, " or ".join(f"'{choice}'" for choice in kind)) from error
