"""HTTP to one server: each exchange on a connection of its own, which an interruption ends at once."""

import http.client
import os
import select
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import Protocol

from parakeet_cli import __version__
from parakeet_cli.display import display
from parakeet_cli.errors import ParakeetError, ServerRefused
from parakeet_cli.remote.address import Address
from parakeet_cli.remote.refusals import read_refusal
from parakeet_cli.settings import RemoteSettings
from parakeet_cli.transcription.media.interruption import Interruption

__all__ = ["Body", "Client", "Lost"]

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Lost(Exception):
    """There is no connection, or it broke; the message says why."""


class Body(Protocol):
    """What is sent: ``length`` bytes in all, which come in blocks."""

    @property
    def length(self) -> int: ...

    @property
    def content_type(self) -> str: ...

    def blocks(self) -> Iterator[bytes]: ...


class Client:
    """Usable from several threads."""

    def __init__(self, address: Address, key: str | None, settings: RemoteSettings) -> None:
        """``key`` goes into a header and nowhere else."""
        self.address = address
        self._settings = settings
        self._headers = {"User-Agent": f"parakeet-cli/{__version__}"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._tls = ssl.create_default_context() if address.is_secure else None

    def ask(self, method: str, path: str, interruption: Interruption, *, seconds: float | None = None) -> bytes:
        """The answer's body. ``seconds`` may pass without a byte of it.

        Raises ``Lost``, ``Refusal``, ``Interrupted``, and ``ServerRefused`` for a certificate that does not hold.
        """
        with self.exchange(method, path, interruption, seconds=seconds) as response:
            return response.read()

    @contextmanager
    def exchange(
        self,
        method: str,
        path: str,
        interruption: Interruption,
        *,
        headers: Mapping[str, str] = _NOTHING,
        body: Body | None = None,
        seconds: float | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer, whose body is still to be read. Raises as ``ask``.

        A body that was sent whole may have done its work, so the interruption does not keep the answer to it away.
        """
        with _lost(interruption), self._connected() as connection:
            sock = connection.sock
            sock.settimeout(self._settings.silent_seconds)
            end = partial(_shut, sock)
            interruption.add(end)
            try:
                interruption.check()
                self._send(connection, method, path, {**self._headers, **headers}, body)
                if body is not None:
                    interruption.remove(end)
                sock.settimeout(seconds or self._settings.silent_seconds)
                response = connection.getresponse()
                if response.status >= 300:
                    raise read_refusal(response)
                with response:
                    yield response
            finally:
                interruption.remove(end)

    @contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        host, port, seconds = self.address.host, self.address.port, self._settings.connect_seconds
        connection: http.client.HTTPConnection
        if self._tls:
            connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=self._tls)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=seconds)
        try:
            connection.connect()
            yield connection
        except ssl.SSLCertVerificationError as error:
            raise ServerRefused(
                f"The certificate of {self.address} does not hold ({display(error.verify_message)}); "
                "check the name, or set SSL_CERT_FILE to the certificate that signed it."
            ) from error
        finally:
            connection.close()

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Body | None,
    ) -> None:
        connection.putrequest(method, self.address.path + path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Type", body.content_type)
            connection.putheader("Content-Length", str(body.length))
        connection.endheaders()
        if body is None:
            return
        for block in body.blocks():
            if self._is_answered(connection.sock):
                return
            try:
                connection.send(block)
            except TimeoutError:
                raise
            except OSError:  # there may be an answer that says why
                return

    def _is_answered(self, sock: socket.socket) -> bool:
        """Whether an answer is there before the body is sent, which is a refusal; TLS has messages of its own."""
        if self._tls:
            return False
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))


@contextmanager
def _lost(interruption: Interruption) -> Iterator[None]:
    """What breaks within becomes ``Lost``, or ``Interrupted`` where that is why it broke."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, ParakeetError):  # some of ours are OSErrors too
            raise
        interruption.check()
        raise Lost(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):  # its numbers are its own
        return display(os.strerror(error.errno))
    return "the connection broke"


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):  # that of TLS's sockets would first have them go on without it
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
