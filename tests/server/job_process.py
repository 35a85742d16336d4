"""A server's jobs without its door, to be killed: ``python -m tests.server.job_process FOLDER [RECORDING…]``.

Takes up what is in the folder, submits the recordings, and says the id of each on a line of its own once it is taken.
It never ends by itself. ``BEEP_SECONDS`` makes each batch take that long.
"""

import sys
import time
from functools import partial
from pathlib import Path

from parakeet_cli.server.desk import Desk
from parakeet_cli.server.job_runner import JobRunner
from parakeet_cli.settings import LifecycleSettings, ServerSettings
from tests.beeping_engine import FaultyBeepRecognizer
from tests.in_process import InProcessEngine

ORDER = '{"format": "json", "granularities": ["segment"], "warnings": []}'


def main(folder: Path, recordings: list[Path]) -> None:
    settings = ServerSettings(lifecycle=LifecycleSettings(concurrency=2))
    desk = Desk(partial(InProcessEngine, recognizer=FaultyBeepRecognizer), settings.lifecycle)
    runner = JobRunner(folder, desk, settings)
    runner.start()
    _say("started")
    for recording in recordings:
        with recording.open("rb") as upload:
            _say(runner.submit(upload.fileno(), recording.name, ORDER, "", None))
    time.sleep(600)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
