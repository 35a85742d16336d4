"""Which words of a text count, and how they are written."""

import pytest

from parakeet_cli.errors import InvalidReference
from parakeet_cli.evaluation.normalization import Normalizer, choose_normalizer, make_normalize


@pytest.mark.parametrize(
    ("normalizer", "text", "words"),
    [
        (Normalizer.ENGLISH, "Um, Mr. Grey won't pay one hundred dollars!", "mister gray will not pay $100"),
        (Normalizer.ENGLISH, "[laughter] It's 5,000 (sic).", "it is 5000"),
        (Normalizer.ENGLISH, "One, two. Three?", "123"),
        (Normalizer.BASIC, "Grüße, Zoë! (leise)", "grüße zoë"),
        (Normalizer.BASIC, "One, two. Three?", "one two three"),
        (Normalizer.CHARACTERS, "今日は。 天気", "今 日 は 天 気"),
        (Normalizer.NONE, " As it, is.\n", "As it, is."),
    ],
)
def test_each_normalizer_keeps_what_counts(normalizer: Normalizer, text: str, words: str) -> None:
    assert make_normalize(normalizer)(text) == words.split()


@pytest.mark.parametrize(
    ("languages", "chosen"),
    [
        (["en"], Normalizer.ENGLISH),
        (["en", None], Normalizer.ENGLISH),
        ([None], Normalizer.BASIC),
        (["de"], Normalizer.BASIC),
        (["ja"], Normalizer.CHARACTERS),
    ],
)
def test_auto_goes_by_the_only_language_of_a_checkpoint(languages: list[str | None], chosen: Normalizer) -> None:
    assert choose_normalizer(Normalizer.AUTO, languages) is chosen
    assert choose_normalizer(Normalizer.NONE, languages) is Normalizer.NONE


def test_a_text_that_the_rules_cannot_take_is_an_error_of_the_input() -> None:
    """Python refuses to read numbers of more than 4,300 digits."""
    with pytest.raises(InvalidReference, match="--normalizer basic"):
        make_normalize(Normalizer.ENGLISH)("9" * 5000)
