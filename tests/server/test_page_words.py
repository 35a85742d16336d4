"""What an edit does to the times of words, in the page's own modules, run by a real Chromium."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.server.browsing import chromium, visiting
from tests.server.processes import RunningServer

_EDIT = """([source, number, text]) => import('/static/transcript.js').then(({Transcript}) => {
    const transcript = new Transcript(source);
    transcript.edit(number, text);
    return {words: transcript.segments[number], json: JSON.parse(JSON.stringify(transcript)), edits: transcript.edits};
})"""
_GAPS = """(source) => import('/static/transcript.js').then(({Transcript}) => {
    const transcript = new Transcript(source);
    const places = [...source.segments, null].map((_, number) => number);
    const found = (gaps) => places.map((number) => transcript[gaps](number));
    return [found('gapsBefore'), found('gapsWithin')];
})"""


@pytest.fixture(scope="module")
def page(shared_server: RunningServer) -> Iterator[Page]:
    with chromium() as browser, visiting(browser, shared_server.url) as visit:
        yield visit.page


def word(text: str, start: float) -> dict[str, Any]:
    return {"text": text, "start": start, "end": start + 0.5, "confidence": 0.9}


def source(*texts: str, gaps: tuple[tuple[float, float], ...] = ()) -> dict[str, Any]:
    """Each word has half a second, and a second from start to start."""
    segments, at = [], 0
    for text in texts:
        words = [word(part, float(at + place)) for place, part in enumerate(text.split())]
        segments.append({"start": words[0]["start"], "end": words[-1]["end"], "text": text, "words": words})
        at += len(words)
    found = [{"start": start, "end": end, "reason": "music"} for start, end in gaps]
    return {"schema": 1, "duration": float(at), "text": " ".join(texts), "segments": segments, "gaps": found}


def edited(page: Page, text: str) -> list[dict[str, Any]]:
    return list(page.evaluate(_EDIT, [source("one two three", "four"), 0, text])["words"])


def test_words_that_stay_keep_all_that_is_known_of_them(page: Page) -> None:
    first, second, third = edited(page, "one TWO three")
    assert (first, third) == (word("one", 0), word("three", 2))
    assert second == {"text": "TWO", "start": 1, "end": 1.5, "confidence": None}


def test_words_that_were_put_in_share_the_time_of_the_word_before_them(page: Page) -> None:
    words = edited(page, "one two hundred three")
    assert [(part["text"], part["start"], part["end"]) for part in words[1:3]] == [
        ("two", 1, 1.15),
        ("hundred", 1.15, 1.5),
    ]
    assert words[1]["confidence"] == 0.9


def test_words_that_were_put_first_share_the_time_of_the_first(page: Page) -> None:
    words = edited(page, "and one two three")
    assert [(part["text"], part["start"], part["end"]) for part in words[:2]] == [("and", 0, 0.25), ("one", 0.25, 0.5)]


def test_a_sentence_that_was_written_anew_keeps_its_place(page: Page) -> None:
    words = edited(page, "  something   quite different  ")
    assert [part["text"] for part in words] == ["something", "quite", "different"]
    assert (words[0]["start"], words[-1]["end"]) == (0, 2.5)


@pytest.mark.parametrize(
    "text", ["three two one", "one one one two two three", "a b c d e f g", "three", "x one two three"]
)
def test_times_never_run_backwards(page: Page, text: str) -> None:
    words = edited(page, text)
    assert [part["text"] for part in words] == text.split()
    times = [time for part in words for time in (part["start"], part["end"])]
    assert times == sorted(times)


def test_where_no_spaces_part_words_those_that_were_there_stay(page: Page) -> None:
    said = source("今日は スーパー です。")
    changed = page.evaluate(_EDIT, [said, 0, "今日もスーパーです。"])
    assert [part["text"] for part in changed["words"]] == ["今", "日", "も", "スーパー", "です。"]
    assert changed["words"][3:] == said["segments"][0]["words"][1:]
    assert changed["json"]["segments"][0]["text"] == "今日もスーパーです。"
    assert page.evaluate(_EDIT, [said, 0, "今日はスーパーです。"])["edits"] == {}
    texts = page.evaluate(_EDIT, [said, 0, "𠮷野家で買った。NeMo 3"])["words"]
    assert [part["text"] for part in texts] == ["𠮷", "野", "家", "で", "買っ", "た。", "NeMo", "3"]


def test_an_empty_sentence_is_left_out_and_its_own_text_is_no_edit(page: Page) -> None:
    emptied = page.evaluate(_EDIT, [source("one two three", "four"), 0, " "])
    assert [segment["text"] for segment in emptied["json"]["segments"]] == ["four"]
    assert emptied["json"]["text"] == "four"
    same = page.evaluate(_EDIT, [source("one two three", "four"), 0, "one  two three"])
    assert same["edits"] == {}


def test_gaps_stand_between_segments_or_between_two_words_of_one(page: Page) -> None:
    gaps = ((1.6, 1.9), (2.6, 2.9), (3.6, 9.0))
    before, within = page.evaluate(_GAPS, source("one two three", "four", gaps=gaps))
    assert [[gap["start"] for gap in found] for found in before] == [[], [2.6], [3.6]]
    assert [[gap["start"] for gap in found] for found in within] == [[1.6], [], []]
