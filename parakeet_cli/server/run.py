"""The server as a whole: binds, wires, serves, drains."""

import errno
import logging
import resource
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from parakeet_cli.errors import AddressUnavailable, OutputUnwritable, RunActive
from parakeet_cli.output.presets import PRESETS
from parakeet_cli.output.writers import formats
from parakeet_cli.server.admission import Admission
from parakeet_cli.server.app import create_app
from parakeet_cli.server.desk import Desk
from parakeet_cli.server.gate import GateServer
from parakeet_cli.server.job_runner import JobRunner
from parakeet_cli.server.logs import log_request, tell
from parakeet_cli.server.metrics import Metrics
from parakeet_cli.server.origins import is_wildcard
from parakeet_cli.server.service_notice import READY, STOPPING, tell_manager
from parakeet_cli.server.services import Services
from parakeet_cli.server.spool import Spool, boot_folder
from parakeet_cli.server.tasks import Answered
from parakeet_cli.settings import ReviewSettings, ServerSettings
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.engine import StartEngine
from parakeet_cli.transcription.media.ffmpeg_process import end_all
from parakeet_cli.user_folders import state_folder

__all__ = ["Server", "running_server"]

_LOG = logging.getLogger(__name__)

_SECONDS_TO_ANSWER = 2.0
"""For what was cancelled at the end of the drain to be told so."""
_MOST_DESCRIPTORS = 1 << 16


@contextmanager
def running_server(
    settings: ServerSettings, checkpoint: Checkpoint, fingerprint: str, start_engine: StartEngine
) -> "Iterator[Server]":
    """A server that listens, and answers once ``Server.serve`` is called; at the end nothing of it is left.

    ``fingerprint`` is what clients are told of checkpoint and settings.

    Raises ``AddressUnavailable`` where it cannot listen, and what making the spool raises.
    """
    with boot_folder() as folder, closing(_bind(settings.host, settings.port)) as listener:
        _take_descriptors()
        with (
            closing(Desk(start_engine, settings.lifecycle)) as desk,
            closing(Server(settings, checkpoint, fingerprint, desk, listener, folder)) as server,
        ):
            yield server


class Server:
    def __init__(
        self,
        settings: ServerSettings,
        checkpoint: Checkpoint,
        fingerprint: str,
        desk: Desk,
        listener: socket.socket,
        folder: Path,
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._jobs = jobs = _start_jobs(desk, settings)
        self._folder = folder
        self._model = checkpoint.name
        metrics = Metrics(desk.pulse)
        desk.watch(metrics.ended)
        services = Services(
            settings=settings,
            desk=desk,
            writers=formats(PRESETS["default"], ReviewSettings().least_confidence),
            model=checkpoint.name,
            language=checkpoint.language,
            fingerprint=fingerprint,
            started=int(time.time()),
            metrics=metrics,
            jobs=jobs,
        )
        app = create_app(services)

        def report(answered: Answered) -> None:
            metrics.answered(answered.route, answered.method, answered.status, answered.seconds)
            log_request(answered)

        self._gate = GateServer(app, listener, Admission(app, services, Spool(settings.uploads)), settings, report)

    @property
    def address(self) -> str:
        """As a browser on this machine takes it."""
        host = "127.0.0.1" if is_wildcard(self._settings.host) else self._settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._gate.effective_port}"

    def serve(self) -> None:
        """Answer requests until ``end`` was called and the drain is over."""
        where = "" if not is_wildcard(self._settings.host) else " and at every other address of this machine"
        tell(
            "listening",
            f"Listening at {self.address}{where}: the page is there, the API at {self.address}/v1; "
            f"the model is {self._model}.",
            address=self.address,
            model=self._model,
        )
        tell_manager(READY)
        with closing(self._gate):
            self._gate.serve(self._begin_to_drain)

    def end(self) -> None:
        """Take nothing more, answer what is there, then end ``serve``; safe in a handler of signals."""
        self._gate.ask_to_end()

    def close(self) -> None:
        """Leave jobs to the next server; before the desk is closed, which would cancel them."""
        jobs, self._jobs = self._jobs, None
        if jobs:
            jobs.close()

    def abandon(self) -> None:
        """Remove what the process would leave if it ended now; engines and ffmpeg end by themselves or by this."""
        end_all()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _begin_to_drain(self) -> None:
        threading.Thread(target=self._drain, name="drain", daemon=True).start()

    def _drain(self) -> None:
        seconds = self._settings.drain_seconds
        pulse = self._desk.pulse()
        tell(
            "draining",
            f"Stopping: {pulse.running} recordings run and {pulse.waiting} wait; up to {seconds:g} s for those that "
            "somebody waits for.",
            running=pulse.running,
            waiting=pulse.waiting,
        )
        tell_manager(STOPPING)
        began = time.monotonic()
        self._gate.close_listener()
        if self._jobs:
            self._jobs.drain()
        if self._desk.drain(seconds):
            self._gate.wait_for_answers(max(_SECONDS_TO_ANSWER, seconds - (time.monotonic() - began)))
        else:
            self.close()
            self._desk.close()
            self._gate.wait_for_answers(_SECONDS_TO_ANSWER)
        self._gate.stop()


def _start_jobs(desk: Desk, settings: ServerSettings) -> JobRunner | None:
    """None, with a warning, where none can be kept: all else works without them."""
    try:
        runner = JobRunner(state_folder() / "jobs", desk, settings)
        runner.start()
    except (RunActive, OutputUnwritable) as error:
        _LOG.warning("This server takes no jobs: %s", error)
        return None
    return runner


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise AddressUnavailable(f"There is no host {host!r} to listen at; name an address of this machine.") from error
    try:
        is_all = family == socket.AF_INET6 and is_wildcard(host) and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=128, dualstack_ipv6=is_all)
    except OSError as error:
        raise AddressUnavailable(f"Port {port} of {host} cannot be listened at: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another program has it; choose another --port, or stop that program."
        case errno.EACCES:
            return "ports below 1024 are for root; choose a higher --port."
        case errno.EADDRNOTAVAIL:
            return "this machine does not have that address; choose another --host."
    return f"{error.strerror}; choose another --host or --port."


def _take_descriptors() -> None:
    """As many as this process may have: each client takes up to three."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
