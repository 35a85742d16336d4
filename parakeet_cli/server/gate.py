"""waitress with a gate: refusals before the body, deadlines for slow clients, errors as JSON, and an end that drains.

Builds on the internals of waitress 3.0.2, which ``tests/server/test_waitress.py`` pins.
"""

import resource
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from parakeet_cli.server.admission import Admission, Kind
from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.parser import LARGEST_HEAD, GateParser
from parakeet_cli.server.tasks import Answered, RefusalTask, Task
from parakeet_cli.settings import ServerSettings

__all__ = ["GateServer"]

_NO_LIMIT = 1 << 62
"""Bytes; the parser has ours, and asks for the key first."""
_QUICK_THREADS = 2
_ANSWERED = (Kind.RECORDING, Kind.JOB, Kind.SHORT)
"""What a server that stops waits for."""
_TOO_SLOW = "The request came too slowly; send it again over a better connection."


class GateServer(TcpWSGIServer):  # type: ignore[misc] # waitress has no types
    """Listens at ``listener``; ``report`` is told of each request, from the thread that answered it."""

    def __init__(
        self,
        application: Callable[..., Any],
        listener: socket.socket,
        admission: Admission,
        settings: ServerSettings,
        report: Callable[[Answered], None],
    ) -> None:
        self.admission = admission
        self.front = settings.front
        self.report = report
        self._is_stopped = self._is_asked = False
        threads = ThreadedTaskDispatcher()
        threads.set_thread_count(_threads(settings))
        self._quick_threads = ThreadedTaskDispatcher()
        self._quick_threads.set_thread_count(_QUICK_THREADS)
        super().__init__(
            application,
            map={},
            _sock=listener,
            dispatcher=threads,
            adj=_adjustments(listener, settings),
            bind_socket=False,
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
        )
        self.channel_class = _Channel

    def serve(self, on_end: Callable[[], None]) -> None:
        """Answer requests in this thread and others, until ``stop``. ``on_end`` is called once ``ask_to_end`` was."""
        while not self._is_stopped:
            wasyncore.loop(timeout=1.0, use_poll=True, map=self._map, count=1)
            if self._is_asked:
                self._is_asked = False
                on_end()

    def ask_to_end(self) -> None:
        """Safe in a handler of signals: it takes no lock."""
        self._is_asked = True
        self.trigger.pull_trigger()

    def close_listener(self) -> None:
        """Refuse new connections and requests; safe in any thread."""
        self.admission.is_draining = True
        self.trigger.pull_trigger(lambda: wasyncore.dispatcher.close(self))

    def wait_for_answers(self, seconds: float) -> bool:
        """Until every request that has come whole has its answer, but for those who follow events; whether it has."""
        end = time.monotonic() + seconds
        while any(map(self.admission.tickets.taken, _ANSWERED)) or self._unsent():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def stop(self) -> None:
        """End ``serve``; safe in any thread."""
        self._is_stopped = True
        self.trigger.pull_trigger()

    def close(self) -> None:
        """Close every connection; once ``serve`` is over."""
        for channel in list(self.active_channels.values()):
            channel.abandon()
            channel.release_waiting()  # the loop, which would do so, is over
        for threads in (self.task_dispatcher, self._quick_threads):
            threads.shutdown(timeout=1)
        wasyncore.close_all(self._map, ignore_all=True)

    def add_task(self, task: Any) -> None:
        """waitress's hook, under the channel's lock: which threads answer its first request."""
        task.tasks += 1
        request = task.requests[0]
        is_quick = request.error or (request.permit and request.permit.kind is Kind.QUICK)
        (self._quick_threads if is_quick else self.task_dispatcher).add_task(task)

    def maintenance(self, now: float) -> None:
        """waitress's hook, about once a second."""
        super().maintenance(now)
        for channel in list(self.active_channels.values()):
            channel.check_pace()

    def _unsent(self) -> bool:
        return any(channel.total_outbufs_len for channel in list(self.active_channels.values()))


class _Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    task_class = Task
    error_task_class = RefusalTask
    request: Any
    _lingers_since: float | None = None
    _unread_since: float | None = None
    """When an answer first waited to be sent, as far as it has not gone since."""
    _was_refused = False
    _latest: GateParser | None = None
    """Of the request that came last, whole or in part."""
    tasks = 0
    """Threads that answer its first request, or will."""

    def parser_class(self, adjustments: Any) -> GateParser:
        self._latest = GateParser(adjustments, self.server.admission)
        return self._latest

    def received(self, data: bytes) -> bool:
        """waitress's hook: what comes after a refusal is the body that was refused."""
        if self._was_refused:
            return False
        result = bool(super().received(data))
        # Not by the list of requests: a refusal may be answered and out of it by now.
        self._was_refused = self._latest is not None and self._latest.error is not None
        return result

    def check_pace(self) -> None:
        """Called in the loop: end what takes too long. A socket that nobody reads is never ready to be closed."""
        front = self.server.front
        if self._lingers_since is not None:
            if time.monotonic() - self._lingers_since > front.linger_seconds:
                self.abandon()
        elif self._is_unread(front.idle_seconds) or (len(self.requests) > 1 and _has_hung_up(self.socket)):
            self.abandon()
        elif self.request is not None and self.request.is_too_slow(front):
            self._refuse_slow()

    def readable(self) -> bool:
        """After a refusal nothing is read before the refusal is sent, not even that the other side has closed."""
        if self._was_refused:
            return self._lingers_since is not None
        return bool(super().readable())

    def handle_read(self) -> None:
        if self._lingers_since is None:
            super().handle_read()
            return
        with suppress(OSError):
            self.recv(self.adj.recv_bytes)  # closes at the end of the stream
            return
        self.handle_close()

    def handle_close(self) -> None:
        """Close; after a refusal only our side, as a reset would take the refusal from a client that still sends."""
        if self._was_refused and self._lingers_since is None and self.connected:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
                self._lingers_since = time.monotonic()
                self.will_close = self.close_when_flushed = False
                return
        self.abandon()

    def service(self) -> None:
        """waitress's hook: a thread answers the first request. The next gets a task only if the client is there."""
        try:
            super().service()
        finally:
            with self.requests_lock:
                self.tasks -= 1
            if not self.connected:
                self.release_waiting()

    def abandon(self) -> None:
        """Close at once; what waits is let go by the loop, as whoever calls this may hold either of two locks."""
        self.connected = False
        if self.request is not None:
            self.request.close()
        super().handle_close()
        if self.requests:
            self.server.trigger.pull_trigger(self.release_waiting)

    def release_waiting(self) -> None:
        """After the client has gone: close the requests that no thread will answer."""
        with self.requests_lock:
            first = 1 if self.tasks else 0
            waiting = self.requests[first:]
            del self.requests[first:]
            for request in waiting:
                request.close()

    def _is_unread(self, seconds: float) -> bool:
        """Whether nothing of an answer goes; what came before it, maybe long ago, is no sign of that."""
        if not self.total_outbufs_len:
            self._unread_since = None
            return False
        if self._unread_since is None:
            self._unread_since = time.time()
        return bool(time.time() - max(self._unread_since, self.last_activity) > seconds)

    def _refuse_slow(self) -> None:
        with self.requests_lock:
            request, self.request = self.request, None
            request.refuse(ApiError(408, _TOO_SLOW))
            self._was_refused = True
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)


def _has_hung_up(connection: socket.socket) -> bool:
    """Also where data that nobody reads yet stands before the end; only Linux tells."""
    watch = select.poll()
    watch.register(connection, getattr(select, "POLLRDHUP", 0))
    return bool(watch.poll(0))


def _threads(settings: ServerSettings) -> int:
    lifecycle, front = settings.lifecycle, settings.front
    return lifecycle.concurrency + lifecycle.waiting + front.followers + front.spare_threads


def _adjustments(listener: socket.socket, settings: ServerSettings) -> Adjustments:
    front = settings.front
    return Adjustments(
        sockets=[listener],
        threads=_threads(settings),
        connection_limit=min(front.connections, _connections_for_descriptors()),
        backlog=128,
        channel_timeout=front.idle_seconds,
        cleanup_interval=1,
        max_request_header_size=LARGEST_HEAD,
        max_request_body_size=_NO_LIMIT,
        channel_request_lookahead=1,  # so that the loop sees a client leave while it is answered
        asyncore_use_poll=True,
        ident=None,
        expose_tracebacks=False,
        clear_untrusted_proxy_headers=True,
        log_socket_errors=False,
    )


def _connections_for_descriptors() -> int:
    """So many that each finds descriptors for itself, its body and its upload, with some left for all else."""
    return max(4, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 64) // 3)
