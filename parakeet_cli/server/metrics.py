"""Figures for Prometheus, at ``/metrics``; where keys are set they need one, as they tell what is going on."""

from collections.abc import Callable, Iterator

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from parakeet_cli.server.desk import EngineState, Pulse, State, Work
from parakeet_cli.server.services import services

__all__ = ["Metrics", "blueprint"]

blueprint = Blueprint("metrics", __name__)

disable_created_metrics()  # type: ignore[no-untyped-call] # a time beside each figure that nobody asks for

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_DURATIONS = (0.05, 0.25, 1, 5, 15, 60, 300, 1800)
"""Seconds."""


@blueprint.get("/metrics")
def metrics() -> Response:
    return Response(services().metrics.text(), content_type=CONTENT_TYPE_LATEST)


class Metrics:
    """What is counted since the server started; may be told from any thread."""

    def __init__(self, pulse: Callable[[], Pulse]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "parakeet_requests", "Requests answered.", ("route", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "parakeet_request_seconds",
            "From a request's first byte to the end of its answer.",
            ("route",),
            buckets=_DURATIONS,
            registry=self._registry,
        )
        self._works = Counter("parakeet_recordings", "Recordings that are over.", ("state",), registry=self._registry)
        self._failures = Counter("parakeet_failures", "Recordings that failed.", ("code",), registry=self._registry)
        self._audio = Counter("parakeet_audio_seconds", "Seconds of audio transcribed.", registry=self._registry)
        self._recognition = Counter(
            "parakeet_recognition_seconds", "Seconds that the recognizer spent on them.", registry=self._registry
        )
        for state in (State.FINISHED, State.FAILED, State.CANCELLED):
            self._works.labels(state)
        self._audio_seconds = self._recognition_seconds = 0.0
        self._registry.register(_Now(pulse, self.pace))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """``route`` is a rule, so that there are few of them."""
        self._requests.labels(route, method if method in _METHODS else "other", str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def ended(self, work: Work) -> None:
        view = work.view
        self._works.labels(view.state).inc()
        if view.error is not None:
            self._failures.labels(view.error.code).inc()
        if view.transcript is not None:
            self._audio.inc(view.transcript.duration)
            self._audio_seconds += view.transcript.duration
        if view.recognition_seconds is not None:
            self._recognition.inc(view.recognition_seconds)
            self._recognition_seconds += view.recognition_seconds

    def pace(self) -> float | None:
        """Seconds of audio for each second in the recognizer (RTFx), over all recordings."""
        return self._audio_seconds / self._recognition_seconds if self._recognition_seconds else None

    def text(self) -> bytes:
        return generate_latest(self._registry)


class _Now(Collector):
    """What is so at the moment of asking."""

    def __init__(self, pulse: Callable[[], Pulse], pace: Callable[[], float | None]) -> None:
        self._pulse = pulse
        self._pace = pace

    def collect(self) -> Iterator[GaugeMetricFamily]:
        pulse = self._pulse()
        yield GaugeMetricFamily("parakeet_running", "Recordings in the engine.", value=pulse.running)
        yield GaugeMetricFamily("parakeet_waiting", "Recordings that wait for it.", value=pulse.waiting)
        engine = GaugeMetricFamily("parakeet_engine_state", "1 for the state the engine is in.", labels=("state",))
        for state in EngineState:
            engine.add_metric((state,), float(state is pulse.engine))
        yield engine
        if (pace := self._pace()) is not None:
            yield GaugeMetricFamily("parakeet_rtfx", "Seconds of audio for each second in the recognizer.", value=pace)
