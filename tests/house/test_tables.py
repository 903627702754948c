"""A table has one owner: the room whose store writes it. The others call that room."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain

import pytest

from local.home import CHECKOUT
from tests.house.imports import files_of, name_of, tree_of

OWNER: Mapping[str, str] = {
    "tenants": "tenants",
    "tenant_history": "tenants",
    "provider_accounts": "tenants",
    "webhook_secrets": "tenants",
    "sender_numbers": "tenants.senders",
    "sender_days": "messages.dispatch",
    "customers": "customers",
    "groups": "customers",
    "group_members": "customers",
    "customer_devices": "customers",
    "templates": "templates",
    "template_versions": "templates",
    "template_pictures": "templates",
    "workflows": "workflows",
    "workflow_versions": "workflows",
    "runs": "workflows",
    "timers": "workflows",
    "events": "workflows.events",
    "messages": "messages",
    "outbox": "messages",
    "dispatches": "messages",
    "reports": "messages.reports",
    "account_buckets": "messages.dispatch",
    "account_health": "messages.dispatch",
    "account_polls": "messages.reports",
    "invoice_days": "operations.reconcile",
    "invoice_differences": "operations.reconcile",
    "credit_accounts": "credits.ledger",
    "ledger_entries": "credits.ledger",
    "month_proofs": "credits.ledger",
    "month_figures": "credits.ledger",
    "prices": "credits.prices",
    "payment_orders": "credits.payments",
    "payment_cancels": "credits.payments",
    "payment_look_ups": "credits.payments",
    "billing_keys": "credits.payments",
    "automatic_topups": "credits.topups",
    "tenant_plans": "credits.plans",
    "plan_orders": "credits.plans",
    "plan_history": "credits.plans",
    "inbox": "inbox",
    "inbox_documents": "inbox",
    "bulk_sends": "campaigns",
    "bulk_counts": "campaigns",
    "alerts": "platform.signals",
    "dead_letters": "platform.signals",
    "heartbeats": "platform.signals",
    "door_counts": "platform.doors",
    "alert_notices": "operations.watch",
    "lineage": "operations.backups",
    "tenant_lives": "operations.retention",
    "template_inspections": "operations.inspections",
    "template_looks": "operations.inspections",
}
"""By table; a room within the owner may write it, too."""

OF_MIGRATIONS = {
    "default_prices",
    "ledger_keys",
    "left_months",
    "month_copies",
    "partitions",
    "provider_prices",
    "walks",
}
"""Written by migrations alone, and by what they hang on tables."""

WRITE_ANY_TABLE: Mapping[str, str] = {
    "shared.operations.backups.store": "a backup copies every table out, and a restore copies it back in",
    "shared.operations.backups.restore_store": "a restore empties what the migrations filled; nobody else is there yet",
}
"""The modules whose statements name their table as they run, and why no owner can do it for them."""

PROGRAMS = ("shared", "functions", "cli", "local", "release")
"""Whose statements are looked at. The bench fills a database of its own, and tests hold rows in any state."""

_CREATED = re.compile(r"^\s*create\s+(?:unlogged\s+)?table\s+(?:if not exists\s+)?(?:public\.)?(\w+)", re.M | re.I)
_NAME = r'(?:only\s+)?[\w".{}]+'
_DROPPED = re.compile(r"^\s*drop\s+table\s+(?:if exists\s+)?(?:public\.)?(\w+)", re.M | re.I)
_WRITTEN = re.compile(
    r"\b(?:insert\s+into|update|delete\s+from|truncate(?:\s+table)?|merge\s+into|copy|alter\s+table)"
    rf"\s+({_NAME}(?:\s*,\s*{_NAME})*)",
    re.IGNORECASE,
)
_NOT_SAID = re.compile(r"\b(?:insert\s+into|update|delete\s+from|truncate|merge\s+into|copy)\s+$", re.IGNORECASE)
ANY = "{}"
"""A table whose name a statement is given as it runs."""


def tables() -> set[str]:
    """Every table that the migrations make, and leave."""
    texts = [file.read_text(encoding="utf-8") for file in (CHECKOUT / "schemas" / "postgres").glob("*.sql")]
    created, dropped = ({name for text in texts for name in each.findall(text)} for each in (_CREATED, _DROPPED))
    return created - dropped


def written_in(module: ast.Module) -> Iterator[str]:
    """The tables that the statements of a module write, `ANY` among them. A docstring is no statement."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            for names in _WRITTEN.findall(node.value):
                for name in names.lower().split(","):
                    plain = name.strip().removeprefix("only").strip().replace('"', "").removeprefix("public.")
                    yield ANY if "{" in plain else plain
            if _NOT_SAID.search(node.value):
                yield ANY


def test_every_table_has_an_owner() -> None:
    assert tables() == OWNER.keys() | OF_MIGRATIONS


def test_a_table_is_written_by_its_owner_alone() -> None:
    writers: dict[str, set[str]] = defaultdict(set)
    for file in chain.from_iterable(map(files_of, PROGRAMS)):
        for table in written_in(tree_of(file)):
            writers[table].add(name_of(file))
    strangers = {
        f"{module} writes {table}, which is {OWNER.get(table, 'nobody')}'s"
        for table in tables()
        for module in writers[table]
        if not module.startswith(f"shared.{OWNER.get(table)}.")
    }
    assert strangers == set()
    assert {table for table in OWNER if not writers[table]} == set(), "an owner writes what it owns"
    assert writers[ANY] == set(WRITE_ANY_TABLE)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into messages (id) values (1)",
        "UPDATE messages SET id = 1",
        "update only public.messages set id = 1",
        'delete from "public"."messages"',
        "with a as (select) Insert\n  Into public.messages select",
        "truncate table outbox, only messages",
        "merge into messages m using x",
        "copy messages (id) from stdin",
        "alter table messages disable trigger user",
    ],
)
def test_a_write_is_found_however_it_is_written(statement: str) -> None:
    assert "messages" in written_in(ast.parse(f"def f():\n  return {statement!r}"))


@pytest.mark.parametrize(
    "code",
    ["f'insert into {table} values (1)'", "sql.SQL('delete from {}')", "'UPDATE ' + table + ' set'", "'copy {} {}'"],
)
def test_a_write_to_a_table_that_is_not_named_is_found(code: str) -> None:
    assert ANY in written_in(ast.parse(f"x = {code}"))


def test_what_only_reads_or_locks_writes_nothing() -> None:
    code = '"select 1 from messages for update of messages; select updated from copy_of_messages"'
    assert tables() & set(written_in(ast.parse(f"x = {code}"))) == set()
