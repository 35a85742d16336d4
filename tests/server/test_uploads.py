"""Forms as clients send them, and as they should not."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Response, jsonify, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from parakeet_cli.server.app import create_app
from parakeet_cli.server.uploads import prefix_upload, uploaded_file
from parakeet_cli.settings import ServerSettings, UploadSettings
from tests.server.applications import services_for
from tests.server.full_disk import no_file_over

SETTINGS = ServerSettings(uploads=UploadSettings(max_bytes=100_000, field_bytes=80_000, form_bytes=150_000))


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """Of a route that says what it got, and of one that puts the number of bytes before them."""
    monkeypatch.setenv("PARAKEET_SPOOL", str(tmp_path / "spool"))
    app = create_app(services_for(SETTINGS))
    app.add_url_rule("/upload", view_func=_tell, methods=["POST"])
    app.add_url_rule("/raw", view_func=_tell_raw, methods=["POST"])
    before = _descriptors()
    yield app.test_client()
    assert _descriptors() == before
    assert list(tmp_path.glob("spool/*")) == []


def _tell() -> Response:
    with uploaded_file(request) as upload:
        content = os.pread(upload.file.fileno(), 1 << 20, 0)
        return jsonify(name=upload.name, size=upload.size, content=content.decode("latin-1"), fields=request.form)


def _tell_raw() -> Response:
    prefix_upload(request, lambda size: b"%08d" % size)
    return _tell()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _post(
    client: FlaskClient, *parts: bytes, boundary: str = "b", end: bytes = b"--b--\r\n", path: str = "/upload"
) -> TestResponse:
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end
    return client.post(path, data=body, content_type=f"multipart/form-data; boundary={boundary}")


def _part(head: bytes, content: bytes = b"sound") -> bytes:
    return b"Content-Disposition: form-data; " + head + b"\r\n\r\n" + content


def _error(response: TestResponse) -> tuple[int, str | None, str | None]:
    error = response.get_json()["error"]
    return response.status_code, error["param"], error["code"]


FILE = _part(b'name="file"; filename="talk.mp3"')


def test_the_file_arrives_whole_beside_the_fields(client: FlaskClient) -> None:
    response = _post(client, _part(b'name="model"', b"whisper-1"), FILE)
    assert response.get_json() == {"name": "talk.mp3", "size": 5, "content": "sound", "fields": {"model": "whisper-1"}}


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        (b'filename="../../etc/passwd"', "../../etc/passwd"),
        ('filename="héllo 日本😀.mp3"'.encode(), "héllo 日本😀.mp3"),
        (b'filename="<img src=x onerror=alert(1)>.mp3"', "<img src=x onerror=alert(1)>.mp3"),
        (b'filename="a\x00b.mp3"', "a\x00b.mp3"),
        (b'filename=""', "upload"),
        (b'filename="' + b"n" * 5000 + b'"', "n" * 200),
    ],
)
def test_a_name_is_text_and_no_path(client: FlaskClient, sent: bytes, got: str) -> None:
    assert _post(client, _part(b'name="file"; ' + sent)).get_json()["name"] == got


def test_a_prefix_stands_before_the_bytes_and_knows_their_number(client: FlaskClient) -> None:
    response = _post(client, FILE, path="/raw")
    assert (response.get_json()["content"], response.get_json()["size"]) == ("00000005sound", 5)


@pytest.mark.parametrize(
    "damaged",
    [
        {"end": b""},
        {"boundary": "other"},
        {"boundary": ""},
        {"boundary": "é"},
        {"part": _part(b'name="file"; filename="a\r\nb.mp3"')},
        {"part": _part(b'name="file"; filename="a\nb.mp3"')},
        {"part": _part(b'name="file"; filename="a\r\nX-Evil: b.mp3"')},
        {"part": _part(b'name="file"; filename="\xff\xfe.mp3"')},
        {"part": b"\r\n\r\nno headers"},
    ],
    ids=repr,
)
def test_a_malformed_form_is_told_apart_from_a_missing_file(client: FlaskClient, damaged: dict[str, bytes]) -> None:
    options = dict(damaged)
    response = _post(client, options.pop("part", FILE), **options)  # type: ignore[arg-type]
    assert _error(response) == (400, "file", "invalid_multipart")


def test_an_empty_body_is_the_clients_mistake(client: FlaskClient) -> None:
    assert _error(_post(client, end=b""))[:2] == (400, "file")


def test_a_missing_file_is_named(client: FlaskClient) -> None:
    assert _error(_post(client, _part(b'name="model"'))) == (400, "file", "missing_required_parameter")


def test_text_in_place_of_the_file_is_named(client: FlaskClient) -> None:
    response = _post(client, _part(b'name="file"', b"/path/talk.mp3"))
    assert _error(response) == (400, "file", "invalid_value")
    assert "file=@" in response.get_json()["error"]["message"]
    response = client.post("/upload", data={"file": "talk.mp3"})
    assert _error(response) == (400, "file", "invalid_value")


def test_another_kind_of_body_is_415(client: FlaskClient) -> None:
    assert _error(client.post("/upload", json={"file": "x"}))[0] == 415
    assert _error(client.post("/upload"))[:2] == (400, "file")


@pytest.mark.parametrize(("size", "status"), [(99_999, 200), (100_000, 200), (100_001, 413)])
def test_the_limit_is_that_of_the_file_to_the_byte(client: FlaskClient, size: int, status: int) -> None:
    response = client.post("/upload", data={"file": (io.BytesIO(b"x" * size), "a.wav"), "prompt": "p" * 70_000})
    assert response.status_code == status
    if status == 413:
        assert _error(response)[1] == "file"


def test_fields_are_bounded_one_by_one_and_in_all(client: FlaskClient) -> None:
    assert _error(_post(client, _part(b'name="prompt"', b"p" * 80_001), FILE))[0] == 413
    assert _post(client, _part(b'name="prompt"', b"p" * 70_000), FILE).status_code == 200
    fields = [_part(b'name="prompt"', b"p" * 70_000)] * 3
    assert _error(_post(client, *fields, FILE))[0] == 413


def test_parts_and_files_are_bounded_in_number(client: FlaskClient) -> None:
    assert _post(client, *[_part(b'name="a"', b"")] * 900, FILE).status_code == 200
    assert _error(_post(client, *[_part(b'name="a"', b"")] * 1001, FILE))[0] == 413
    assert _error(_post(client, *[FILE] * 9)) == (413, "file", "form_too_large")


def test_a_body_that_is_no_form_is_held_in_memory_and_so_bounded(client: FlaskClient) -> None:
    assert _error(client.post("/upload", data={"file": "x" * 200_000}))[0] == 413


@pytest.mark.parametrize("path", ["/upload", "/raw"])
def test_a_full_disk_is_507(client: FlaskClient, path: str) -> None:
    large = _part(b'name="file"; filename="talk.mp3"', b"x" * 90_000)
    with no_file_over(50_000):
        assert _error(_post(client, large, path=path)) == (507, None, "insufficient_storage")
    assert _post(client, large, path=path).status_code == 200
