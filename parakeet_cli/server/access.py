"""Who gets in: one rule for the gate, which asks before a body is read, and for Flask, which asks again."""

from parakeet_cli.server.keys import Keys
from parakeet_cli.server.origins import Header, Origins
from parakeet_cli.settings import ServerSettings

__all__ = ["OPEN", "PUBLIC", "Access", "area"]

OPEN = frozenset({"health"})
"""Blueprints that anybody may ask by any name: what watches over a server knows neither key nor name."""

PUBLIC = OPEN | {"page", "openapi"}
"""Blueprints that need no key: the page asks for one itself, and holds nothing of anybody."""


class Access:
    def __init__(self, settings: ServerSettings) -> None:
        self.origins = Origins(settings.host, settings.hosts, settings.origins)
        self._keys = Keys(settings.keys)

    def check(self, method: str, header: Header, area: str | None) -> str:
        """Whose key it is (``Keys.holder``), "" where none is needed; ``area`` is the blueprint, None if there is none.

        Raises ``ApiError``: 400 for a foreign host name, 403 for a foreign page, 401 about the key.
        """
        if area in OPEN:
            return ""
        self.origins.check_host(header("Host"))
        self.origins.check_page(method, header)
        if area in PUBLIC or method == "OPTIONS":
            return ""
        return self._keys.holder(header("Authorization"), header("api-key"))


def area(endpoint: str | None) -> str | None:
    """The blueprint of an endpoint."""
    return endpoint.partition(".")[0] if endpoint else None
