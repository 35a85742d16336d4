"""A batch is transcribed by a running ``parakeet serve``; nothing of an engine is imported here."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from parakeet_cli.batch.plan import Task
from parakeet_cli.cli.reporters import Reporter
from parakeet_cli.remote.address import Address
from parakeet_cli.remote.client import Client
from parakeet_cli.remote.jobs import Jobs, Served
from parakeet_cli.remote.transcriber import RemoteTranscriber, look_up
from parakeet_cli.settings import DecodingSettings, RemoteSettings

__all__ = ["RemoteWorkplace"]


@dataclass(slots=True)
class RemoteWorkplace:
    """``model`` is the name that the server must have for its checkpoint; None takes whatever it serves."""

    address: Address
    key: str | None = field(repr=False)
    model: str | None
    settings: RemoteSettings = field(default_factory=RemoteSettings)
    _served: Served | None = None

    @property
    def decoding(self) -> DecodingSettings:
        """The server's limit of duration is no part of it: it refuses, and cuts nothing off."""
        return DecodingSettings()

    @property
    def is_talkative(self) -> bool:
        return False

    def check(self) -> None:
        """Media are decoded there, so there is nothing to have here."""

    def find(self, reporter: Reporter) -> None:
        self._served = look_up(self._jobs, self.model)

    def fingerprint(self) -> str:
        return self._found.fingerprint

    def begin(
        self, tasks: Mapping[int, Task], folder: Path, reporter: Reporter, names: Mapping[int, str], stack: ExitStack
    ) -> RemoteTranscriber:
        reporter.connected(str(self.address), self._found.model)
        transcriber = RemoteTranscriber(
            self._jobs,
            self.model or self._found.model,
            self._found.fingerprint,
            self.settings,
            lambda number, done, total: reporter.fetching(number, names[number], done, total),
            lambda number, done, total: reporter.sending(number, names[number], done, total),
        )
        return stack.enter_context(closing(transcriber))

    @property
    def _jobs(self) -> Jobs:
        return Jobs(Client(self.address, self.key, self.settings), self.settings)

    @property
    def _found(self) -> Served:
        assert self._served is not None, "it is looked for before anything is asked about it"
        return self._served
