"""The table of states in docs/architecture.md, and what the database allows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from local.home import CHECKOUT

PAGE, TITLE = CHECKOUT / "docs" / "architecture.md", "## States, and how each ends"

KINDS: Mapping[str, str] = {
    "customer_devices.platform": "what it is",
    "dispatches.topic": "by which its tickets came",
    "invoice_differences.reason": "what was found",
    "heartbeats.name": "which trace it is",
    "ledger_entries.kind": "entries are only added",
    "outbox.topic": "where a ticket goes",
    "payment_orders.purpose": "what it is for",
    "plan_history.from_plan": "history",
    "plan_history.reason": "history",
    "plan_history.to_plan": "history",
    "plan_orders.kind": "what it is for",
    "plan_orders.plan": "what it buys",
    "template_inspections.kind": "history",
    "tenant_history.what": "history",
    "tenant_plans.next_plan": "a choice",
    "tenant_plans.plan": "a choice",
}
"""Columns that allow some words and say no state, and why."""

_ENUMS = """
select c.relname || '.' || a.attname, array_agg(e.enumlabel::text)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_enum e on e.enumtypid = a.atttypid
where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and not a.attisdropped
group by 1
"""
_CHECKS = """
select c.relname || '.' || a.attname, pg_get_constraintdef(k.oid)
from pg_constraint k join pg_class c on c.oid = k.conrelid
join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
where k.contype = 'c' and cardinality(k.conkey) = 1 and c.relnamespace = 'public'::regnamespace
"""
_WORDS = re.compile(r"CHECK \(\(\w+ = (?:ANY \(ARRAY\[(.*)\]\)|('\w[\w-]*'::text))\)\)")


@dataclass(frozen=True)
class State:
    """A line of the table, a state each. `movers`: what is named as moving it on or ending it."""

    column: str
    name: str
    kind: str
    movers: tuple[str, ...]
    end: str


def written_states() -> list[State]:
    """The states that the page tells of."""
    section = PAGE.read_text(encoding="utf-8").split(TITLE)[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in section.splitlines() if "|" in line
    ]
    states, column = [], ""
    for cells in rows[2:]:
        column = cells[0].strip("`") or column
        movers = tuple(re.findall(r"`(shared\.[\w.]+)`", f"{cells[3]} {cells[4]}"))
        states += [State(column, name, cells[2], movers, cells[4]) for name in re.findall(r"`(\w+)`", cells[1])]
    return states


def allowed_words(database_url: str) -> dict[str, set[str]]:
    """By column, the words that an enum or a check lets it hold."""
    with psycopg.connect(database_url) as connection:
        found = {name: set(words) for name, words in connection.execute(_ENUMS).fetchall()}
        for name, definition in connection.execute(_CHECKS).fetchall():
            if match := _WORDS.match(definition):
                found[name] = set(re.findall(r"'([^']+)'", match[1] or match[2]))
    return found


def columns_of(database_url: str) -> set[str]:
    """Every column, and each table's `(row)`."""
    statement = "select table_name, column_name from information_schema.columns where table_schema = 'public'"
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(statement).fetchall()
    return {f"{table}.{column}" for table, column in rows} | {f"{table}.(row)" for table, _ in rows}
