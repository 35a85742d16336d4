"""The parts that an application is made of, with the engine that hears beeps in the tests' own process."""

import time

from parakeet_cli.output.presets import PRESETS
from parakeet_cli.output.writers import formats
from parakeet_cli.server.desk import Desk
from parakeet_cli.server.metrics import Metrics
from parakeet_cli.server.services import Services
from parakeet_cli.settings import ReviewSettings, ServerSettings
from tests.in_process import InProcessEngine

__all__ = ["services_for"]


def services_for(settings: ServerSettings) -> Services:
    desk = Desk(InProcessEngine, settings.lifecycle)
    metrics = Metrics(desk.pulse)
    desk.watch(metrics.ended)
    return Services(
        settings=settings,
        desk=desk,
        writers=formats(PRESETS["default"], ReviewSettings().least_confidence),
        model="beeps",
        language="en",
        fingerprint="beeps with the usual settings",
        started=int(time.time()),
        metrics=metrics,
    )
