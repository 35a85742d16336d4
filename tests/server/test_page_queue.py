"""From a file to its subtitles in a real Chromium: the queue, its errors, the key, languages, reloads."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import srt
from playwright.sync_api import Browser, Page, Route, expect

from tests.fakes import ODD, beeps, write_wav
from tests.server.browsing import SECONDS, chromium, visiting
from tests.server.conftest import KEY
from tests.server.processes import RunningServer, running, until


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Each batch takes a while, so that things can be seen under way."""
    chunks = ("--chunk-seconds", "2", "--context-seconds", "0.8", "--batch-size", "1")
    with running(tmp_path_factory.mktemp("slow"), *chunks, BEEP_SECONDS="0.3") as server:
        yield server


@pytest.fixture
def talk(tmp_path: Path) -> bytes:
    return write_wav(tmp_path / "talk.wav", beeps(["one", "two", "three"])).read_bytes()


@pytest.fixture
def long_talk(tmp_path: Path) -> bytes:
    """24 s, in 12 chunks."""
    return write_wav(tmp_path / "long.wav", beeps(["one", "two", "three", "four", "five"] * 12)).read_bytes()


def test_a_dropped_file_leaves_as_subtitles(browser: Browser, shared_server: RunningServer, talk: bytes) -> None:
    with visiting(browser, shared_server.url) as visit:
        row = visit.drop("my talk.wav", talk)
        expect(row).to_have_attribute("data-state", "done")
        expect(row).to_contain_text("0:01")
        name, text = visit.download("Download my talk.wav as SRT")
    assert name == "my talk.srt"
    assert [cue.content.strip() for cue in srt.parse(text)] == ["one two three"]


def test_several_files_are_chosen_and_downloaded_one_by_one(
    browser: Browser, shared_server: RunningServer, talk: bytes
) -> None:
    with visiting(browser, shared_server.url) as visit:
        visit.choose(("one.wav", talk), ("two.wav", talk), ("three.wav", talk))
        expect(visit.page.locator("#queue-count")).to_have_text("3 of 3 done")
        visit.page.select_option("#all-format", "txt")
        names: list[str] = []
        visit.page.on("download", lambda download: names.append(download.suggested_filename))
        with visit.page.expect_download(lambda download: download.suggested_filename == "three.txt"):
            visit.page.get_by_role("button", name="Download all").click()
    assert names == ["one.txt", "two.txt", "three.txt"]


def test_no_more_than_two_files_are_uploaded_at_once(
    browser: Browser, shared_server: RunningServer, talk: bytes
) -> None:
    held: list[Route] = []
    with visiting(browser, shared_server.url) as visit:
        visit.page.route("**/v1/jobs", lambda route: held.append(route))  # noqa: PLW0108 # it is given an attribute
        visit.choose(*((f"{number}.wav", talk) for number in range(4)))
        expect(visit.page.locator(".row")).to_have_count(4)
        _wait_for_two(visit.page, held)
        expect(visit.page.locator(".row").nth(3)).to_contain_text("Waits for its turn")
        held.pop().continue_()
        _wait_for_two(visit.page, held)
        visit.page.unroute("**/v1/jobs")  # which lets go of those that are held
        expect(visit.page.locator(".row[data-state=done]")).to_have_count(4)


def test_a_text_that_is_called_a_film_is_refused_in_a_sentence(
    browser: Browser, shared_server: RunningServer, talk: bytes
) -> None:
    with visiting(browser, shared_server.url, refusals=[400]) as visit:
        row = visit.drop("film.mp4", b"This is no film.\n" * 20, "video/mp4")
        expect(row).to_have_attribute("data-state", "failed")
        problem = row.locator(".problem").inner_text()
        assert "film.mp4" in problem and "\n" not in problem
        row.get_by_role("button", name="Try film.mp4 again").click()
        expect(row.locator(".problem")).to_have_text(problem)
        visit.page.get_by_role("button", name="简体中文").click()
        expect(row.locator(".problem")).to_have_text("这个文件不是可识别的音频或视频。请另选一个文件。")
        row.get_by_role("button", name="移除 film.mp4").click()
        expect(visit.page.locator(".row")).to_have_count(0)


def test_empty_and_too_large_files_are_not_sent(browser: Browser, shared_locked_server: RunningServer) -> None:
    with visiting(browser, shared_locked_server.url, refusals=[401]) as visit:
        sent: list[str] = []
        visit.page.on("request", lambda request: sent.append(request.method))
        expect(visit.drop("empty.wav", b"")).to_contain_text("The file is empty")
        expect(visit.drop("large.wav", bytes(4 << 20))).to_contain_text(
            re.compile(r"has 4.1 MB; this server takes [\d.]+ MB at most")
        )
        assert "POST" not in sent


def test_a_cancel_while_transcribing_frees_the_engine(
    browser: Browser, slow_server: RunningServer, long_talk: bytes, talk: bytes
) -> None:
    with visiting(browser, slow_server.url) as visit:
        row = visit.drop("long.wav", long_talk)
        expect(row.locator(".live")).to_contain_text("one two three four five one")
        expect(row.locator(".status")).to_contain_text("of 0:24")
        assert 0 < float(row.locator("progress").get_attribute("value") or 0) < 1
        row.get_by_role("button", name="Cancel long.wav").click()
        expect(visit.page.locator(".row")).to_have_count(0)
        expect(visit.page.locator("#choose")).to_be_focused()
        following = visit.drop("talk.wav", talk)
        expect(following).to_have_attribute("data-state", "done", timeout=5000)
        expect(visit.page.locator("#queue-count")).to_have_text("1 of 1 done")


def test_a_cancel_while_the_server_looks_at_it_leaves_no_job(
    browser: Browser, tmp_path: Path, talk: bytes, ffmpeg: str
) -> None:
    """The answer with the id of the job is still to come."""
    slow = tmp_path / "slow-ffmpeg"
    slow.write_text(f'#!/bin/sh\nsleep 1\nexec {ffmpeg} "$@"\n')
    slow.chmod(0o755)
    with (
        running(tmp_path, PARAKEET_FFMPEG=str(slow), BEEP_SECONDS="60") as server,
        visiting(browser, server.url) as visit,
    ):
        row = visit.drop("talk.wav", talk + ODD)
        expect(row).to_have_attribute("data-state", "checking")
        with visit.page.expect_request(lambda request: request.method == "DELETE") as deleted:
            row.get_by_role("button", name="Cancel talk.wav").click()
            expect(visit.page.locator(".row")).to_have_count(0)
        path = "/" + deleted.value.url.partition("//")[2].partition("/")[2]
        until(lambda: server.ask("GET", path).status == 404, "the job is gone")


def test_a_name_that_is_markup_is_shown_and_does_nothing(
    browser: Browser, shared_server: RunningServer, talk: bytes
) -> None:
    name = "<img src=x onerror=alert(1)>.mp3"
    with visiting(browser, shared_server.url) as visit:
        row = visit.drop(name, talk)
        expect(row.locator(".name bdi")).to_have_text(name)
        visit.open(row)
        expect(visit.page.locator("#result-title")).to_have_text(name)
        assert visit.page.locator("img[src=x]").count() == 0
        file, _ = visit.download("as SRT")
        assert file.endswith(".srt")


def test_jobs_under_way_survive_a_reload(browser: Browser, slow_server: RunningServer, long_talk: bytes) -> None:
    with visiting(browser, slow_server.url) as visit:
        row = visit.drop("long.wav", long_talk)
        expect(row).to_have_attribute("data-state", "running")
        visit.go()
        expect(row).to_contain_text("Transcribing")
        visit.open(row)
        expect(visit.page.locator("#player")).to_contain_text("Choose it again to listen")
        visit.choose(("long.wav", long_talk), within="#player input")
        expect(visit.page.locator("#player audio")).to_be_visible()
        expect(visit.page.locator("#result-notice")).to_be_hidden()


def test_a_lost_connection_is_taken_up_again(browser: Browser, tmp_path: Path, long_talk: bytes) -> None:
    """The server is stopped in the midst, and started again at the same place."""
    options = ("--chunk-seconds", "2", "--context-seconds", "0.8", "--batch-size", "1", "--drain", "0")
    with (
        running(tmp_path, *options, BEEP_SECONDS="0.2") as first,
        visiting(browser, first.url, refusals=[503], is_often_offline=True) as visit,
    ):
        row = visit.drop("long.wav", long_talk)
        expect(row).to_have_attribute("data-state", "running")
        first.stop()
        expect(row).to_contain_text("Connection lost, trying again")
        with running(tmp_path, *options, "--port", str(first.port)):
            expect(row).to_have_attribute("data-state", "done")


def test_a_server_that_cannot_load_its_model_says_why_it_waits(browser: Browser, tmp_path: Path, talk: bytes) -> None:
    with running(tmp_path, BEEP_FAULT="model@0") as server, visiting(browser, server.url) as visit:
        row = visit.drop("talk.wav", talk)
        expect(row).to_contain_text("cannot begin, and tries again: The weights cannot be read")
        visit.page.set_viewport_size({"width": 320, "height": 640})
        assert visit.overflow() == 0


def test_an_upload_that_breaks_off_is_tried_again(browser: Browser, shared_server: RunningServer, talk: bytes) -> None:
    with visiting(browser, shared_server.url, is_often_offline=True) as visit:
        visit.page.route("**/v1/jobs", lambda route: route.abort("connectionreset"), times=1)
        row = visit.drop("talk.wav", talk)
        expect(row).to_contain_text("Connection lost, trying again")
        expect(row).to_have_attribute("data-state", "done")


def test_an_upload_whose_answer_is_lost_is_transcribed_once(
    browser: Browser, shared_server: RunningServer, talk: bytes
) -> None:
    def lose(route: Route) -> None:
        assert route.fetch().status == 202
        route.abort("connectionreset")

    completed = 'parakeet_recordings_total{state="completed"}'
    before = shared_server.metric(completed)
    with visiting(browser, shared_server.url, is_often_offline=True) as visit:
        visit.page.route("**/v1/jobs", lose, times=1)
        row = visit.drop("talk.wav", talk)
        expect(row).to_contain_text("Connection lost, trying again")
        expect(row).to_have_attribute("data-state", "done")
    assert shared_server.metric(completed) == before + 1


def test_a_key_is_asked_for_checked_and_kept_for_the_tab(
    browser: Browser, shared_locked_server: RunningServer, talk: bytes
) -> None:
    with visiting(browser, shared_locked_server.url, refusals=[401]) as visit:
        page = visit.page
        expect(page.get_by_label("API key")).to_be_focused()
        row = visit.drop("talk.wav", talk)
        expect(row).to_contain_text("Waits for the key")
        page.get_by_label("API key").fill("sk-wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#key-error")).to_contain_text("does not accept this key")
        page.get_by_label("API key").fill(KEY)
        page.keyboard.press("Enter")
        expect(page.locator("#key-panel")).to_be_hidden()
        expect(row).to_have_attribute("data-state", "done")
        assert KEY not in page.url
        assert page.evaluate("document.cookie + JSON.stringify(localStorage)").find(KEY) == -1
        visit.go()
        expect(page.locator("#key-panel")).to_be_hidden()
        expect(row).to_have_attribute("data-state", "done")
        page.get_by_role("button", name="Forget key").click()
        expect(page.get_by_label("API key")).to_be_focused()
        row.get_by_role("button", name="Download talk.wav as SRT").click()
        page.get_by_label("API key").fill(KEY)
        with page.expect_download():
            page.keyboard.press("Enter")


def test_the_language_is_that_of_the_browser_until_one_is_chosen(
    browser: Browser, shared_server: RunningServer
) -> None:
    with visiting(browser, shared_server.url, locale="zh-CN") as visit:
        page = visit.page
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        expect(page.locator("h1").first).to_have_text("拖入影片，带走字幕")
        page.get_by_role("button", name="English").click()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page.get_by_role("button", name="English")).to_have_attribute("aria-pressed", "true")
        visit.go()
        expect(page.locator("h1").first).to_have_text("Drop a film, leave with subtitles")


def test_both_languages_have_every_text(browser: Browser, shared_server: RunningServer) -> None:
    with visiting(browser, shared_server.url) as visit:
        texts = visit.page.evaluate("import('/static/strings.js').then(({STRINGS}) => STRINGS)")
    english, chinese = texts["en"], texts["zh-Hans"]
    assert set(english) <= set(chinese)
    assert all(name.startswith("error_") for name in set(chinese) - set(english))
    for name, text in english.items():
        assert _values(text) == _values(chinese[name]), name


def test_narrow_windows_scroll_in_one_direction(browser: Browser, shared_server: RunningServer, talk: bytes) -> None:
    size = {"width": 320, "height": 640}
    with visiting(browser, shared_server.url, viewport=size, refusals=[400], has_touch=True) as visit:
        assert visit.overflow() == 0
        visit.drop("film.mp4", b"no film " * 20)
        row = visit.drop(f"{'a_very_long_name' * 8}.wav", talk)
        expect(row).to_have_attribute("data-state", "done")
        assert visit.overflow() == 0
        visit.open(row)
        assert visit.overflow() == 0
        visit.page.get_by_role("button", name="Edit the text at 0:00").click()
        assert visit.overflow() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_queue(
    browser: Browser, slow_server: RunningServer, tmp_path: Path, scheme: str
) -> None:
    outlasts_axe = write_wav(tmp_path / "long.wav", beeps(["one", "two", "three", "four", "five"] * 120)).read_bytes()
    with visiting(browser, slow_server.url, color_scheme=scheme, refusals=[400]) as visit:
        assert visit.faults_of_access() == []
        visit.drop("film.mp4", b"no film " * 20)
        row = visit.drop("long.wav", outlasts_axe)
        expect(row.locator(".live")).to_be_visible()
        assert visit.faults_of_access() == []
        row.get_by_role("button", name="Cancel long.wav").click()


def test_axe_finds_nothing_in_the_key_field(browser: Browser, shared_locked_server: RunningServer) -> None:
    with visiting(browser, shared_locked_server.url) as visit:
        expect(visit.page.locator("#key-panel")).to_be_visible()
        assert visit.faults_of_access() == []


def _wait_for_two(page: Page, held: list[Route]) -> None:
    """Until there are two, and a moment longer in which no third may come."""
    end = time.monotonic() + SECONDS
    while len(held) < 2 and time.monotonic() < end:
        page.wait_for_timeout(50)
    page.wait_for_timeout(300)
    assert len(held) == 2


def _values(text: str | dict[str, str]) -> set[str]:
    """The {values} that a text, or each of its forms, takes."""
    forms = [text] if isinstance(text, str) else list(text.values())
    found = [set(re.findall(r"\{\w+\}", form)) for form in forms]
    assert all(values == found[0] for values in found)
    return found[0]
