"""Starts, watches and ends the engine's process. Nothing here imports torch or NeMo: that process alone does."""

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace

from parakeet_cli.display import display
from parakeet_cli.errors import EngineFailed, ParakeetError
from parakeet_cli.settings import LifecycleSettings, TranscriptionSettings
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.engine import Ended, Ready, Tell, Wear
from parakeet_cli.transcription.engine.messages import (
    BadMessage,
    Beat,
    Cancel,
    Flush,
    Order,
    Report,
    Reports,
    Setup,
    Transcribe,
    Warned,
    pack,
)
from parakeet_cli.transcription.engine.saving import written
from parakeet_cli.transcription.engine.watch import Watch
from parakeet_cli.transcription.events import Recording
from parakeet_cli.transcription.media.child_messages import Messages
from parakeet_cli.transcription.media.inputs import DescriptorMedia, FileMedia
from parakeet_cli.transcription.savepoints import Savepoint

__all__ = ["EngineProcess", "side_by_side"]

_LOG = logging.getLogger(__name__)

_HOST = (sys.executable, "-P", "-m", "parakeet_cli.transcription.engine.host")
_PATIENCE_SECONDS = 0.02
"""How long a chunk waits for others to share its batch: enough for those that come together."""
_GRACE_SECONDS = 5.0
"""Between the end of the socket and SIGKILL."""
_DEATH_SECONDS = 10.0
"""After SIGKILL; a process that a driver holds in the kernel may stay for ever, and is not waited for."""
_LOOK_SECONDS = 1.0
_READ_BYTES = 1 << 16
_LETS_CODE_RUN = ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "HYDRA_INSTANTIATE_ALLOWLIST_OVERRIDE")
_LONGEST_ORDER = 1 << 15
"""Bytes; a file may have hundreds of tracks with long titles, and the socket takes some 200 KB unread."""


def side_by_side(settings: TranscriptionSettings, lifecycle: LifecycleSettings) -> TranscriptionSettings:
    """With recordings that share batches and do not wait for company, as those of a server's clients."""
    batch = replace(
        settings.batch, recordings_at_once=lifecycle.concurrency, patience_seconds=_PATIENCE_SECONDS, decoders=1
    )
    return replace(settings, batch=batch)


class EngineProcess:
    """A recognizer in a process of its own; see ``Engine``. It ends by itself when this process does.

    ``command`` is started with the number of a socket's descriptor as its last argument.
    """

    def __init__(
        self,
        tell: Tell,
        checkpoint: Checkpoint,
        settings: TranscriptionSettings,
        lifecycle: LifecycleSettings,
        command: Sequence[str] = _HOST,
    ) -> None:
        self._tell = tell
        self._limits = lifecycle
        self._command = command
        self._verbose = settings.recognizer.verbose
        self._is_trusted = settings.recognizer.trust_model
        self._socket, self._theirs = socket.socketpair()
        self._sending = threading.Lock()
        self._is_over = False
        self._is_closing = False
        self._process: subprocess.Popen[bytes] | None = None
        self._doom: ParakeetError | None = None
        """Why it is being killed, or what it said before it ended."""
        self._stderr = Messages()
        self._send(Setup(checkpoint, settings))
        threading.Thread(target=self._run, daemon=True, name="engine").start()

    def transcribe(self, recording: Recording, savepoint: Savepoint | None = None) -> None:
        """Raises ``OSError`` if the descriptor of its media is closed, ``TypeError`` for a URL or standard input."""
        rest = recording.track, recording.start, recording.end, recording.probed
        match recording.media:
            case FileMedia(path=path):
                self._order(Transcribe(recording.number, path, "", *rest), savepoint)
            case DescriptorMedia(descriptor=descriptor, name=name):
                self._order(Transcribe(recording.number, None, name, *rest), savepoint, descriptor)
            case media:
                raise TypeError(f"An engine is given files and descriptors, not {media}.")

    def _order(self, order: Transcribe, savepoint: Savepoint | None, *descriptors: int) -> None:
        if len(pack(order)) > _LONGEST_ORDER:
            order = replace(order, probed=None)
        with ExitStack() as files:
            if savepoint:
                try:
                    file = files.enter_context(written(savepoint))
                except (OSError, ParakeetError) as error:
                    _LOG.warning("A recording cannot go on, and begins anew: %s", error)
                else:
                    order, descriptors = replace(order, goes_on=True), (*descriptors, file)
            self._send(order, *descriptors)

    def flush(self) -> None:
        self._send(Flush())

    def cancel(self, number: int) -> None:
        self._send(Cancel(number))

    def close(self) -> None:
        with self._sending:
            self._is_closing = True
            self._hang_up()

    def _send(self, order: Order, *descriptors: int) -> None:
        """An engine that leaves so many orders unread that no more fit into the socket is stopped."""
        message = pack(order)
        with self._sending:
            if self._is_over or self._is_closing:
                return
            try:
                # Not by socket.send_fds, which drops its flags.
                sent = self._socket.sendmsg([message], _rights(descriptors), socket.MSG_DONTWAIT)
            except BlockingIOError:
                sent = 0
            except (BrokenPipeError, ConnectionResetError):
                return  # its end is about to be told
            if sent < len(message):
                self._doom = EngineFailed("The engine did not take its orders and was stopped; try again.")
                self._hang_up()

    def _hang_up(self) -> None:
        if not self._is_over:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        """From the start of the process until it is gone."""
        try:
            with self._theirs:
                self._process = None if self._is_closing else self._start(self._theirs.fileno())
            if self._process:
                self._watch(self._process)
        except OSError as error:
            self._doom = EngineFailed(f"The engine cannot be started ({error.strerror}); try again.")
        except BaseException:
            _LOG.exception("The engine cannot be watched any more, and is stopped.")
            self._doom = EngineFailed("The engine was stopped, as it could not be watched any more; try again.")
        self._tell(Ended(self._end()))

    def _start(self, theirs: int) -> "subprocess.Popen[bytes]":
        """In a session of its own, so that a terminal's Ctrl-C is the door's alone."""
        return subprocess.Popen(
            [*self._command, str(theirs)],
            stdin=subprocess.DEVNULL,
            stdout=2 if self._verbose else subprocess.DEVNULL,
            stderr=None if self._verbose else subprocess.PIPE,
            bufsize=0,
            pass_fds=[theirs],
            start_new_session=True,
            env=_environment(os.environ, is_trusted=self._is_trusted),
        )

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        """Tell what the engine tells, until its socket closes or it has to be stopped."""
        reports, watch = Reports(), Watch(self._limits)
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            if process.stderr:
                selector.register(process.stderr, selectors.EVENT_READ)
            while self._doom is None:
                ready = [key.fileobj for key, _ in selector.select(_LOOK_SECONDS)]
                if process.stderr in ready and not self._read_stderr():
                    selector.unregister(process.stderr)
                if self._socket not in ready:
                    self._doom = watch.look(time.monotonic())
                    continue
                try:
                    if not (data := self._socket.recv(_READ_BYTES)):
                        return
                    for report in reports.feed(data):
                        self._hear(report, watch)
                except ConnectionError:
                    return
                except BadMessage as error:
                    self._doom = EngineFailed(f"The engine said what nobody understands ({error}) and was stopped.")
                self._doom = self._doom or watch.look_at_call(time.monotonic())

    def _hear(self, report: Report, watch: Watch) -> None:
        match report:
            case Beat():
                watch.hear(report, time.monotonic())
                self._tell(Wear(report.batches, report.memory))
            case Ended(error=error):
                self._doom = error or self._doom
            case Ready():
                watch.is_loaded = True
                self._tell(report)
            case Warned(message=message):
                _LOG.warning("%s", message)
            case _:
                self._tell(report)

    def _read_stderr(self) -> bool:
        assert self._process and self._process.stderr
        data = os.read(self._process.stderr.fileno(), _READ_BYTES)
        self._stderr.feed(data)
        return bool(data)

    def _end(self) -> ParakeetError | None:
        """Wait until the process is gone, with force if need be; returns what it died of."""
        self._hang_up()
        with self._sending:
            self._is_over = True
            self._socket.close()
        process = self._process
        if process is None:
            return self._doom
        stopped_by_us = isinstance(self._doom, EngineFailed)
        code = _reaped(process, 0.0 if stopped_by_us else _GRACE_SECONDS)
        if process.stderr:
            self._drain_stderr()
            process.stderr.close()
        if self._doom is None and not self._is_closing:
            how = _how(code)
            self._doom = EngineFailed(
                f"The engine ended unexpectedly ({how}); `parakeet doctor` tells what works here."
            )
        if self._doom:
            level = logging.WARNING if isinstance(self._doom, EngineFailed) else logging.INFO  # whoever hears it tells
            _LOG.log(level, "%s%s", self._doom, "".join(f"\n  {display(line)}" for line in self._stderr.tail))
        return self._doom

    def _drain_stderr(self) -> None:
        """Whoever still holds the other end is not waited for."""
        assert self._process and self._process.stderr
        os.set_blocking(self._process.stderr.fileno(), False)
        with suppress(BlockingIOError):
            while self._read_stderr():
                pass
        self._stderr.end()


def _rights(descriptors: Sequence[int]) -> "list[tuple[int, int, array[int]]]":
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))] if descriptors else []


def _reaped(process: "subprocess.Popen[bytes]", grace_seconds: float) -> int | None:
    """The exit code, once the process and what is left of its group are gone; None if even SIGKILL does not help."""
    with suppress(subprocess.TimeoutExpired):
        if grace_seconds:
            return process.wait(grace_seconds)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        return process.wait(_DEATH_SECONDS)
    _LOG.error("The engine's process %d does not end even by SIGKILL.", process.pid)
    return None


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        hint = ", as when memory runs out" if code == -signal.SIGKILL else ""
        return f"{signal.Signals(-code).name}{hint}"
    return f"exit code {code}"


def _environment(ours: Mapping[str, str], *, is_trusted: bool) -> dict[str, str]:
    """Without the door's secrets, and with nothing that would let a checkpoint run code unless it is trusted."""
    dropped = {"HF_TOKEN"} if is_trusted else {"HF_TOKEN", *_LETS_CODE_RUN}
    kept = {name: value for name, value in ours.items() if name not in dropped and "API_KEY" not in name}
    return kept | {"HF_HUB_OFFLINE": "1"} | ({} if is_trusted else {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1"})
