"""Tokens become words and words become segments."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.settings import SegmentSettings
from parakeet_cli.transcript import Token, Word
from parakeet_cli.transcription.segmentation import to_segments, to_words

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
SETTINGS = SegmentSettings()


def tokens_of(*pieces: str, duration: float = 0.2, logprob: float = 0.0) -> list[Token]:
    """One token after another without a pause."""
    return [Token(piece, index * duration, (index + 1) * duration, logprob) for index, piece in enumerate(pieces)]


def texts_of(*pieces: str) -> list[str]:
    return [word.text for word in to_words(tokens_of(*pieces))]


def spoken(text: str, pause: float = 0.05) -> list[Word]:
    """Words of 0.4 s with a pause after each."""
    step = 0.4 + pause
    return [Word(word, index * step, index * step + 0.4) for index, word in enumerate(text.split())]


def jfk_tokens() -> Iterator[Token]:
    with (GOLDEN / "jfk-tokens.csv").open(encoding="utf-8", newline="") as file:
        for line in file:
            _, _, frame, _, duration, piece = line.rstrip("\n").split(",", 5)
            start = int(frame) * 0.08
            yield Token(piece.replace("▁", " "), start, start + int(duration) * 0.08, -0.1)


def test_the_words_of_a_real_recording_are_those_of_its_text() -> None:
    words = list(to_words(jfk_tokens()))
    text = json.loads((GOLDEN / "texts.json").read_text(encoding="utf-8"))["jfk"]
    assert " ".join(word.text for word in words) == text
    americans = words[4]
    assert americans.text == "Americans,"
    assert americans.start == pytest.approx(1.76)
    assert americans.end == pytest.approx(2.72), "the comma at 2.96 s has no width"


def test_a_space_starts_a_word_and_so_does_the_first_token() -> None:
    assert texts_of("wo", "rd", " sec", "ond") == ["word", "second"]


def test_a_mark_belongs_to_the_word_before() -> None:
    assert texts_of(" so", ",", " yes", " .", " no", "?") == ["so,", "yes.", "no?"]


def test_an_opening_mark_belongs_to_the_word_that_it_touches() -> None:
    assert texts_of(" hola", ",", " ¿", "qué", ' "', "tal", '"', "?") == ["hola,", "¿qué", '"tal"?']
    assert texts_of(" at", " -", "5") == ["at", "-5"]


def test_a_dash_between_spaces_stays_apart_from_the_letters() -> None:
    assert texts_of(" Москва", " —", " столица") == ["Москва —", "столица"]


def test_a_mark_that_opens_and_stands_free_begins_the_next_word() -> None:
    assert texts_of(" arrive", ".", " «", " Bonjour", " »", ",", " dit") == ["arrive.", "«Bonjour»,", "dit"]
    assert texts_of(" left", " (", " yes", " )", ".") == ["left", "(yes)."]
    assert texts_of(" „", "Hallo", "“", " –", " sagte", " er") == ["„Hallo“ –", "sagte", "er"]


def test_a_dash_after_a_sentence_begins_what_the_next_one_says() -> None:
    assert texts_of(" Oui", ".", " —", " Non", ".", " —", " Si", ".") == ["Oui.", "— Non.", "— Si."]
    assert texts_of(" -", " Yes", ".", " -", " No", ".") == ["- Yes.", "- No."]
    segments = to_segments(to_words(tokens_of(" Oui", ".", " —", " Non", ".")), SETTINGS)
    assert [segment.text for segment in segments] == ["Oui.", "— Non."]
    said = to_segments(to_words(tokens_of(" Привет", "!", " –", " сказал", " он", ".")), SETTINGS)
    assert [segment.text for segment in said] == ["Привет! – сказал он."]


def test_japanese_has_words_and_sentences_without_spaces() -> None:
    pieces = (
        " 今日",
        "は",
        "会議",
        "を",
        "始め",
        "ます",
        "。",
        "「",
        "まず",
        "マレ",
        "ーシア",
        "」",
        "と",
        "言",
        "っ",
        "た",
        "。",
        "Ne",
        "Mo",
        "を",
    )
    words = list(to_words(tokens_of(*pieces)))
    assert [word.text for word in words] == [
        *("今日", "は", "会議", "を", "始め", "ます。", "「まず", "マレーシア」", "と", "言っ", "た。", "NeMo", "を"),
    ]
    segments = list(to_segments(words, SETTINGS))
    assert [segment.text for segment in segments] == [
        "今日は会議を始めます。",
        "「まずマレーシア」と言った。",
        "NeMoを",
    ]
    assert segments[1].start == pytest.approx(8 * 0.2)


def test_a_bare_space_starts_the_word_after_it() -> None:
    assert texts_of(" was", " ", "1", "7", ".", " ", " My") == ["was", "17.", "My"]


def test_a_mark_before_a_bare_space_or_an_opening_mark_stays_with_the_word_before() -> None:
    assert texts_of(" quoi", " ?", " ", "1", "7") == ["quoi?", "17"]
    assert texts_of(" quoi", " ?", " “", "Oui", "”") == ["quoi?", "“Oui”"]
    assert texts_of(" at", " .", " ", "N", "ine") == ["at.", "Nine"]


def test_a_percent_sign_is_pronounced() -> None:
    (word,) = to_words([Token(" 5", 0.0, 0.2, 0.0), Token("%", 0.2, 0.8, 0.0)])
    assert word == Word("5%", 0.0, 0.8, 1.0)


def test_punctuation_has_no_width() -> None:
    (word,) = to_words([Token(" so", 1.0, 1.3, 0.0), Token(",", 1.3, 1.86, -2.0)])
    assert word == Word("so,", 1.0, 1.3, 1.0)


@pytest.mark.parametrize("mark", [",", " .", "..."])
def test_a_mark_at_the_very_start_is_kept(mark: str) -> None:
    assert texts_of(mark, " Hello") == [mark.strip(), "Hello"]
    assert texts_of(mark) == [mark.strip()]


def test_no_tokens_are_no_words_and_no_segments() -> None:
    assert list(to_words([])) == []
    assert list(to_words(tokens_of("", " "))) == []
    assert list(to_segments([], SETTINGS)) == []


def test_a_word_of_no_duration_gets_a_frame_where_there_is_room() -> None:
    words = list(to_words([Token(" a", 1.0, 1.0, 0.0), Token(" b", 1.04, 1.04, 0.0), Token(" c", 2.0, 2.0, 0.0)]))
    assert [word.end for word in words] == [1.04, pytest.approx(1.12), pytest.approx(2.08)]


def test_times_that_go_back_are_moved_and_words_are_not() -> None:
    words = list(to_words([Token(" a", 2.0, 2.5, 0.0), Token(" b", 1.0, 1.2, 0.0), Token(" c", 2.2, 2.6, 0.0)]))
    assert [word.text for word in words] == ["a", "b", "c"]
    assert [(word.start, word.end) for word in words] == [(2.0, 2.0), (2.0, 2.08), (2.2, 2.6)]


def test_confidence_is_the_mean_probability_of_what_is_pronounced() -> None:
    tokens = [Token(" a", 0, 1, math.log(0.5)), Token("b", 1, 2, math.log(1.0)), Token(",", 2, 3, math.log(0.01))]
    (word,) = to_words(tokens)
    assert word.confidence == pytest.approx(0.75)


@pytest.mark.parametrize(("logprob", "confidence"), [(-math.inf, 0.0), (1e-9, 1.0), (math.nan, None)])
def test_confidence_stays_between_none_and_one(logprob: float, confidence: float | None) -> None:
    (word,) = to_words([Token(" a", 0.0, 0.2, logprob)])
    assert word.confidence == confidence


@given(
    st.lists(
        st.builds(
            Token,
            text=st.sampled_from([" a", "b", " ,", ".", " —", ' "', " ", "", " ¿", "%", " Ж", "日"]),
            start=st.floats(0, 100),
            end=st.floats(0, 100),
            logprob=st.floats(-10, 0),
        )
    )
)
def test_words_keep_all_characters_in_order_and_times_never_go_back(tokens: list[Token]) -> None:
    words = list(to_words(tokens))
    heard = "".join(token.text for token in tokens)
    assert "".join("".join(word.text for word in words).split()) == "".join(heard.split())
    assert all(word.start <= word.end for word in words)
    assert all(word.end <= following.start for word, following in pairwise(words))


def test_segments_end_where_sentences_do() -> None:
    text = "Dr. Robinson came at 3.5 seconds. He left. J. R. R. Tolkien stayed in the U.S. The end."
    assert [segment.text for segment in to_segments(spoken(text), SETTINGS)] == [
        "Dr. Robinson came at 3.5 seconds.",
        "He left.",
        "J. R. R. Tolkien stayed in the U.S.",
        "The end.",
    ]


@pytest.mark.parametrize(("pause", "parts"), [(1.4, 1), (1.5, 2)])
def test_a_long_pause_ends_a_segment(pause: float, parts: int) -> None:
    words = [Word("one", 0.0, 1.0), Word("two", 1.0 + pause, 3.0)]
    assert len(list(to_segments(words, SETTINGS))) == parts


def test_a_long_sentence_is_divided_at_its_longest_pause() -> None:
    words = spoken("word " * 50 + "stop word, " + "word " * 48)
    late = [Word(word.text, word.start + 0.5, word.end + 0.5) for word in words[51:]]
    segments = list(to_segments([*words[:51], *late], SETTINGS))
    assert [len(segment.words) for segment in segments] == [51, 49]


def test_without_a_pause_it_is_divided_after_a_clause() -> None:
    segments = list(to_segments(spoken("word " * 40 + "clause, " + "word " * 59), SETTINGS))
    assert [len(segment.words) for segment in segments] == [41, 59]


def test_without_a_clause_it_is_divided_in_the_middle_and_not_inside_a_number() -> None:
    segments = list(to_segments(spoken("word " * 49 + "10 000 " + "word " * 49), SETTINGS))
    assert sorted(len(segment.words) for segment in segments) == [49, 51]


def test_an_endless_sentence_streams_through() -> None:
    endless = (Word("word", index * 0.5, index * 0.5 + 0.4) for index in count())
    segments = list(islice(to_segments(endless, SETTINGS), 20))
    assert all(segment.end - segment.start <= SETTINGS.longest_seconds for segment in segments)
    assert all(len(segment.words) > 10 for segment in segments)


def test_one_word_may_be_longer_than_a_segment() -> None:
    segments = list(to_segments([Word("aaah", 0.0, 90.0), Word("done", 90.0, 90.5)], SETTINGS))
    assert [segment.text for segment in segments] == ["aaah", "done"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["word", "so,", "end.", "Dr.", "10", "000", "U.S.", "–", "", "The"]),
            st.sampled_from([0.0, 0.04, 0.3, 0.5, 1.5, 5.0, 70.0]),
            st.sampled_from([0.0, 0.08, 0.4, 40.0]),
        )
    ),
    st.sampled_from([0.5, 3.0, 30.0]),
)
def test_segments_have_all_words_in_order_and_no_more_time_than_allowed(
    parts: list[tuple[str, float, float]], longest: float
) -> None:
    words, now = [], 0.0
    for text, pause, duration in parts:
        words.append(Word(text, now + pause, now + pause + duration))
        now += pause + duration
    segments = list(to_segments(words, SegmentSettings(longest_seconds=longest)))
    assert [word for segment in segments for word in segment.words] == words
    assert all(segment.end - segment.start <= longest for segment in segments if len(segment.words) > 1)


def test_words_keep_the_very_tokens_they_were_given_and_are_equal_without_them() -> None:
    tokens = list(jfk_tokens())
    words = list(to_words(tokens))
    kept = [token for word in words for token in word.tokens]
    assert [id(token) for token in kept] == [id(token) for token in tokens]
    assert words == [replace(word, tokens=()) for word in words]
