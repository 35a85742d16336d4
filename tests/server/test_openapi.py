"""The description of the API: complete, true to what is served, and readable without any other place."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup

from parakeet_cli.server.api_operations import OPERATIONS
from parakeet_cli.server.app import create_app
from parakeet_cli.server.orders import Format
from parakeet_cli.settings import ServerSettings
from tests.server.applications import services_for
from tests.server.job_server import JobServer, job_server, sound

load_all_checks()

CHECKED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "unsupported_method",
    ]
)
"""Not: positive_data_acceptance, as no generated file is a recording; negative_data_rejection, as unknown fields are
ignored on purpose."""


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAKEET_SPOOL", str(tmp_path / "spool"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JobServer]:
    with job_server(tmp_path / "jobs") as server:
        yield server


def described(app: Flask) -> dict[str, Any]:
    response = app.test_client().get("/openapi.json")
    assert response.status_code == 200
    return dict(response.json)  # type: ignore[arg-type]


def test_every_route_is_described_and_nothing_else() -> None:
    app = create_app(services_for(ServerSettings()))
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = {(path, method) for path, operations in described(app)["paths"].items() for method in operations}
    assert told == served
    assert set(OPERATIONS) == {rule.endpoint for rule in app.url_map.iter_rules()}


def test_the_document_follows_openapi_3_1() -> None:
    app = create_app(services_for(ServerSettings()))
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    schema.validate()
    names = [operation["operationId"] for path in described(app)["paths"].values() for operation in path.values()]
    assert len(set(names)) == len(names)


def test_formats_are_those_that_the_server_knows() -> None:
    document = described(create_app(services_for(ServerSettings())))
    form = document["paths"]["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert form["schema"]["properties"]["response_format"]["enum"] == list(Format)


def test_keys_are_asked_for_where_there_are_keys_and_the_document_is_open() -> None:
    app = create_app(services_for(ServerSettings(keys=("sesame",))))
    paths = described(app)["paths"]
    assert paths["/v1/jobs"]["post"]["security"] and "401" in paths["/v1/jobs"]["post"]["responses"]
    assert not paths["/health"]["get"]["security"]
    assert app.test_client().get("/docs").status_code == 200
    assert not described(create_app(services_for(ServerSettings())))["paths"]["/v1/jobs"]["post"]["security"]


def test_the_page_of_the_document_needs_nothing_from_elsewhere() -> None:
    app = create_app(services_for(ServerSettings()))
    response = app.test_client().get("/docs")
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
    assert not re.search(r"<script|<link|<img|https?://|style=|\son\w+=", response.text)
    for path, operations in described(app)["paths"].items():
        assert path in response.text
        assert all(operation["operationId"] in response.text for operation in operations.values())
    targets = set(re.findall(r'href="#([^"]+)"', response.text))
    assert targets and targets <= set(re.findall(r'id="([^"]+)"', response.text))


def test_what_is_answered_is_what_is_described(server: JobServer, tmp_path: Path) -> None:
    recording = sound("one two", tmp_path)
    finished = server.make(recording)
    server.until(finished, "completed")
    schema = schemathesis.openapi.from_wsgi("/openapi.json", server.client.application)
    failures = [
        fault
        for operation in _operations(schema)
        for with_recording in (False, True)
        if (fault := _fault(operation, recording if with_recording else None, finished))
    ]
    assert not failures, "\n\n".join(failures)


def _operations(schema: Any) -> list[Any]:
    return [result.ok() for result in schema.get_all_operations()]


def _fault(operation: Any, recording: bytes | None, job_id: str) -> str | None:
    """What is wrong with answers to requests as they are described; with a recording, to ones that can succeed."""

    @settings(
        max_examples=4 if recording else 8,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def check(case: schemathesis.Case[Any]) -> None:
        if recording and case.operation.method.upper() != "DELETE":
            _make_sensible(case, recording, job_id)
        case.call_and_validate(checks=CHECKED)  # type: ignore[arg-type] # narrower than what the registry gives

    try:
        check()
    except FailureGroup as found:
        return f"{operation.label}: {found} {found.exceptions}"
    return None


def _make_sensible(case: schemathesis.Case[Any], recording: bytes, job_id: str) -> None:
    if isinstance(case.body, dict):
        form: dict[str, Any] = case.body
        form.update({field: recording for field in ("file", "audio_file") if field in form})
        if "input_audio" in form:
            form["input_audio"] = {"data": base64.b64encode(recording).decode(), "format": "wav"}
    if "job_id" in case.path_parameters:
        case.path_parameters["job_id"] = job_id
