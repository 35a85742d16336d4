"""Names, aliases and paths become checkpoints on disk: found, fetched, checked, and inspected before use."""

from parakeet_cli.transcription.checkpoints.finding import (
    Checkpoint,
    Places,
    find,
    identity,
    in_store,
    locate,
    on_disk,
    verify,
)

__all__ = ["Checkpoint", "Places", "find", "identity", "in_store", "locate", "on_disk", "verify"]
