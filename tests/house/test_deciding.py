"""A store's SQL decides nothing. What must be decided where rows are locked, or of many at once, is named so, and is
compared with the rule in plain Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from local.home import CHECKOUT
from tests.house.imports import files_of, name_of, tree_of

ORACLES: Mapping[str, str] = {
    "decide_admitted": "platform/doors/test_admitted_oracle.py",
    "decide_changed_alerts": "operations/watch/test_notices_oracle.py",
    "decide_checks": "messages/dispatch/test_waits_oracle.py",
    "decide_claims": "messages/dispatch/test_claims_oracle.py",
    "decide_claims_unless_locked": "messages/dispatch/test_claims_oracle.py",
    "decide_deadlines": "messages/dispatch/test_waits_oracle.py",
    "decide_devices": "customers/test_devices_oracle.py",
    "decide_due_charges": "credits/topups/test_due_charge_oracle.py",
    "decide_due_notices": "operations/watch/test_notices_oracle.py",
    "decide_ended_shortages": "credits/ledger/test_low_credit_oracle.py",
    "decide_looks": "operations/inspections/test_looks_oracle.py",
    "decide_look_ups": "credits/payments/test_look_ups_oracle.py",
    "decide_due_plans": "credits/plans/test_due_plans_oracle.py",
    "decide_leases": "messages/dispatch/test_waits_oracle.py",
    "decide_low_balances": "credits/ledger/test_low_credit_oracle.py",
    "decide_newest_words": "customers/test_newest_words.py",
    "decide_plain_arrivals": "messages/reports/test_plain_arrivals_oracle.py",
    "decide_polls": "messages/reports/test_polls_oracle.py",
    "decide_retries": "messages/dispatch/test_retries_oracle.py",
    "decide_tickets_again": "messages/dispatch/test_waits_oracle.py",
    "deciding_accounts": "messages/dispatch/choice/test_accounts_oracle.py",
    "deciding_caps": "messages/dispatch/choice/test_accounts_oracle.py",
    "decide_turns": "messages/dispatch/test_turns_oracle.py",
    "decide_undecided": "credits/payments/test_undecided_oracle.py",
    "deciding_counts": "messages/dispatch/health/test_health_oracle.py",
    "deciding_deadline": "messages/dispatch/test_waits_oracle.py",
    "deciding_ends": "messages/reports/test_ends_oracle.py",
    "deciding_newest_words": "customers/test_newest_words.py",
    "deciding_pace": "messages/dispatch/test_pace_oracle.py",
    "deciding_trials": "messages/dispatch/health/test_trials_oracle.py",
    "deciding_versions": "platform/database/test_versions_oracle.py",
    "deciding_weight": "messages/dispatch/health/test_trials_oracle.py",
    "mark_told_and_decide_owed": "operations/watch/test_notices_oracle.py",
    "receive_events_and_decide_fresh": "workflows/events/test_fresh_oracle.py",
    "record_reports_and_decide_charges": "messages/reports/test_charges_oracle.py",
    "take_plain_events_and_decide_fresh": "workflows/events/test_plain_events_oracle.py",
}
"""By the name of a statement that decides, or of a part of others: the test that compares it with its oracle."""

DECIDES_NOTHING: Mapping[str, str] = {
    "credits.ledger.audit_store.ENTRIES": "recomputes; credits/ledger/audit/test_audit_oracle.py is its oracle",
    "credits.ledger.statement_store.USAGE": "reports: of a line one cost is unknown, so all of its cost is",
    "credits.prices.store.PRICE_LIST": "reports: what does not hold yet is to come",
    "credits.topups.store.AUTOMATIC": "reports: a moment that is over is not shown",
    "operations.reconcile.invoice_store.COUNT_OURS": "reports: what a message came to, as its row and its reports say",
    "messages.reports.store._MOVES": "a part of the statement that decides charges",
    "messages.stories.store.NEWEST_MESSAGES": "reports: how many are looked at is at least how many are asked for",
    "operations.backups.store.PARENTS": "names: of a table its schema, where it is another one",
    "operations.health.store.GAUGES": "reports; operations/health/test_outbox_age.py holds its ages to the sweep",
    "operations.health.store.OPEN_ALERTS": "reports: figures that one kind of alert has",
    "operations.retention.store.PARTS": "reports: what the database says of a partition that is due",
    "operations.retention.store.SIZES": "reports",
}
"""Statements that look like a decision, and why they are none."""

_LOOKS_LIKE_A_DECISION = re.compile(r"\bcase\b|\bleast\(|\bgreatest\(|\bover \(|\binterval '")
_DECIDES = re.compile(r"(?:^|_)decid(?:e|ing)_", re.IGNORECASE)


def _stores() -> list[Path]:
    return [file for file in files_of("shared") if file.name.endswith("store.py")]


def _functions(file: Path) -> Iterator[str]:
    for node in tree_of(file).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def _statements(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each constant with its text, as far as it is written there."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.JoinedStr):
            texts = [part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
            yield ast.unparse(node.targets[0]), " ".join(text for text in texts if isinstance(text, str))


def _undeclared(tree: ast.Module) -> list[str]:
    """The statements that look like a decision and are not named so."""
    return [
        name for name, text in _statements(tree) if _LOOKS_LIKE_A_DECISION.search(text) and not _DECIDES.search(name)
    ]


def test_each_statement_that_decides_has_an_oracle() -> None:
    deciding = {name for file in _stores() for name in _functions(file) if _DECIDES.search(name)}
    assert deciding == ORACLES.keys()


@pytest.mark.parametrize("name", ORACLES)
def test_an_oracle_is_asked_about_random_inputs(name: str) -> None:
    test = (CHECKOUT / "tests" / ORACLES[name]).read_text(encoding="utf-8")
    assert name in test
    assert "@given(" in test


def test_what_looks_like_a_decision_is_named_so_or_it_is_known_why_it_is_none() -> None:
    found = {
        f"{name_of(file).removeprefix('shared.')}.{name}" for file in _stores() for name in _undeclared(tree_of(file))
    }
    assert found == DECIDES_NOTHING.keys()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE = 'update t set a = case when b then 1 end'",
        "TAKE = f'update t set at = least({now}, %(then)s)'",
        "SUM = 'select sum(a) over (order by b) from t'",
        "OLD = \"select from t where at > %(now)s - interval '1 hour'\"",
    ],
)
def test_what_looks_like_a_decision_is_found(statement: str) -> None:
    assert len(_undeclared(ast.parse(statement))) == 1
    name, _, text = statement.partition(" = ")
    assert _undeclared(ast.parse(f"DECIDE_{name} = {text}")) == []


def test_a_statement_that_only_writes_or_reads_does_not_look_like_a_decision() -> None:
    assert _undeclared(ast.parse("READ = 'select least_of, cases from t where covered = %(over)s'")) == []
