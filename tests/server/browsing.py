"""A visit to the page in a real Chromium, which ends badly if anything on the page went wrong."""

import base64
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Download,
    FilePayload,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.conftest import skip_for_want_of

__all__ = ["SECONDS", "Visit", "chromium", "visiting"]

SECONDS = 20
"""For what takes the server and an engine that is yet to start; two cores may have much else to do."""

_OVERSIGHT = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
window.alert = () => violations.push("alert");
"""
_DROP = """({name, type, content}) => {
    const transfer = new DataTransfer();
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, {type}));
    return transfer;
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        skip_for_want_of("chromium")
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        # A sound card is not needed, and a sandbox cannot be had by root.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--mute-audio"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """``problems`` gets all that must not happen; ``refusals`` are the statuses that the test wants to see."""

    page: Page
    url: str
    refusals: Sequence[int]
    is_often_offline: bool
    problems: list[str] = field(default_factory=list)

    def go(self) -> None:
        self.page.goto(self.url)
        expect(self.page.locator("#choose")).not_to_be_empty()

    def drop(self, name: str, content: bytes, kind: str = "audio/wav") -> Locator:
        """The file's row."""
        file = {"name": name, "type": kind, "content": base64.b64encode(content).decode()}
        transfer = self.page.evaluate_handle(_DROP, file)
        self.page.dispatch_event("main", "dragover", {"dataTransfer": transfer})
        expect(self.page.locator("#veil")).to_be_visible()
        self.page.dispatch_event("main", "drop", {"dataTransfer": transfer})
        expect(self.page.locator("#veil")).to_be_hidden()
        return self.page.locator(".row").filter(has_text=name)

    def choose(self, *files: tuple[str, bytes], within: str = "#files") -> None:
        payloads = [FilePayload(name=name, mimeType="audio/wav", buffer=content) for name, content in files]
        self.page.set_input_files(within, payloads)

    def open(self, row: Locator) -> None:
        """Show the result of a row once it is done."""
        row.get_by_role("button", name="Open").click(timeout=SECONDS * 1000)
        expect(self.page.locator("#segments .segment").first).to_be_visible()

    def download(self, button: str) -> tuple[str, str]:
        """The name of the file that a click saves, and what is in it."""
        with self.page.expect_download() as coming:
            self.page.get_by_role("button", name=re.compile(button)).click()
        return _read(coming.value)

    def faults_of_access(self) -> list[str]:
        """What axe-core finds on the page as it is now."""
        self.page.evaluate(_axe())
        found: dict[str, Any] = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{fault['id']}: {node['html']} {node['failureSummary']}"
            for fault in found["violations"]
            for node in fault["nodes"]
        ]

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def watch(self) -> None:
        page = self.page
        page.add_init_script(_OVERSIGHT)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", self._see)

    def check(self) -> None:
        assert self.problems == []
        assert self.page.evaluate("window.violations ?? []") == []

    def _hear(self, message: ConsoleMessage) -> None:
        text = message.text
        expected = any(f"status of {status} " in text for status in self.refusals)
        if "net::ERR_" in text and self.is_often_offline:
            expected = True
        if message.type in ("error", "warning") and not expected:
            self.problems.append(f"console: {text}")

    def _see(self, request: Request) -> None:
        """Nothing may leave for elsewhere."""
        if not request.url.startswith((self.url, "blob:", "data:")):
            self.problems.append(f"request to {request.url}")


@contextmanager
def visiting(
    browser: Browser, url: str, *, refusals: Sequence[int] = (), is_often_offline: bool = False, **options: Any
) -> Iterator[Visit]:
    """A fresh visit; ``options`` are Playwright's for a context. ``is_often_offline``: requests may fail."""
    context = browser.new_context(**{"locale": "en-GB", **options})
    try:
        visit = Visit(context.new_page(), url, refusals, is_often_offline)
        visit.watch()
        visit.go()
        yield visit
        visit.check()
    finally:
        context.close()


def _read(download: Download) -> tuple[str, str]:
    return download.suggested_filename, Path(download.path()).read_text()


def _axe() -> str:
    try:
        return (resources.files("axe_playwright_python") / "axe.min.js").read_text()
    except ModuleNotFoundError:
        skip_for_want_of("axe-core")
