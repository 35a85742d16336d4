"""An application for the tests of its routes, and the recording that they send."""

import io
import wave
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from parakeet_cli.server.app import create_app
from parakeet_cli.server.desk import Desk
from parakeet_cli.settings import SAMPLE_RATE, ServerSettings
from parakeet_cli.transcription.chunking import Samples
from parakeet_cli.transcription.recognizer import Recognizer
from tests.fakes import beeps
from tests.in_process import InProcessEngine
from tests.server.applications import services_for

__all__ = ["ROUTE", "SPEECH", "application", "ask", "raw_samples", "wav"]

ROUTE = "/v1/audio/transcriptions"


def wav(samples: Samples) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes(raw_samples(samples))
    return file.getvalue()


def raw_samples(samples: Samples) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


SPEECH = wav(beeps(["one", "two", "three"]))


def application(
    settings: ServerSettings | None = None,
    recognizer: Callable[[], Recognizer] | None = None,
    *,
    model: str = "beeps",
    language: str | None = "en",
) -> Flask:
    settings = settings or ServerSettings()
    services = replace(services_for(settings), model=model, language=language)
    if recognizer is not None:
        engine = recognizer
        services = replace(services, desk=Desk(lambda tell: InProcessEngine(tell, engine), settings.lifecycle))
    return create_app(services)


def ask(
    client: FlaskClient, route: str = ROUTE, file: bytes = SPEECH, name: str = "file", **fields: Any
) -> TestResponse:
    """Send the file in a form, as most clients do."""
    return client.post(route, data={**fields, name: (io.BytesIO(file), "speech.wav")}, buffered=True)
