"""The page as it is served: headers, caching, and all of it from here."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from parakeet_cli.settings import ServerSettings
from tests.server.asking import application

STATIC = Path(__file__).parent.parent.parent / "parakeet_cli/server/static"
NAMES = sorted(path.name for path in STATIC.iterdir())


@pytest.fixture
def client() -> FlaskClient:
    return application().test_client()


def test_the_page_may_load_nothing_from_elsewhere_and_be_framed_by_nobody(client: FlaskClient) -> None:
    headers = client.get("/").headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_served_with_its_type_and_once(client: FlaskClient, name: str) -> None:
    first = client.get(f"/static/{name}")
    assert first.status_code == 200
    assert first.data == (STATIC / name).read_bytes()
    kind = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}[Path(name).suffix]
    assert first.headers["Content-Type"].startswith(kind)
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get(f"/static/{name}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fpage.py", "%2e%2e/page.py", ".", "page.css%00"])
def test_nothing_else_is_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_the_page_is_not_loaded_again_while_it_is_the_same(client: FlaskClient) -> None:
    etag = client.get("/").headers["ETag"]
    assert client.get("/", headers={"If-None-Match": etag}).status_code == 304


def test_the_page_needs_no_key_and_says_that_the_api_does() -> None:
    client = application(ServerSettings(keys=("sk-one",))).test_client()
    page = client.get("/").text
    assert 'data-needs-key="yes"' in page
    assert "sk-one" not in page
    assert client.get("/static/main.js").status_code == 200
    assert client.get("/v1/models").status_code == 401


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith(".svg")] + ["../templates/page.html"])
def test_no_address_of_another_host_stands_in_the_source(name: str) -> None:
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", (STATIC / name).read_text())


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".js")])
def test_no_text_can_become_markup(name: str) -> None:
    source = (STATIC / name).read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source)
