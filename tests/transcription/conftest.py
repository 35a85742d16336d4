"""What tests of this folder share."""

import pytest

from tests.fakes import BeepRecognizer


@pytest.fixture(params=[False, True], ids=["in turn", "aside"])
def aside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are encoded when their turn comes, as on a CPU, or in a thread beside the decoder, as on a card."""
    monkeypatch.setattr(BeepRecognizer, "encodes_aside", request.param)
