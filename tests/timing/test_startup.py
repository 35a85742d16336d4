"""Fresh processes: what they say, and how they end."""

import threading
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineFailed
from parakeet_cli.settings import RecognizerSettings
from parakeet_cli.timing.startup import time_start
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.media.interruption import Interrupted, Interruption

NOWHERE = Checkpoint("none", Path("/nowhere.nemo"))


def test_the_last_words_of_a_process_that_fails_are_told() -> None:
    with pytest.raises(EngineFailed, match=r"could not load the model .*No module named parakeet_cli\.nothing"):
        time_start("parakeet_cli.nothing", NOWHERE, RecognizerSettings(), Interruption())


def test_an_interruption_ends_the_process_that_is_waited_for() -> None:
    interruption = Interruption()
    threading.Timer(0.3, interruption.interrupt).start()
    with pytest.raises(Interrupted):
        time_start("http.server", NOWHERE, RecognizerSettings(), interruption)
