"""``/openapi.json`` describes what this server serves, made from its own routes; ``/docs`` is the same to read."""

import base64
import hashlib
import re
from collections.abc import Iterator
from http import HTTPStatus
from importlib import resources
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template
from werkzeug.routing import Rule

from parakeet_cli import __version__
from parakeet_cli.server.access import PUBLIC, area
from parakeet_cli.server.api_operations import OPERATIONS, Operation
from parakeet_cli.server.api_schemas import SCHEMAS, STRING, ref
from parakeet_cli.server.services import services

__all__ = ["blueprint", "describe"]

blueprint = Blueprint("openapi", __name__, template_folder="templates")

_VARIABLE = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")
_IMPLIED = frozenset({"HEAD", "OPTIONS"})
"""Methods that Flask adds to each route."""

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
}

_ERRORS = {
    400: "The request cannot be understood, or its file is no recording.",
    401: "The key is missing or wrong.",
    403: "A web page of another site may not do this.",
    404: "There is no such thing.",
    409: "A request with this Idempotency-Key is under way.",
    413: "The body, or the recording, is longer than this server takes.",
    415: "The body is of a kind that is not understood.",
    422: "This Idempotency-Key came with another request before.",
    500: "The server failed; its log says why.",
    501: "This server keeps no jobs.",
    503: "There is no room now; try again after the seconds in Retry-After.",
    504: "The file could not be decoded in time.",
    507: "The server's disk is full.",
}

_STYLE = (resources.files(__package__) / "templates" / "docs.css").read_text()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/openapi.json")
def document() -> Response:
    return jsonify(describe(current_app))


@blueprint.get("/docs")
def docs() -> Response:
    described = describe(current_app)
    html = render_template("docs.html", document=described, groups=_by_tag(described), style=_STYLE)
    response = Response(html)
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def describe(app: Flask) -> dict[str, Any]:
    """OpenAPI 3.1 of the routes of ``app``, called within its context."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=_order):
        for method in sorted((rule.methods or set()) - _IMPLIED):
            paths.setdefault(_path(rule), {})[method.lower()] = _operation(rule, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Parakeet",
            "version": __version__,
            "description": f"Transcription by {services().model}. Errors are JSON with a message for people and a code "
            "for programs; each answer has an X-Request-Id.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": _SCHEMES},
    }


def _by_tag(described: dict[str, Any]) -> list[tuple[str, list[tuple[str, str, Any]]]]:
    """Path, method and operation of each group."""
    groups: dict[str, list[tuple[str, str, Any]]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append((path, method, operation))
    return list(groups.items())


def _order(rule: Rule) -> tuple[int, str]:
    """As the operations stand in their table, where the ones that most clients want come first."""
    return list(OPERATIONS).index(rule.endpoint), rule.rule


def _path(rule: Rule) -> str:
    return _VARIABLE.sub(lambda match: f"{{{match['name']}}}", rule.rule)


def _operation(rule: Rule, method: str) -> dict[str, Any]:
    known = OPERATIONS[rule.endpoint]
    described: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()}{rule.rule}").strip("_"),
        "tags": [known.tag],
        "summary": known.summary,
        "description": known.about,
        "parameters": list(_parameters(rule, known)),
        "responses": {str(status): answer for status, answer in _responses(rule, known)},
        "security": [{name: []} for name in _SCHEMES] if _needs_key(rule) else [],
    }
    if known.body:
        described["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": schema} for kind, schema in known.body.items()},
        }
    return described


def _parameters(rule: Rule, known: Operation) -> Iterator[dict[str, Any]]:
    for match in _VARIABLE.finditer(rule.rule):
        about = "May hold slashes." if match["kind"] == "path" else ""
        yield {"name": match["name"], "in": "path", "required": True, "description": about, "schema": STRING}
    for where, fields in (("query", known.query), ("header", known.headers)):
        for name, schema in fields.items():
            yield {"name": name, "in": where, "required": False, "schema": schema}


def _responses(rule: Rule, known: Operation) -> Iterator[tuple[int, dict[str, Any]]]:
    for status, content in known.answers.items():
        yield (
            status,
            {
                "description": HTTPStatus(status).phrase,
                "content": {kind: {"schema": schema} for kind, schema in content.items()},
            },
        )
    errors = set(known.errors)
    if _needs_key(rule):
        errors.add(401)
    if rule.arguments:
        errors.add(404)  # also where nothing is looked up: not every text is a part of a path
    for status in sorted(errors - set(known.answers)):
        answer: dict[str, Any] = {"description": _ERRORS[status]}
        if known.failure.schema:
            answer["content"] = {"application/json": {"schema": ref(known.failure.schema)}}
        yield status, answer


def _needs_key(rule: Rule) -> bool:
    return bool(services().settings.keys) and area(rule.endpoint) not in PUBLIC
