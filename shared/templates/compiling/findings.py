"""What is found in a template: by a rule of the table, at a place, with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shared.templates.compiling.rules import RULES, Severity

Place = tuple[str | int, ...]
"""Keys and numbers that lead to it in a template's file: `("alimtalk", "buttons", 0, "name")`."""


class Finding(NamedTuple):
    """One thing in one template.

    rule: of `RULES`.
    severity: an `error` is refused by Kakao or a provider, or would fail messages; a `warning` may be.
    at: where.
    detail, detail_ko: what it is and what to do.
    """

    rule: str
    severity: Severity
    at: Place
    detail: str
    detail_ko: str


def found(rule: str, at: Place, **told: object) -> Finding:
    """A finding by a rule. `told`: what its sentences name."""
    severity, detail, detail_ko = RULES[rule]
    return Finding(rule, severity, at, detail.format_map(_Shown(told)), detail_ko.format_map(_Shown(told)))


class _Shown(dict[str, object]):
    """Texts as a sentence quotes them: no longer than what a person reads."""

    def __init__(self, told: Mapping[str, object]) -> None:
        super().__init__({name: _short(value) for name, value in told.items()})


_SHOWN = 60


def _short(value: object) -> object:
    return f"{value[:_SHOWN]}…" if isinstance(value, str) and len(value) > _SHOWN else value
