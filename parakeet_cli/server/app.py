"""The WSGI application: routes, guards, errors as JSON, and the headers that every answer has."""

import secrets
import time
from collections.abc import Mapping

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from parakeet_cli.errors import ParakeetError
from parakeet_cli.server import (
    health,
    jobs_api,
    metrics,
    openai_api,
    openapi,
    page,
    subtitles,
    whisper_asr,
    whisper_cpp,
)
from parakeet_cli.server.access import Access, area
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.http_errors import handle_api, handle_http, handle_parakeet, handle_unexpected
from parakeet_cli.server.services import EXTENSION, Services
from parakeet_cli.server.spool import FORM_OVERHEAD
from parakeet_cli.server.uploads import UploadRequest
from parakeet_cli.settings import ServerSettings

__all__ = ["create_app", "new_request_id", "standing_headers"]

_BLUEPRINTS = (
    health.blueprint,
    metrics.blueprint,
    openai_api.blueprint,
    page.blueprint,
    subtitles.blueprint,
    whisper_asr.blueprint,
    whisper_asr.detection,
    whisper_cpp.blueprint,
    jobs_api.blueprint,
    openapi.blueprint,
)


def create_app(services: Services) -> Flask:
    app = Flask(__name__, static_folder=None)
    uploads = services.settings.uploads
    app.request_class = UploadRequest
    app.config.update(
        MAX_CONTENT_LENGTH=uploads.max_bytes + FORM_OVERHEAD,
        MAX_FORM_MEMORY_SIZE=uploads.field_bytes,
        MAX_FORM_PARTS=uploads.form_parts,
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined] # of Flask's default provider
    app.json.compact = True  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = services
    _add_guards(app, services.settings)
    app.register_error_handler(ApiError, handle_api)
    app.register_error_handler(ParakeetError, handle_parakeet)
    app.register_error_handler(HTTPException, handle_http)
    app.register_error_handler(Exception, handle_unexpected)
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def standing_headers(request_id: str, began: float) -> Mapping[str, str]:
    """What every answer says, ``began`` in ``time.monotonic()``."""
    return {
        "X-Request-Id": request_id,
        "openai-version": "2020-10-01",
        "openai-processing-ms": str(round((time.monotonic() - began) * 1000)),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }


def new_request_id() -> str:
    return f"req_{secrets.token_hex(16)}"


def _add_guards(app: Flask, settings: ServerSettings) -> None:
    """What the gate has asked already is asked again, for whoever serves the application in another way."""
    access = Access(settings)

    def admit() -> Response | None:
        g.request_id = new_request_id()
        g.began = time.monotonic()
        if request.mimetype != "multipart/form-data":  # all that is not a file is held in memory
            request.max_content_length = settings.uploads.form_bytes
        g.key_holder = access.check(request.method, request.headers.get, area(request.endpoint))
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return Response(status=204, headers=access.origins.preflight_headers(request.headers.get))
        return None

    def complete(response: Response) -> Response:
        response.headers.update(standing_headers(g.request_id, g.began))
        response.headers.setdefault("Cache-Control", "no-store")
        for name, value in access.origins.answer_headers(request.headers.get).items():
            response.headers.add(name, value)
        return response

    app.before_request(admit)
    app.after_request(complete)
