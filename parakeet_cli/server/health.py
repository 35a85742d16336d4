"""Whether the server lives, and whether it would take a request; asking wakes no model."""

import shutil

from flask import Blueprint, Response, jsonify

from parakeet_cli.server.desk import EngineState
from parakeet_cli.server.services import services
from parakeet_cli.transcription.media.media_file import spool_folder

__all__ = ["blueprint"]

blueprint = Blueprint("health", __name__)

_UNREADY = {
    EngineState.LOADING: "loading model",
    EngineState.BACKING_OFF: "restarting the engine",
    EngineState.FAILED: "the engine failed",
    EngineState.DRAINING: "stopping",
}


@blueprint.get("/health/live")
@blueprint.get("/healthz")
def live() -> Response:
    """200 as long as requests are answered at all."""
    return jsonify(status="ok")


@blueprint.get("/health/ready")
@blueprint.get("/health")
@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """200 if a request would be served: the model is loaded or may be loaded; whisper.cpp's clients read ``status``."""
    trouble = _trouble()
    if trouble is None:
        return jsonify(status="ok"), 200
    return jsonify(status=trouble), 503


def _trouble() -> str | None:
    here = services()
    if reason := _UNREADY.get(here.desk.pulse().engine):
        return reason
    if shutil.disk_usage(spool_folder()).free < here.settings.uploads.free_bytes:
        return "the disk is full"
    return None
