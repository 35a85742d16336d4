"""Engines in processes of their own, as tests start and look at them."""

import os
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from parakeet_cli.settings import ChunkSettings, LifecycleSettings, TranscriptionSettings
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.engine import Engine, StartEngine, Tell, Told, Wear
from parakeet_cli.transcription.engine.process import EngineProcess, side_by_side
from tests import beeping_engine

__all__ = ["PATIENCE", "Listener", "beeping", "children", "eventually", "is_alive", "start_beeping"]

PATIENCE = 60.0
"""Seconds after which a test gives up; nothing takes a tenth of it on a quiet machine."""

Kind = TypeVar("Kind")


@dataclass
class Listener:
    """Keeps what an engine tells."""

    told: list[Told] = field(default_factory=list)
    _coming: "queue.SimpleQueue[Told]" = field(default_factory=queue.SimpleQueue)

    def __call__(self, told: Told) -> None:
        self._coming.put(told)

    def until(self, kind: type[Kind], number: int | None = None) -> Kind:
        """The next thing of this kind, about recording ``number`` if that is given."""
        end = time.monotonic() + PATIENCE
        while True:
            told = self._coming.get(timeout=max(0.0, end - time.monotonic()))
            if not isinstance(told, Wear):
                self.told.append(told)
            if isinstance(told, kind) and number in (None, getattr(told, "recording", None)):
                return told


def beeping(
    tell: Tell, lifecycle: LifecycleSettings | None = None, settings: TranscriptionSettings | None = None
) -> EngineProcess:
    """An engine that hears beeps; its faults are told by the environment."""
    checkpoint = Checkpoint("beeps", Path(__file__))  # any file
    lifecycle = lifecycle or LifecycleSettings()
    settings = side_by_side(settings or TranscriptionSettings(), lifecycle)
    return EngineProcess(tell, checkpoint, settings, lifecycle, beeping_engine.COMMAND)


def start_beeping(lifecycle: LifecycleSettings) -> StartEngine:
    """Engines whose chunks are short, so that short recordings have many."""
    settings = TranscriptionSettings(chunks=ChunkSettings(chunk_seconds=2.0, context_seconds=0.4))

    def start(tell: Tell) -> Engine:
        return beeping(tell, lifecycle, settings)

    return start


def children(parent: int | None = None) -> dict[int, str]:
    """The processes whose parent is ``parent`` (None: this one) and their command lines; zombies do not count."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, its_parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if int(its_parent) == (parent or os.getpid()) and state != "Z":
            found[int(folder.name)] = line
    return found


def is_alive(process: int) -> bool:
    """Zombies are dead."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(happens: Callable[[], object], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
