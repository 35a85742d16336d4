"""Where the server is."""

from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Address", "read_address"]

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """``path`` is what stands before ``/v1``, empty for a server that has its name to itself."""

    scheme: str
    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"


def read_address(text: str) -> Address:
    """From ``http://host:5092``, with or without ``/v1`` at the end. Raises ``ValueError`` with a sentence."""
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(_example("it is no address")) from error
    if parts.scheme not in _PORTS or not host:
        raise ValueError(_example("it is no http or https address"))
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address has no password here; give the key with PARAKEET_SERVER_KEY.")
    if parts.query or parts.fragment:
        raise ValueError(_example("it has more than host, port and path"))
    path = parts.path.rstrip("/").removesuffix("/v1")
    if not (path + host).isascii() or any(sign <= " " for sign in path + host):
        raise ValueError(_example("it has signs that no address has"))
    return Address(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, path)


def _example(what: str) -> str:
    return f"{what}; write it as in http://127.0.0.1:5092."
