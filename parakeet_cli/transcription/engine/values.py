"""Our frozen values as plain JSON and back: a dataclass is the list of its fields, and what is read is checked."""

import base64
import binascii
import math
import types
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

__all__ = ["BadValue", "Shape", "shape_of"]

_LARGEST_INTEGER = 1 << 53
_SIMPLE = (str, int, float, bool, types.NoneType)


class BadValue(ValueError):
    """What was read is not of the kind that was expected."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How values of one kind are written and read. ``read`` raises ``BadValue``."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


@cache
def shape_of(kind: Any, *, finite: bool) -> Shape:
    """The shape of a type: a dataclass, StrEnum, Path, ``tuple[X, ...]``, a union of simple types, or a simple type.

    Bytes, which JSON has not, go in base64. ``finite`` refuses infinite numbers; what is no number is always refused.
    """
    if kind in (*_SIMPLE, bytes):
        return Shape(_base64 if kind is bytes else _same, _checks(kind, finite))
    if get_origin(kind) in (Union, types.UnionType):
        return _union([shape_of(each, finite=finite) for each in get_args(kind)], get_args(kind))
    if get_origin(kind) is tuple:
        return _sequence(shape_of(get_args(kind)[0], finite=finite))
    if issubclass(kind, StrEnum):
        return Shape(_same, lambda plain: _member(kind, plain))
    if issubclass(kind, Path):
        return Shape(str, lambda plain: Path(_text(plain)))
    hints = get_type_hints(kind)
    return _record(kind, [(field.name, shape_of(hints[field.name], finite=finite)) for field in fields(kind)])


def _record(kind: Any, members: list[tuple[str, Shape]]) -> Shape:
    names = [name for name, _ in members]
    writers = [shape.write for _, shape in members]
    readers = [shape.read for _, shape in members]

    def one_by_one(value: Any) -> tuple[Any, ...]:
        return tuple([getattr(value, name) for name in names])

    fields_of = attrgetter(*names) if len(names) > 1 else one_by_one

    def write(value: Any) -> list[Any]:
        return [write(member) for write, member in zip(writers, fields_of(value), strict=True)]

    def read(plain: Any) -> Any:
        if type(plain) is not list or len(plain) != len(readers):
            raise BadValue(f"a {kind.__name__} has {len(readers)} fields")
        return kind(*[read(member) for read, member in zip(readers, plain, strict=True)])

    # Tokens are many, and nothing about them has to be converted.
    return Shape(fields_of if all(writer is _same for writer in writers) else write, read)


def _sequence(member: Shape) -> Shape:
    write_one, read_one = member.write, member.read

    def read(plain: Any) -> tuple[Any, ...]:
        if type(plain) is not list:
            raise BadValue("a list was expected")
        return tuple([read_one(each) for each in plain])

    return Shape(lambda values: [write_one(each) for each in values], read)


def _union(shapes: list[Shape], kinds: tuple[Any, ...]) -> Shape:
    """None and one other type, or simple types among which the plain value itself tells which."""
    others = [shape for shape, kind in zip(shapes, kinds, strict=True) if kind is not types.NoneType]
    optional = len(others) < len(shapes)
    if len(others) > 1 and any(kind not in _SIMPLE for kind in kinds):
        raise TypeError(f"a union of {kinds} cannot be told apart in JSON")

    def write(value: Any) -> Any:
        return None if value is None else others[0].write(value)

    def read(plain: Any) -> Any:
        if plain is None and optional:
            return None
        for shape in others[:-1]:
            try:
                return shape.read(plain)
            except BadValue:
                continue
        return others[-1].read(plain)

    return Shape(_same if all(shape.write is _same for shape in others) else write, read)


def _same(value: Any) -> Any:
    return value


def _checks(kind: Any, finite: bool) -> Callable[[Any], Any]:
    if kind is float:
        return _finite if finite else _number
    return {str: _text, int: _integer, bool: _truth, types.NoneType: _nothing, bytes: _decoded}[kind]


def _number(plain: Any) -> float:
    if type(plain) is int and abs(plain) <= _LARGEST_INTEGER:
        return float(plain)
    if type(plain) is not float or math.isnan(plain):
        raise BadValue("a number was expected")
    return plain


def _finite(plain: Any) -> float:
    number = _number(plain)
    if math.isinf(number):
        raise BadValue("a finite number was expected")
    return number


def _integer(plain: Any) -> int:
    if type(plain) is not int or abs(plain) > _LARGEST_INTEGER:
        raise BadValue("an integer was expected")
    return plain


def _text(plain: Any) -> str:
    if type(plain) is not str:
        raise BadValue("a text was expected")
    return plain


def _truth(plain: Any) -> bool:
    if type(plain) is not bool:
        raise BadValue("true or false was expected")
    return plain


def _nothing(plain: Any) -> None:
    if plain is not None:
        raise BadValue("null was expected")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _decoded(plain: Any) -> bytes:
    try:
        return base64.b64decode(_text(plain), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadValue("bytes in base64 were expected") from error


def _member(kind: type[StrEnum], plain: Any) -> StrEnum:
    try:
        return kind(_text(plain))
    except ValueError as error:
        raise BadValue(f"{plain!r:.100} is no {kind.__name__}") from error
