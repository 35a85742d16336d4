import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.display import display


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("esc\x1b[31m\x07", "esc\\x1b[31m\\x07"),
        ("new\nline\r\ttab", "new\\x0aline\\x0d\\x09tab"),
        ("del\x7f c1\x9b", "del\\x7f c1\\x9b"),
        ("rlo\u202egpj.mp3", "rlo\\u202egpj.mp3"),
        ("isolate\u2066\u2069", "isolate\\u2066\\u2069"),
        ("lines\u2028\u2029", "lines\\u2028\\u2029"),
        (b"bad\xff\xfe".decode("utf-8", "surrogateescape"), "bad\\udcff\\udcfe"),
    ],
)
def test_what_could_harm_a_terminal_is_shown_as_its_code(text: str, shown: str) -> None:
    assert display(text) == shown


@pytest.mark.parametrize("text", ["12:30 meeting.mp3", "emoji 😀 日本 é.mp3", "quote\"'\\ <b>", "שלום"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert display(text) == text


@given(st.text(st.characters()))
def test_what_is_shown_is_one_line_that_can_be_encoded(text: str) -> None:
    shown = display(text)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    assert display(shown) == shown
