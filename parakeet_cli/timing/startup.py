"""The time from the start of a process to a loaded recognizer, taken in processes that do nothing else.

The clock is the system's monotonic one, which processes share.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from parakeet_cli.display import display
from parakeet_cli.errors import EngineFailed
from parakeet_cli.settings import Dtype, EngineChoice, RecognizerSettings
from parakeet_cli.timing.clock import Stage
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.media.interruption import Interruption

__all__ = ["answer", "time_start"]


def time_start(
    module: str, checkpoint: Checkpoint, settings: RecognizerSettings, interruption: Interruption
) -> dict[Stage, float]:
    """Seconds of ``START``, ``IMPORT`` and ``LOAD`` in a new process that runs ``module``, which calls ``answer``.

    Raises ``EngineFailed`` with the last words of a process that fails, and ``Interrupted``.
    """
    order = json.dumps({"path": str(checkpoint.path), "name": checkpoint.name, "settings": asdict(settings)})
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    interruption.add(process.kill)
    try:
        told, complaints = process.communicate(order)
    finally:
        interruption.remove(process.kill)
    interruption.check()
    if process.returncode != 0:
        last = (complaints.strip().splitlines() or ["no reason given"])[-1]
        raise EngineFailed(f"A new process could not load the model ({display(last)}); try again.")
    times = [began, *json.loads(told.splitlines()[-1])]
    return {
        stage: times[place + 1] - times[place] for place, stage in enumerate((Stage.START, Stage.IMPORT, Stage.LOAD))
    }


def answer(imports: Sequence[Callable[[], object]]) -> None:
    """The other side: run each of ``imports``, load what stdin orders, and write the times at which each had ended."""
    order = json.load(sys.stdin)
    settings = order["settings"]
    times = []
    for run in imports:
        run()
        times.append(time.monotonic())
    settings |= {"dtype": Dtype(settings["dtype"]), "engine": EngineChoice(settings["engine"])}
    load_recognizer(Checkpoint(order["name"], Path(order["path"])), RecognizerSettings(**settings))
    times.append(time.monotonic())
    sys.stdout.write(f"\n{json.dumps(times)}\n")
    sys.stdout.flush()
