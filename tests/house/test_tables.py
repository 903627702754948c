"""A table has one owner: the room whose store writes it. The others call that room."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from local.home import CHECKOUT
from tests.house.imports import files_of, name_of, tree_of

OWNER: Mapping[str, str] = {
    "tenants": "tenants",
    "tenant_history": "tenants",
    "provider_accounts": "tenants",
    "customers": "customers",
    "groups": "customers",
    "group_members": "customers",
    "templates": "templates",
    "template_versions": "templates",
    "workflows": "workflows",
    "workflow_versions": "workflows",
    "runs": "workflows",
    "timers": "workflows",
    "events": "workflows.events",
    "messages": "messages",
    "outbox": "messages",
    "dispatches": "messages.dispatch",
    "reports": "messages.reports",
    "credit_accounts": "credits.ledger",
    "ledger_entries": "credits.ledger",
    "prices": "credits.prices",
    "payment_orders": "credits.payments",
    "payment_cancels": "credits.payments",
    "payment_webhooks": "credits.payments",
    "billing_keys": "credits.payments",
    "automatic_topups": "credits.topups",
    "tenant_plans": "credits.plans",
    "plan_orders": "credits.plans",
    "plan_history": "credits.plans",
    "alerts": "platform.signals",
    "dead_letters": "platform.signals",
    "heartbeats": "platform.signals",
    "alert_notices": "operations.watch",
}
"""By table; a room within the owner may write it, too."""

OF_MIGRATIONS = {"default_prices", "provider_prices"}
"""Written by migrations alone."""

_CREATED = re.compile(r"^create table ([a-z_]+)", re.MULTILINE)
_WRITTEN = re.compile(r"\b(?:insert\s+into|update|delete\s+from|truncate)\s+(?:only\s+)?([a-z_]+)\b")


def tables() -> set[str]:
    """Every table that the migrations make."""
    files = (CHECKOUT / "schemas" / "postgres").glob("*.sql")
    return {name for file in files for name in _CREATED.findall(file.read_text(encoding="utf-8"))}


def written_by(file: Path) -> Iterator[str]:
    """The tables that the statements of a module write. A docstring is no statement."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree_of(file))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from _WRITTEN.findall(node.value)


def test_every_table_has_an_owner() -> None:
    assert tables() == OWNER.keys() | OF_MIGRATIONS


def test_a_table_is_written_by_its_owner_alone() -> None:
    writers: dict[str, set[str]] = defaultdict(set)
    for file in files_of("shared"):
        for table in written_by(file):
            writers[table].add(name_of(file).removeprefix("shared."))
    strangers = {
        f"{module} writes {table}, which is {OWNER.get(table, 'nobody')}'s"
        for table in tables()
        for module in writers[table]
        if not module.startswith(f"{OWNER.get(table)}.")
    }
    assert strangers == set()
    assert {table for table in OWNER if not writers[table]} == set(), "an owner writes what it owns"
