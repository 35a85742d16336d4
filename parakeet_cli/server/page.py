"""The page at ``/``: a browser's way to the jobs API. All of it is ours, and comes from here."""

import hashlib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from flask import Blueprint, Response, abort, make_response, render_template, request

from parakeet_cli import __version__
from parakeet_cli.server.services import services

__all__ = ["blueprint"]

blueprint = Blueprint("page", __name__, template_folder="templates")

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Those of our files; the system's own table differs from machine to machine, and modules need the right one."""

_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # ask each time, for parts of two releases must never meet; 304 is the answer
}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    mimetype: str
    etag: str


@blueprint.get("/")
def index() -> Response:
    """What the page must know before it asks for anything stands in data attributes."""
    wired = services()
    html = render_template(
        "page.html",
        version=__version__,
        needs_key=bool(wired.settings.keys),
        most_bytes=wired.settings.uploads.max_bytes,
        most_seconds=wired.settings.uploads.max_seconds,
    )
    return _answer(_file(html.encode(), "text/html; charset=utf-8"))


@blueprint.get("/static/<name>")
def static_file(name: str) -> Response:
    """Served from memory: no name that a client sends is ever a path."""
    file = _FILES.get(name)
    if file is None:
        abort(404)
    return _answer(file)


def _answer(file: _File) -> Response:
    response = make_response(file.content)
    response.headers["Content-Type"] = file.mimetype
    response.headers.update(_HEADERS)
    response.set_etag(file.etag)
    response.make_conditional(request)
    return response


def _file(content: bytes, mimetype: str) -> _File:
    return _File(content, mimetype, hashlib.sha256(content).hexdigest()[:32])


def _read(folder: Traversable) -> dict[str, _File]:
    kinds = {path: _TYPES.get(path.name[path.name.rfind(".") :]) for path in folder.iterdir()}
    return {path.name: _file(path.read_bytes(), kind) for path, kind in kinds.items() if kind}


_FILES = _read(resources.files(__package__) / "static")
