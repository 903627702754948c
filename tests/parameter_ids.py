"""What a case of a parametrised test is called: by its values, so that its name says which one failed, in any run."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from uuid import UUID

_LONGEST = 48
_TOLD_BY_THEMSELVES = (bool, int, float, Decimal, UUID, dt.date, dt.time, dt.timedelta)
_WRITTEN = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


WORD = re.compile(r"[^\W\d_]{2,}")
"""Two letters of any script: less does not say what something is."""


def named_id(argument: str, value: object) -> str | None:
    """The name of an argument's value, as by `readable_id`; the argument's name goes with what has no word in it."""
    name = readable_id(value)
    return name if name is None or WORD.search(name) else f"{argument}={name}"


def readable_id(value: object) -> str | None:
    """The name of a value, of 48 characters at most; None for what pytest names well, or nobody can name but its test.

    It is the same in any process: no address, and nothing in an order that is another one each time.
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return _bytes(value)
    whole = str(value) if isinstance(value, _TOLD_BY_THEMSELVES) else _compound(value)
    return None if whole is None else _shortened(whole)


def _text(value: str) -> str:
    """A text as it is; in quotes where one would not see where it begins or ends, or that it is there at all."""
    shown = "".join(map(_character, value))
    if len(shown) > _LONGEST:
        length = f"…({len(value)} long)"
        return shown[: _LONGEST - len(length)] + length
    return shown if shown and shown == shown.strip() else f"'{shown}'"


def _character(character: str) -> str:
    if character.isprintable():
        return character
    return _WRITTEN.get(character) or f"<U+{ord(character):04X}>"


def _bytes(value: bytes) -> str:
    """As a text if they are one, which a person would have typed; otherwise in hexadecimal."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = None
    if text is not None and all(character.isprintable() or character in _WRITTEN for character in text):
        return _text(text)
    return _shortened(f"bytes {value.hex(' ')}")


def _compound(value: object) -> str | None:
    """What is made of other values; None when one of them has no name."""
    if isinstance(value, Mapping):
        return _joined("{", (_pair(name, each) for name, each in value.items()), "}")
    if isinstance(value, list | tuple):
        return _joined("[", map(_part, value), "]")
    if isinstance(value, set | frozenset):
        parts = list(map(_part, value))
        return _joined("{", parts if None in parts else sorted(map(str, parts)), "}")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.repr}
        return _joined(f"{type(value).__name__}(", (_pair(name, each) for name, each in fields.items()), ")")
    return None


def _pair(name: object, value: object) -> str | None:
    shown = _part(value)
    return None if shown is None else f"{_part(name)}: {shown}"


def _part(value: object) -> str | None:
    if value is None:
        return "None"
    return "..." if value is ... else readable_id(value)


def _joined(opening: str, parts: Iterable[str | None], closing: str) -> str | None:
    known = list(parts)
    return None if None in known else opening + ", ".join(map(str, known)) + closing


def _shortened(text: str) -> str:
    """The beginning and the end of what is too long."""
    if len(text) <= _LONGEST:
        return text
    half = (_LONGEST - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
