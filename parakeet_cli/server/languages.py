"""The names and codes that clients have for a language, and the one code that we have for it.

Codes and names are those of ISO 639 (the tables of the registration authority, in the library iso639), with the names
that Whisper made known where they differ: clients look them up.
"""

import re

import iso639

__all__ = ["find_language", "language_name"]

_WHISPER_NAMES = {
    "el": "greek",
    "he": "hebrew",
    "ht": "haitian creole",
    "ms": "malay",
    "my": "myanmar",
    "ne": "nepali",
    "nn": "nynorsk",
    "oc": "occitan",
    "pa": "punjabi",
    "ps": "pashto",
    "sw": "swahili",
    "yue": "cantonese",
}

_ALIASES = {name: code for code, name in _WHISPER_NAMES.items()} | {
    "in": "id",
    "iw": "he",
    "jw": "jv",
    "mandarin": "zh",
}
"""Names that ISO 639 has not, or has with an addition, and codes from before 1989 that are still about."""

_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{1,8})*", re.IGNORECASE)
"""A language tag (BCP 47); what follows the language is about its script and country."""

_SPECIAL = "S"
"""The scope of codes that are no language: undetermined, several, none."""


def find_language(text: str) -> str | None:
    """The code of the language that ``en``, ``EN``, ``en-US``, ``eng`` or ``english`` names; None if nothing does.

    ISO 639-1 where there is such a code, else ISO 639-3. A language without the former that is part of one that has it
    counts as that one: ``cmn`` is ``zh``.
    """
    name = " ".join(text.split()).lower()
    if tag := _TAG.fullmatch(name):
        name = tag[1]
    if name in _ALIASES:
        return _ALIASES[name]
    language = _match(name)
    if language is None or language.scope == _SPECIAL:
        return None
    whole = language.macrolanguage
    if language.part1 is None and language.part3 not in _WHISPER_NAMES and whole:
        language = iso639.Language.from_part3(whole)
    return language.part1 or language.part3


def language_name(code: str) -> str:
    """In English and lower case, without additions: ``greek``, not ``Modern Greek (1453-)``."""
    if code in _WHISPER_NAMES:
        return _WHISPER_NAMES[code]
    language = _match(code)
    return code if language is None else language.name.partition(" (")[0].lower()


def _match(name: str) -> iso639.Language | None:
    """Two letters are a code and no name: there is a language that is called Au."""
    try:
        if len(name) == 2:
            return iso639.Language.from_part1(name)
        return iso639.Language.match(name, strict_case=False)
    except iso639.LanguageNotFoundError:
        return None
