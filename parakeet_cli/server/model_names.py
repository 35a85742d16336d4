"""What clients call the model, and which languages it takes.

One checkpoint is served, under the names of OpenAI's models too: clients have them built in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.languages import language_name
from parakeet_cli.transcription.checkpoints.catalogue import known

__all__ = ["GPT_TRANSCRIBE", "LEGACY_WORDS", "Served"]

GPT_TRANSCRIBE = "gpt-transcribe"
"""Its answers name the languages of the recording."""

LEGACY_WORDS = "parakeet_srt_words"
"""Not a model: with this name the Parakeet-API-Docker of old was asked for subtitles followed by words."""

_OPENAI_NAMES = (
    "whisper-1",
    GPT_TRANSCRIBE,
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe-diarize",
)


@dataclass(frozen=True, slots=True)
class Served:
    """The checkpoint that answers. ``language`` is its ISO 639-1 code if it knows only one.

    ``is_strict``: a model of another name is refused.
    """

    model: str
    language: str | None
    is_strict: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Its own, then those that stand for it."""
        return tuple(dict.fromkeys((self.model, *_OPENAI_NAMES)))

    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of those it knows; none if that is not known."""
        if self.language is not None:
            return (self.language,)
        model = known(self.model)
        return () if model is None else model.languages

    def is_name(self, name: str) -> bool:
        """Whether this checkpoint is meant, by any of its names."""
        if name.lower() in (LEGACY_WORDS, *(own.lower() for own in self.names)):
            return True
        model = known(name)
        return model is not None and model == known(self.model)

    def check_model(self, name: str) -> str | None:
        """A warning if ``name`` is that of another model, which this one stands in for.

        Raises ApiError in its stead if names are taken strictly, or if there is no name.
        """
        if self.is_strict and not name:
            raise ApiError(400, f"There is no model parameter; ask for '{self.model}'.", param="model")
        if not name or self.is_name(name):
            return None
        if self.is_strict:
            raise no_such_model(name)
        return f"The model '{name}' is not served here; {self.model} answered."

    def knows(self, code: str) -> bool:
        """Whether it takes this language, as far as is known."""
        languages = self.languages()
        return not languages or code in languages

    def check_language(self, code: str, param: str = "language") -> None:
        """Raises ApiError if the checkpoint does not know the language: what it would write is no transcript."""
        if not self.knows(code):
            wanted = language_name(code).title()
            raise ApiError(
                400,
                f"{self.model} knows only {_listed(self.languages())}, not {wanted}; leave {param} out if it is wrong.",
                param=param,
                code="unsupported_language",
            )


def no_such_model(name: str, param: str | None = None) -> ApiError:
    return ApiError(
        404,
        f"The model '{name}' does not exist or you do not have access to it.",
        param=param,
        code="model_not_found",
    )


def _listed(languages: Sequence[str]) -> str:
    return ", ".join(language_name(code).title() for code in languages)
