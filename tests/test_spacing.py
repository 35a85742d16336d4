"""Words with and without spaces between them."""

import pytest

from parakeet_cli.spacing import are_parted, continuation, joined, space_between


@pytest.mark.parametrize(
    ("texts", "text"),
    [
        ([], ""),
        (["one", "two", "three."], "one two three."),
        (["今日", "は", "会議", "です。", "NeMo", "を", "使い", "ます。"], "今日は会議です。NeMoを使います。"),
        (["2024", "年", "に", "Nemo", "3"], "2024年にNemo 3"),
        (["два", "三", "Hellé", "世界"], "два 三Hellé 世界"),
        (["안녕", "하세요."], "안녕 하세요."),
        (["你", "好，", "世界！"], "你好，世界！"),
    ],
)
def test_words_become_a_text(texts: list[str], text: str) -> None:
    assert joined(texts) == text
    assert texts == [] or texts[0] + continuation(texts[0], texts[1:]) == text


def test_nothing_follows_nothing_without_a_space() -> None:
    assert continuation("", ["one"]) == "one"
    assert continuation("one", []) == ""
    assert space_between("", "word") == " "
    assert space_between("", "語") == ""


@pytest.mark.parametrize(
    ("left", "right", "parted"),
    [
        ("今日", "は", True),
        ("を", "NeMo", True),
        ("NeMo", "を", True),
        ("Ne", "Mo", False),
        ("マレ", "ーシア", False),
        ("買", "っ", False),
        ("안", "녕", False),
    ],
)
def test_where_a_word_begins_that_touches_the_one_before(left: str, right: str, parted: bool) -> None:
    assert are_parted(left, right) is parted
