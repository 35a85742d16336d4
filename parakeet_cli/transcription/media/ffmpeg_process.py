"""Runs one ffmpeg: its limits, the watchdog over its output, its messages, and its end in every case."""

import os
import resource
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from parakeet_cli.display import display
from parakeet_cli.errors import DecodeKilled, DecodeTimeout, FfmpegMissing
from parakeet_cli.transcription.media.child_messages import Messages
from parakeet_cli.transcription.media.ffmpeg import EXHAUSTED, EmptyFolder, environment
from parakeet_cli.transcription.media.interruption import Interruption

__all__ = ["FfmpegProcess", "Patience", "end_all"]

_LIMITS = {
    "RLIMIT_AS": (1 << 30, 1 << 30),
    # At the first ffmpeg can still end by itself; at the second it is killed.
    "RLIMIT_CPU": (1_800, 1_810),
    "RLIMIT_CORE": (0, 0),
    "RLIMIT_NOFILE": (64, 64),
    "RLIMIT_FSIZE": (0, 0),
}
_READ_BYTES = 1 << 16
_LONGEST_START = 0.1
"""Seconds that ``end_all`` waits for a child that another thread is just starting."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long ffmpeg may keep us waiting, in seconds. Time in which it waits for us does not count."""

    no_progress_seconds: float
    """Between two pieces of output."""
    kill_grace_seconds: float
    """Between SIGTERM and SIGKILL."""
    total_seconds: float = 60.0
    per_byte_seconds: float = 0.0
    """What each byte of output adds to the total."""
    expected_bytes: int = 0
    """Counts for the total from the start."""


class FfmpegProcess:
    """A context in which one ffmpeg reads ``descriptor``; leaving it ends ffmpeg, whatever state it is in.

    The descriptor's offset is moved: one process at a time on each. ``interruption`` kills it from another thread.
    Raises ``FfmpegMissing`` where the command cannot be started, ``DecodeKilled`` after ``end_all``, ``Interrupted``.
    """

    def __init__(
        self,
        command: Sequence[str],
        descriptor: int,
        patience: Patience,
        messages: Messages | None = None,
        interruption: Interruption | None = None,
    ) -> None:
        self.messages = messages or Messages()
        self._interruption = interruption or Interruption()
        self.exit_code: int | None = None
        """Set once ``output`` is exhausted; only zero or not means the same in every version."""
        self._command = command
        self._descriptor = descriptor
        self._patience = patience
        self._received = 0
        self._waited = 0.0
        self._idle = 0.0
        self._since = 0.0

    def __enter__(self) -> "FfmpegProcess":
        self._interruption.check()
        with _children.starting:
            if _children.are_ended:
                raise DecodeKilled("No ffmpeg is started any more, as parakeet is ending; run it again.")
            self._folder = EmptyFolder()
            try:
                self._process = _start(self._command, self._descriptor, self._folder.name)
            except BaseException:
                self._folder.cleanup()
                raise
            _children.live.add(self)
        self._interruption.add(self.kill)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closed pipes first: an ffmpeg that is blocked in write() comes to see SIGTERM only then.
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        _end(self._process, self._patience.kill_grace_seconds)
        self._forget()

    def kill(self) -> None:
        """End it without grace and without waiting, from any thread; whoever is in the context sees it ended."""
        if self._process.returncode is None:  # else its number may be another's by now
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(OSError):
            self._folder.cleanup()

    def output(self) -> Iterator[bytes]:
        """Yield stdout as it comes, up to 64 KiB at a time, until ffmpeg has ended.

        Raises:
            DecodeTimeout: ffmpeg kept us waiting longer than ``patience`` allows, or used up its processor
                time.
            DecodeKilled: somebody else killed it with SIGKILL, which is what the kernel does when memory
                runs out.
            Interrupted: the interruption came.
        """
        self._since = time.monotonic()
        with selectors.DefaultSelector() as selector:
            for pipe in (self._process.stdout, self._process.stderr):
                assert pipe is not None
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map():
                for key in self._wait(selector):
                    data = os.read(key.fd, _READ_BYTES)
                    self._interruption.check()
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self._process.stderr:
                        self.messages.feed(data)
                    else:
                        self._idle = 0.0
                        self._received += len(data)
                        self._folder.cleanup()  # ffmpeg stands in it already; a kill -9 then leaves nothing
                        yield data
                        self._since = time.monotonic()
        self.messages.end()
        self._reap()

    def _wait(self, selector: selectors.BaseSelector) -> list[selectors.SelectorKey]:
        patience = self._patience
        counted = max(self._received, patience.expected_bytes)
        total = patience.total_seconds + counted * patience.per_byte_seconds
        ready = selector.select(max(0.0, min(patience.no_progress_seconds - self._idle, total - self._waited)))
        now = time.monotonic()
        self._idle += now - self._since
        self._waited += now - self._since
        self._since = now
        keys = [key for key, _ in ready]
        if not any(key.fileobj is self._process.stdout for key in keys) and (
            self._idle >= patience.no_progress_seconds or self._waited >= total
        ):
            raise DecodeTimeout(
                f"ffmpeg was stopped after {self._waited:.0f} s of waiting for it; "
                "the file is probably damaged, or its disk does not answer."
            )
        return keys

    def _reap(self) -> None:
        try:
            code = self._process.wait(self._patience.no_progress_seconds)
        except subprocess.TimeoutExpired as error:
            raise DecodeTimeout("ffmpeg closed its output and did not end; it was stopped.") from error
        self._forget()
        self._interruption.check()
        self.exit_code = code
        if code == -signal.SIGKILL:
            raise DecodeKilled("ffmpeg was killed from outside, as when memory runs out; try again with more of it.")
        if code == -signal.SIGXCPU:
            raise DecodeTimeout("ffmpeg used up its processor time; the file is probably damaged.")

    def _forget(self) -> None:
        """Once it is reaped."""
        self._interruption.remove(self.kill)
        _children.live.discard(self)
        self._folder.cleanup()


def end_all() -> None:
    """Kill every ffmpeg with its children, remove their folders and let none start again; then ``os._exit`` may come.

    Waits 0.1 s at most. Safe to call again, from any thread and from a signal handler, whatever the others do.
    """
    _children.are_ended = True
    is_held = _children.starting.acquire(timeout=_LONGEST_START)
    try:
        for process in _children.live.copy():
            process.kill()
    finally:
        if is_held:
            _children.starting.release()


@dataclass(slots=True)
class _Children:
    """Those of this whole process. The set is changed and copied in single steps of the interpreter."""

    live: set[FfmpegProcess] = field(default_factory=set)
    """Not reaped yet."""
    starting: threading.RLock = field(default_factory=threading.RLock)
    """Held from the first trace of a child until it is in ``live``; a signal handler may interrupt its holder."""
    are_ended: bool = False


_children = _Children()


def _start(command: Sequence[str], descriptor: int, folder: str) -> subprocess.Popen[bytes]:
    """Start ffmpeg in a session of its own, in the empty ``folder``, with limits and without our environment.

    Our own death closes its pipes, which ends an ffmpeg that writes.
    """
    os.lseek(descriptor, 0, os.SEEK_SET)  # `fd:` goes on from wherever the descriptor stands
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=(descriptor,),
            start_new_session=True,
            cwd=folder,
            env=environment(),
        )
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise DecodeKilled(f"ffmpeg cannot be started at present ({error.strerror}); try again later.") from error
        raise FfmpegMissing(f"{display(command[0])} cannot be run ({error.strerror}); install ffmpeg.") from error
    _limit(process.pid)
    return process


def _limit(process: int) -> None:
    """From outside, as code between fork and exec is not safe in a process with threads. Linux only."""
    if sys.platform == "linux":
        for name, limits in _LIMITS.items():
            try:
                resource.prlimit(process, getattr(resource, name), limits)
            except (OSError, ValueError):
                continue  # it has ended already, or a container's own limit is lower


def _end(process: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """End the whole session of a process and reap it: SIGTERM, ``grace_seconds``, SIGKILL.

    An ffmpeg that is blocked in ``open()`` ignores SIGTERM.
    """
    for name, patience in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, None)):
        if process.poll() is None:
            try:
                os.killpg(process.pid, name)
                process.wait(patience)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
