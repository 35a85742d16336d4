"""What names a language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.server.languages import find_language, language_name
from parakeet_cli.transcription.checkpoints.catalogue import MODELS


@pytest.mark.parametrize("text", ["en", "EN", "en-US", "en_us", "en-Latn-US", "eng", "English", " english "])
def test_english_has_many_spellings(text: str) -> None:
    assert find_language(text) == "en"


@pytest.mark.parametrize(
    ("text", "code"),
    [("ger", "de"), ("deu", "de"), ("iw", "he"), ("cmn", "zh"), ("mandarin", "zh"), ("yue", "yue"), ("haw", "haw")],
)
def test_older_and_longer_codes_are_understood(text: str, code: str) -> None:
    assert find_language(text) == code


@pytest.mark.parametrize("text", ["hh", "xx", "au", "und", "mul", "", "en-", "klingonese", "\0", "english please"])
def test_what_is_no_language_is_none(text: str) -> None:
    assert find_language(text) is None


@pytest.mark.parametrize(
    ("code", "name"), [("en", "english"), ("el", "greek"), ("my", "myanmar"), ("haw", "hawaiian"), ("qq", "qq")]
)
def test_names_are_those_that_whisper_made_known(code: str, name: str) -> None:
    assert language_name(code) == name


@pytest.mark.parametrize("code", sorted({code for model in MODELS for code in model.languages}))
def test_the_languages_of_checkpoints_are_found_by_code_and_name(code: str) -> None:
    assert find_language(code) == code
    assert find_language(language_name(code)) == code


@given(st.text(max_size=12))
def test_any_text_is_a_language_or_is_not(text: str) -> None:
    code = find_language(text)
    assert code is None or find_language(code) == code
