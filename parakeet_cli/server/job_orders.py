"""An order as it is kept in the database of jobs."""

import json
from dataclasses import asdict, fields
from typing import Any

from parakeet_cli.server.orders import Format, Granularity, Order

__all__ = ["pack_order", "unpack_order"]

_FIELDS = {field.name for field in fields(Order)}


def pack_order(order: Order) -> str:
    return json.dumps({**asdict(order), "granularities": sorted(order.granularities)})


def unpack_order(packed: str) -> Order:
    """What another version wrote besides is left out."""
    known: dict[str, Any] = {name: value for name, value in json.loads(packed).items() if name in _FIELDS}
    known |= {
        "format": Format(known["format"]),
        "granularities": frozenset(map(Granularity, known["granularities"])),
        "warnings": tuple(known["warnings"]),
    }
    return Order(**known)
