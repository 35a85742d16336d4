"""How a job looks at one moment."""

from dataclasses import dataclass

from parakeet_cli.errors import ParakeetError
from parakeet_cli.server.job_store import Job
from parakeet_cli.server.work import State

__all__ = ["JobView"]


@dataclass(frozen=True, slots=True)
class JobView:
    """A job at one moment. ``version`` grows with what is heard of its recording."""

    job: Job
    state: State
    version: int = -1
    position: int = 0
    """1 for who is next; 0 for what is running or over."""
    duration: float | None = None
    seconds: float = 0.0
    """Of audio that are recognized."""
    eta: float | None = None
    trouble: ParakeetError | None = None
    """Why nothing is begun at present."""
