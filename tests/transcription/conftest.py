"""What tests of this folder share."""

import pytest

from parakeet_cli.transcription.recognizer import Aside
from tests.fakes import BeepRecognizer


@pytest.fixture(params=[Aside.NEVER, Aside.ALWAYS], ids=["in turn", "aside"])
def aside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are encoded when their turn comes, or in a thread beside the decoder, as on a card."""
    monkeypatch.setattr(BeepRecognizer, "encodes_aside", request.param)
