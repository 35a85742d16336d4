"""The fields of a request, in every spelling that clients have for them.

Lists come as ``name[]`` repeated (the official clients), as ``name`` repeated, as ``name[0]``, ``name[1]``, as a JSON
array or divided by commas; objects as ``name[key]`` or as JSON; the same again inside a JSON body.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping

from parakeet_cli.server.errors import ApiError

__all__ = ["Fields", "invalid"]

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off", "", "null", "none"})

_NAME = re.compile(r"(?P<name>[^\[\]]+)\[(?P<key>[^\[\]]*)\]")

_LONGEST_SHOWN = 40
"""Characters of a wrong value that a message repeats."""


class Fields:
    """Values by name. Names are told apart by case; values are texts, whatever they were in JSON."""

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        """``items`` in the order in which they were sent."""
        self._plain: dict[str, list[str]] = {}
        self._keyed: dict[str, list[tuple[str, str]]] = {}
        for name, value in items:
            if match := _NAME.fullmatch(name):
                self._keyed.setdefault(match["name"], []).append((match["key"], value))
            else:
                self._plain.setdefault(name, []).append(value)

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> "Fields":
        return cls(_flattened(document))

    def text(self, name: str) -> str:
        """The last value without the white space around it; empty if there is none."""
        return self._plain.get(name, [""])[-1].strip()

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of a list, each once, in order; empty ones count for nothing."""
        keyed = self._keyed.get(name, [])
        numbered = sorted((item for item in keyed if _is_number(item[0])), key=lambda item: int(item[0]))
        values = [value for key, value in keyed if not key] + self._plain.get(name, [])
        values += [value for _, value in numbered]
        parts = (part.strip() for value in values for part in _parts(value))
        return tuple(dict.fromkeys(part for part in parts if part))

    def keyed(self, name: str) -> dict[str, str]:
        """The fields of an object, ``name[key]`` or JSON. Raises ApiError if the JSON is no object."""
        value = self.text(name)
        if not value.startswith("{"):
            return {key: value for key, value in self._keyed.get(name, []) if key}
        try:
            document = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise invalid(name, value, "a JSON object") from error
        return dict(_flattened(document)) if isinstance(document, dict) else {}

    def truth(self, name: str) -> bool:
        """Raises ApiError if the value is neither a yes nor a no."""
        value = self.text(name).lower()
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
        raise invalid(name, value, "true or false")

    def number(self, name: str, lowest: float, highest: float) -> float:
        """The value, or ``lowest`` if there is none. Raises ApiError if it is no number in that range."""
        value = self.text(name)
        if not value or value.lower() == "null":
            return lowest
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not lowest <= number <= highest:
            raise invalid(name, value, f"a number from {lowest:g} to {highest:g}")
        return number


def invalid(name: str, value: str, wanted: str, code: str = "invalid_value") -> ApiError:
    shown = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}…"
    return ApiError(400, f"{name} is '{shown}'; it must be {wanted}.", param=name, code=code)


def _is_number(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) < 10


def _parts(value: str) -> list[str]:
    """The items of a JSON array of texts or numbers, or of a list with commas."""
    if value.strip().startswith("["):
        try:
            items = json.loads(value)
        except (ValueError, RecursionError):
            return value.split(",")
        return [text for _, text in _flattened({"": items})]
    return value.split(",")


def _flattened(document: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """JSON as the fields of a form: ``{"a": [1, true]}`` as ``a[]=1``, ``a[]=true``. What lies deeper is left out."""
    for name, value in document.items():
        match value:
            case list():
                yield from ((f"{name}[]", text) for text in map(_as_text, value) if text is not None)
            case dict():
                inner = ((f"{name}[{key}]", _as_text(item)) for key, item in value.items())
                yield from ((key, text) for key, text in inner if text is not None)
            case _ if (text := _as_text(value)) is not None:
                yield name, text


def _as_text(value: object) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return repr(value)
        case _:
            return None
