"""Where a long recording stood when its last batch was done, so that a killed run can go on from there.

What is saved is all that the rest of the recording depends on: the tokens, the decoder's state, what the audit has
settled. The media is decoded again from its start, and so is its speech activity, at several hundred times its pace; a
run that went on gives what an uninterrupted one gives, to the last bit of every time and confidence.
"""

from dataclasses import dataclass
from typing import Protocol

from parakeet_cli.transcript import Gap, Token

__all__ = ["Savepoint", "Savepoints"]


@dataclass(frozen=True, slots=True)
class Savepoint:
    """Of one recording; positions in samples from its start.

    ``position``: every chunk that ends there or before is decoded. ``tokens`` replace those from index ``kept`` on of
    the savepoint before; loaded, ``kept`` is 0 and they are all.
    """

    position: int
    settled_until: int
    kept: int
    tokens: tuple[Token, ...]
    gaps: tuple[Gap, ...]
    heard_seconds: float
    spent_seconds: float
    recognition_seconds: float
    state: bytes


class Savepoints(Protocol):
    """Kept by whoever knows what a recording is and where its outputs go; ``recording`` is its number."""

    def load(self, recording: int) -> Savepoint | None:
        """The last one of the same recording, settings and checkpoint."""

    def save(self, recording: int, savepoint: Savepoint) -> None:
        """Keep it, durably; never raises."""
