"""A transcript in a real Chromium: played, doubted, corrected, and taken away."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fakes import beeps, silence, write_wav
from tests.server.browsing import Visit, chromium, visiting
from tests.server.processes import RunningServer, running

LINES = ("one two three", "four five six seven eight nine zero one two three", "four five")
"""A pause of 2 s is after each."""
DEAF = "5-6.5"
"""Seconds that are not heard, so that the second line falls into two parts."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def doubtful_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("doubtful"), BEEP_DOUBT="two", BEEP_DEAF=DEAF) as server:
        yield server


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    parts = [part for line in LINES for part in (beeps(line.split()), silence(2.0))]
    return write_wav(tmp_path_factory.mktemp("talk") / "talk.wav", np.concatenate(parts)).read_bytes()


@contextmanager
def reading(browser: Browser, server: RunningServer, talk: bytes, **options: object) -> Iterator[Visit]:
    """The result of ``talk`` is open."""
    with visiting(browser, server.url, **options) as visit:  # type: ignore[arg-type]
        visit.open(visit.drop("talk.wav", talk))
        yield visit


def media_time(page: Page) -> float:
    return float(page.evaluate("document.querySelector('audio').currentTime"))


def test_a_click_on_a_word_goes_there_and_the_word_that_is_heard_is_marked(
    browser: Browser, doubtful_server: RunningServer, talk: bytes
) -> None:
    with reading(browser, doubtful_server, talk) as visit:
        page = visit.page
        word = page.locator(".word", has_text="three").first
        word.click()
        expect(word).to_have_class(re.compile("heard"))
        assert media_time(page) == pytest.approx(0.96, abs=0.05)
        page.evaluate("document.querySelector('audio').play()")
        expect(page.locator(".word.heard")).to_have_text("four")
        assert page.locator(".word.heard").count() == 1


def test_doubtful_words_are_marked_counted_and_found(
    browser: Browser, doubtful_server: RunningServer, talk: bytes
) -> None:
    with reading(browser, doubtful_server, talk) as visit:
        page = visit.page
        doubtful = page.locator(".segment .doubtful")
        assert doubtful.all_inner_texts() == ["two", "two"]
        expect(page.locator("#doubt")).to_contain_text("2 doubtful words")
        mark = "element => getComputedStyle(element, '::after').content + getComputedStyle(element).textDecorationLine"
        assert doubtful.first.evaluate(mark) == '"?" / ""underline'
        for place in (0, 1, 0):
            page.get_by_role("button", name="Next doubtful word").click()
            expect(doubtful.nth(place)).to_be_focused()
        assert media_time(page) == pytest.approx(0.56, abs=0.05)
        expect(doubtful.first).to_have_attribute("aria-description", "doubtful, 37% sure")


def test_a_gap_stands_in_its_place_with_its_time_and_reason(
    browser: Browser, doubtful_server: RunningServer, talk: bytes
) -> None:
    with reading(browser, doubtful_server, talk) as visit:
        gaps = visit.page.locator("#segments .gap")
        expect(gaps).to_have_count(1)
        assert re.search(r"1 sec without words: (music|noise|speech that could not be)", gaps.inner_text())
        texts = visit.page.locator("#segments > li").all_inner_texts()
        assert ["words:" in text for text in texts] == [False, False, True, False, False]
        assert "four five six seven" in texts[1] and "two three" in texts[3]


def test_what_is_corrected_is_in_every_file(browser: Browser, doubtful_server: RunningServer, talk: bytes) -> None:
    with reading(browser, doubtful_server, talk) as visit:
        page = visit.page
        _, original = visit.download("as SRT")
        assert "one two three" in original
        page.get_by_role("button", name="Edit the text at 0:00").click()
        field = page.get_by_label("Text at 0:00")
        expect(field).to_be_focused()
        field.fill("one <b>too</b> many three")
        page.keyboard.press("Enter")
        expect(page.locator(".segment").first).to_contain_text("edited")
        expect(page.locator("#doubt")).to_contain_text("1 doubtful word")
        assert page.locator("#segments b").count() == 0
        _, subtitles = visit.download("as SRT")
        assert "one <b>too</b> many three" in subtitles
        assert subtitles.count("-->") == original.count("-->")
        assert "one &lt;b&gt;too&lt;/b&gt; many three" in visit.download("as VTT")[1]
        assert visit.download("as TXT")[1].startswith("one <b>too</b> many three")
        document = json.loads(visit.download("as JSON")[1])
        first, *inner, last = document["segments"][0]["words"]
        assert (first["start"], first["end"], last["start"], last["end"]) == (0.16, 0.4, 0.96, 1.2)
        assert [(word["text"], word["confidence"]) for word in inner] == [("<b>too</b>", None), ("many", None)]
        assert 0.56 <= inner[0]["start"] < inner[0]["end"] <= inner[1]["start"] < inner[1]["end"] <= 0.8
        visit.go()
        expect(page.locator(".row")).to_contain_text("Done, edited")
        assert "one <b>too</b> many three" in visit.download("as SRT")[1]


def test_a_correction_can_be_discarded_taken_back_or_leave_a_sentence_out(
    browser: Browser, doubtful_server: RunningServer, talk: bytes
) -> None:
    with reading(browser, doubtful_server, talk) as visit:
        page = visit.page
        edit = page.get_by_role("button", name="Edit the text at 0:00")
        edit.click()
        page.keyboard.type("nonsense ")
        page.keyboard.press("Escape")
        expect(page.locator(".segment").first).not_to_contain_text("nonsense")
        edit.click()
        page.get_by_label("Text at 0:00").fill("")
        page.get_by_role("button", name="Save").click()
        assert not visit.download("as TXT")[1].startswith("one")
        edit.click()
        page.get_by_role("button", name="Restore the original").click()
        assert visit.download("as TXT")[1].startswith("one two three")
        expect(page.locator(".tag")).to_have_count(0)


def test_the_text_is_copied(browser: Browser, doubtful_server: RunningServer, talk: bytes) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    with reading(browser, doubtful_server, talk, permissions=permissions) as visit:
        visit.page.get_by_role("button", name="Copy text").click()
        expect(visit.page.locator(".told")).to_have_text("Copied.")
        assert visit.page.evaluate("navigator.clipboard.readText()").startswith("one two three four")


def test_all_of_it_can_be_done_with_the_keyboard(
    browser: Browser, doubtful_server: RunningServer, tmp_path: Path, talk: bytes
) -> None:
    def until_focused(label: str, key: str = "Tab") -> None:
        for _ in range(20):
            page.keyboard.press(key)
            if page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent") == label:
                return
        raise AssertionError(f"Tab never came to {label!r}")

    path = tmp_path / "talk.wav"
    path.write_bytes(talk)
    with visiting(browser, doubtful_server.url) as visit:
        page = visit.page
        page.on("filechooser", lambda chooser: chooser.set_files(path))  # expect_file_chooser may listen too late
        until_focused("Skip to the content")
        until_focused("Choose files")
        page.keyboard.press("Enter")
        expect(page.locator(".row")).to_have_attribute("data-state", "done")
        until_focused("Open the transcript of talk.wav")
        page.keyboard.press("Enter")
        expect(page.locator("#result-title")).to_be_focused()
        expect(page.locator(".word").first).to_be_visible()
        until_focused("one")
        for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Home", "End", "ArrowUp"):
            page.keyboard.press(key)
        expect(page.locator(".word:focus")).to_have_text("two")
        page.keyboard.press("Enter")
        assert media_time(page) == pytest.approx(6.72, abs=0.1)
        page.keyboard.press("p")
        assert page.evaluate("document.querySelector('audio').paused") is False
        page.keyboard.press("p")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Edit")
        page.keyboard.press("Enter")
        page.keyboard.press("End")
        page.keyboard.type(" indeed")
        page.keyboard.press("Enter")
        expect(page.locator(".word:focus")).to_have_text("two")
        until_focused("All files", "Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Open the transcript of talk.wav")).to_be_focused()
        with page.expect_download() as coming:
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
        assert "indeed" in Path(coming.value.path()).read_text()


def test_the_page_follows_the_playback_until_the_reader_scrolls(
    browser: Browser, doubtful_server: RunningServer, talk: bytes
) -> None:
    size = {"width": 375, "height": 420}
    with reading(browser, doubtful_server, talk, viewport=size, reduced_motion="reduce") as visit:
        page = visit.page
        last = page.locator(".word").last
        expect(last).not_to_be_in_viewport()
        page.evaluate("document.querySelector('audio').currentTime = 10.2")
        expect(last).to_be_in_viewport()
        page.mouse.move(100, 300)
        page.mouse.wheel(0, -2000)
        expect(page.locator("#follow")).to_be_visible()
        page.evaluate("document.querySelector('audio').currentTime = 9.8")
        expect(last).not_to_be_in_viewport()
        page.get_by_role("button", name="Follow along").click()
        expect(last).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_result(
    browser: Browser, doubtful_server: RunningServer, talk: bytes, scheme: str
) -> None:
    with reading(browser, doubtful_server, talk, color_scheme=scheme) as visit:
        visit.page.get_by_role("button", name="Next doubtful word").click()
        assert visit.faults_of_access() == []
        visit.page.get_by_role("button", name="Edit the text at 0:00").click()
        assert visit.faults_of_access() == []


def test_the_way_past_the_heading_leaves_the_transcript_open(
    browser: Browser, doubtful_server: RunningServer, talk: bytes
) -> None:
    with reading(browser, doubtful_server, talk) as visit:
        page = visit.page
        page.locator(".skip").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
        expect(page.locator(".word").first).to_be_visible()
        page.go_back()
        expect(page.locator(".row")).to_be_visible()


def test_a_sentence_that_is_being_corrected_is_kept_by_a_reload(
    browser: Browser, doubtful_server: RunningServer, talk: bytes
) -> None:
    with reading(browser, doubtful_server, talk) as visit:
        page = visit.page
        page.get_by_role("button", name="Edit the text at 0:00").click()
        page.get_by_label("Text at 0:00").fill("one and a half")
        page.reload()
        expect(page.locator(".row")).to_contain_text("Done, edited")
        visit.open(page.locator(".row"))
        expect(page.locator(".segment").first).to_contain_text("one and a half")


def test_a_transcript_that_is_shown_can_be_saved_after_the_server_forgot_it(
    browser: Browser, doubtful_server: RunningServer, talk: bytes
) -> None:
    with reading(browser, doubtful_server, talk, refusals=(404,)) as visit:
        page = visit.page
        _, before = visit.download("as SRT")
        page.route(
            "**/v1/jobs/*/result*", lambda route: route.fulfill(status=404, json={"error": {"message": "Gone."}})
        )
        assert visit.download("as SRT")[1].rstrip() == before.rstrip()
        page.get_by_role("button", name="Edit the text at 0:00").click()
        page.get_by_label("Text at 0:00").fill("one and a half")
        page.keyboard.press("Enter")
        assert visit.download("as TXT")[1].startswith("one and a half")
