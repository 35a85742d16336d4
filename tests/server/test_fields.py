"""The spellings that clients have for fields."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.fields import Fields

NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
TEXTS = st.lists(NAMES, min_size=1, max_size=5, unique=True)


@given(TEXTS)
def test_a_list_says_the_same_in_every_spelling(values: Sequence[str]) -> None:
    spellings = [
        [("x[]", value) for value in values],
        [("x", value) for value in values],
        [(f"x[{index}]", value) for index, value in enumerate(values)],
        [("x", json.dumps(values))],
        [("x[]", json.dumps(values))],
        [("x", ",".join(values))],
        [("x[]", ", ".join(values))],
    ]
    assert {Fields(items).texts("x") for items in spellings} == {tuple(values)}
    assert Fields.from_json({"x": values}).texts("x") == tuple(values)


@given(TEXTS)
def test_an_index_puts_values_in_order(values: Sequence[str]) -> None:
    items = [(f"x[{index}]", value) for index, value in enumerate(values)]
    assert Fields(reversed(items)).texts("x") == tuple(values)


def test_a_value_that_comes_twice_counts_once() -> None:
    items = [("x[]", "word"), ("x[]", "segment"), ("x", "word"), ("x[0]", "segment"), ("x[]", "")]
    assert Fields(items).texts("x") == ("word", "segment")


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=8), st.text(max_size=8))
def test_any_form_can_be_read(items: list[tuple[str, str]], name: str) -> None:
    fields = Fields(items)
    for read in (fields.text, fields.texts, fields.keyed, fields.truth, lambda name: fields.number(name, 0, 1)):
        try:
            read(name)
        except ApiError as error:
            assert (error.status, error.param) == (400, name)


@pytest.mark.parametrize("value", ["true", "True", "1", "yes", "on", " TRUE "])
def test_a_yes(value: str) -> None:
    assert Fields([("stream", value)]).truth("stream")


@pytest.mark.parametrize("value", ["false", "False", "0", "no", "off", "", "null"])
def test_a_no(value: str) -> None:
    assert not Fields([("stream", value)]).truth("stream")


def test_neither_yes_nor_no_is_an_error() -> None:
    with pytest.raises(ApiError, match="stream is 'perhaps'; it must be true or false"):
        Fields([("stream", "perhaps")]).truth("stream")


@pytest.mark.parametrize("value", ["abc", "9", "-1", "nan", "inf", "0,2"])
def test_what_is_no_number_of_the_range_is_an_error(value: str) -> None:
    with pytest.raises(ApiError, match="temperature"):
        Fields([("temperature", value)]).number("temperature", 0, 1)


def test_of_a_repeated_field_the_last_value_holds() -> None:
    assert Fields([("model", "one"), ("model", "two")]).text("model") == "two"


def test_json_values_are_what_their_texts_say() -> None:
    fields = Fields.from_json({"stream": True, "temperature": 0.2, "user": None, "vad": {"threshold": 0.4}})
    assert fields.truth("stream")
    assert fields.number("temperature", 0, 1) == 0.2
    assert fields.text("user") == ""
    assert fields.keyed("vad") == {"threshold": "0.4"}


@pytest.mark.parametrize(
    "items",
    [[("vad[type]", "server_vad"), ("vad[threshold]", "0.4")], [("vad", '{"type":"server_vad","threshold":0.4}')]],
)
def test_an_object_comes_in_brackets_or_as_json(items: list[tuple[str, str]]) -> None:
    assert Fields(items).keyed("vad") == {"type": "server_vad", "threshold": "0.4"}


def test_a_long_wrong_value_is_not_repeated_whole() -> None:
    with pytest.raises(ApiError) as raised:
        Fields([("stream", "x" * 1000)]).truth("stream")
    assert len(raised.value.message) < 100
