"""What the routes work with; made once by ``run`` and handed to ``create_app``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import current_app

from parakeet_cli.output.writers import Writer
from parakeet_cli.server.desk import Desk
from parakeet_cli.server.job_runner import JobRunner
from parakeet_cli.server.stalled import StalledFiles
from parakeet_cli.settings import ServerSettings

if TYPE_CHECKING:  # metrics has a route, which reads the services
    from parakeet_cli.server.metrics import Metrics

__all__ = ["EXTENSION", "Services", "services"]

EXTENSION = "parakeet"


@dataclass(frozen=True, slots=True)
class Services:
    """``model`` is the checkpoint's name, ``language`` its ISO 639-1 code if it knows only one.

    ``fingerprint`` is that of ``batch.journal``: it changes with the checkpoint's content and the settings.
    """

    settings: ServerSettings
    desk: Desk
    writers: Mapping[str, Writer]
    model: str
    language: str | None
    fingerprint: str
    started: int
    """Unix seconds."""
    metrics: "Metrics"
    jobs: JobRunner | None = None
    """None where none can be kept."""
    stalled: StalledFiles = field(default_factory=StalledFiles)


def services() -> Services:
    """Those of the application that handles this request."""
    return cast(Services, current_app.extensions[EXTENSION])
