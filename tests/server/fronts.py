"""A gate in the tests' own process, with deadlines made short and routes that take their time."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flask import Flask, Response

from parakeet_cli.server.admission import Admission, Kind
from parakeet_cli.server.app import create_app
from parakeet_cli.server.gate import GateServer
from parakeet_cli.server.spool import Spool
from parakeet_cli.server.tasks import Answered
from parakeet_cli.settings import FrontSettings, LifecycleSettings, ServerSettings, UploadSettings
from tests.server.applications import services_for
from tests.server.asking import SPEECH
from tests.server.processes import form, until

__all__ = ["BODY", "HEAD", "SETTINGS", "Front", "read_all", "running_front"]

FRONT = FrontSettings(
    header_seconds=1.0, grace_seconds=1.0, bytes_a_second=1000.0, idle_seconds=2, linger_seconds=1.0, spare_threads=2
)
SETTINGS = ServerSettings(
    lifecycle=LifecycleSettings(concurrency=1, waiting=1),
    uploads=UploadSettings(max_bytes=4 << 20, spool_bytes=8 << 20, free_bytes=0),
    front=FRONT,
)
BODY, KIND = form(SPEECH)
HEAD = f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Type: {KIND}\r\n".encode()


@dataclass
class Front:
    """A gate in a thread of the tests' own process."""

    server: GateServer
    admission: Admission
    spool: Spool
    app: Flask
    gate: threading.Event
    """Until it is set, ``POST /v1/wait`` does not answer."""
    answered: list[Answered] = field(default_factory=list)

    def connect(self, data: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.server.effective_port), timeout=15)
        connection.sendall(data)
        return connection

    def ask(self, data: bytes) -> bytes:
        with self.connect(data) as connection:
            return read_all(connection)


@contextmanager
def running_front(settings: ServerSettings) -> Iterator[Front]:
    """Its tickets and its spool must be as before at the end."""
    services = services_for(settings)
    app = create_app(services)
    gate = threading.Event()

    def wait() -> Response:
        gate.wait(20)
        return Response("done")

    def pour() -> Response:
        return Response((b"x" * 65_536 for _ in range(2000)), content_type="text/plain")

    app.add_url_rule("/v1/wait", view_func=wait, methods=["GET", "POST"])
    app.add_url_rule("/v1/pour", view_func=pour, methods=["GET"])
    spool = Spool(settings.uploads)
    admission = Admission(app, services, spool)
    answered: list[Answered] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = GateServer(app, listener, admission, settings, answered.append)
        thread = threading.Thread(target=server.serve, args=(lambda: None,))
        thread.start()
        yield Front(server, admission, spool, app, gate, answered)
        gate.set()
        until(lambda: admission.tickets.taken(Kind.RECORDING) == 0, "all tickets are back")
        until(lambda: spool.reserved == 0, "the whole spool is back", lambda: spool.reserved)
        server.stop()
        thread.join(10)
        server.close()
    services.desk.close()


def read_all(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while block := connection.recv(65_536):
            received += block
    return received
