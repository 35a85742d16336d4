"""What the application answers to what no route expects, whoever serves it."""

import errno
import logging
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from parakeet_cli.errors import OutputUnwritable
from parakeet_cli.settings import ServerSettings
from tests.server.asking import application

KEY = "sk-0123456789abcdef"


def _raising(error: Exception, settings: ServerSettings | None = None) -> FlaskClient:
    app: Flask = application(settings)

    def fail() -> str:
        raise error

    app.add_url_rule("/fail", view_func=fail)
    return app.test_client()


def test_a_bug_is_told_as_nothing_but_an_error_of_the_server(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        response = _raising(RuntimeError(f"in {Path(__file__)}")).get("/fail")
    assert response.status_code == 500
    assert response.get_json()["error"]["type"] == "server_error"
    assert b"Traceback" not in response.data and str(Path(__file__)).encode() not in response.data
    (record,) = caplog.records
    assert response.headers["X-Request-Id"] in record.getMessage()
    assert record.exc_info


def test_an_error_of_ours_keeps_its_status() -> None:
    assert _raising(OutputUnwritable("Nothing can be written.")).get("/fail").status_code == 507


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM])
def test_want_that_passes_is_told_so(number: int) -> None:
    response = _raising(OSError(number, "there is none left")).get("/fail")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def test_every_answer_has_the_standing_headers() -> None:
    client = application().test_client()
    for path in ("/health", "/v1/models", "/nothing"):
        headers = client.get(path).headers
        assert headers["X-Request-Id"].startswith("req_")
        assert headers["openai-version"] == "2020-10-01"
        assert int(headers["openai-processing-ms"]) >= 0
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


def test_key_host_and_page_are_asked_again_behind_the_gate() -> None:
    client = application(ServerSettings(keys=(KEY,))).test_client()
    good = {"Authorization": f"Bearer {KEY}"}
    assert client.get("/v1/models").status_code == 401
    assert client.get("/v1/models", headers=good).status_code == 200
    assert client.get("/v1/models", headers=good | {"Host": "evil.example"}).status_code == 400
    assert client.post("/v1/jobs", headers=good | {"Origin": "https://evil.example"}).status_code == 403
    assert client.get("/metrics").status_code == 401
    assert client.get("/health/live").status_code == 200


def test_at_every_address_any_address_is_ours_and_no_foreign_name() -> None:
    client = application(ServerSettings(host="0.0.0.0", hosts=("speech.lan",), insecure_no_auth=True)).test_client()
    for host, status in (("192.0.2.7:5092", 200), ("[2001:db8::1]", 200), ("speech.lan", 200), ("evil.example", 400)):
        assert client.get("/v1/models", headers={"Host": host}).status_code == status


def test_a_long_path_is_not_repeated_whole() -> None:
    response = application().test_client().get("/" + "x" * 5000)
    assert response.status_code == 404
    assert len(response.data) < 500
