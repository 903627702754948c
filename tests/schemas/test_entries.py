"""No money comes from nothing: each role adds the entries that its work makes, and they say what happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.errors import CheckViolation, InsufficientPrivilege, RestrictViolation

from local.postgres import ROLES
from shared.credits.ledger.entries import LATE
from tests.clock import NOON
from tests.databases import Migrated
from tests.schemas.samples import OURS
from tests.schemas.walls import ENTERS, may, sample

ENTRIES = {
    "hold": "0, 0, 'hold/1', array[%(message)s], null",
    "release": "0, 0, 'release/1', array[%(message)s], null",
    "hold_expiry": "0, 0, 'hold_expiry/1', array[%(message)s], null",
    "capture": "0, 0, 'capture/1', array[%(message)s], null",
    "topup": "1, 0, 'toss/the-payment/0', null, %(order)s",
    "refund": "-1, 0, 'cancel/1', null, %(order)s",
    "adjustment": "1, 0, 'cancel-refused/' || %(cancel)s::text, null, %(order)s",
}
"""By kind, an entry as the product's statements write it, for the rows of `SAMPLES` once they are `told_of`."""

TOLD_OF = """
with m as (
  update messages
  set hold = %(entry)s, held = 0, settlement = %(entry)s, price = case %(kind)s when 'capture' then 0 end
  where tenant = %(tenant)s and id = %(message)s
),
a as (update credit_accounts set balance = 10 where tenant = %(tenant)s)
update payment_cancels set status = 'refused' where tenant = %(tenant)s
"""


def entry(tenant: str, kind: str) -> tuple[bytes, bytes, dict[str, Any]]:
    """What the owner does to a tenant's first sample rows so that an entry of a kind is true of them, the statement
    that adds it, and the parameters of both."""
    add = (
        "insert into ledger_entries"  # noqa: S608 - texts from above
        " (tenant, id, kind, balance_change, hold_change, key, messages, reference, created_at)"
        f" values (%(tenant)s, %(entry)s, %(kind)s, {ENTRIES[kind]}, %(now)s)"
    )
    ids = {"message": UUID(int=0), "cancel": UUID(int=0), "entry": UUID(int=1), "order": f"{tenant}-orderx0"}
    return TOLD_OF.encode(), add.encode(), {"tenant": tenant, "kind": kind, "now": NOON, **ids}


@contextmanager
def _as_role(database: Migrated, role: str, kind: str, *besides: str) -> Iterator[Connection]:
    """A role's transaction in which an entry of a kind would be true; what is done is undone.

    Args:
        database: with the samples.
        role: who adds it.
        kind: of which an entry would be true.
        besides: what the owner does first.
    """
    told_of, _, parameters = entry(OURS, kind)
    with psycopg.connect(database.url) as connection:
        connection.execute(told_of, parameters)
        for statement in besides:
            connection.execute(statement.encode(), parameters)
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        yield connection
        connection.rollback()


def test_who_may_add_entries_is_said_here() -> None:
    assert set(ENTERS) == {role for role in ROLES if may(role, "ledger_entries", "insert")}


@pytest.mark.parametrize("kind", ENTRIES)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_adds_the_entries_that_its_work_makes(filled: Migrated, role: str, kind: str) -> None:
    _, add, parameters = entry(OURS, kind)
    with _as_role(filled, role, kind) as connection:
        if kind in ENTERS.get(role, ()):
            assert connection.execute(add, parameters).rowcount == 1
        else:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(add, parameters)


NOT_AN_ORDERS = {
    "of_no_order": "update payment_orders set amount = amount; delete from payment_cancels; delete from plan_orders;"
    " delete from payment_orders",
    "of_another_amount": "update payment_orders set amount = 2; update payment_cancels set amount = 2",
    "of_a_plan": "update payment_orders set purpose = 'plan'",
    "of_another_try": "update payment_orders set reversals = 1",
}


@pytest.mark.parametrize("how", NOT_AN_ORDERS)
def test_credit_comes_from_an_order_that_names_it(filled: Migrated, how: str) -> None:
    _, add, parameters = entry(OURS, "topup")
    refused = pytest.raises(InsufficientPrivilege, match="row-level security")
    with _as_role(filled, "allim_sweeper", "topup", *NOT_AN_ORDERS[how].split(";")) as connection, refused:
        connection.execute(add, parameters)


@pytest.mark.parametrize("change", ["status = 'asked'", "status = 'done'", "amount = 2"])
def test_credit_is_given_again_for_a_cancel_that_was_refused(filled: Migrated, change: str) -> None:
    _, add, parameters = entry(OURS, "adjustment")
    refused = pytest.raises(InsufficientPrivilege, match="row-level security")
    changed = f"update payment_cancels set {change}"  # noqa: S608 - a text from above
    with _as_role(filled, "allim_sweeper", "adjustment", changed) as connection, refused:
        connection.execute(add, parameters)


WRONG = {
    "more_is_held_than_said": ("hold", "held = 0", 0, 5),
    "less_is_held_than_said": ("hold", "held = 5", 0, 4),
    "another_entry_holds": ("hold", "hold = gen_random_uuid()", 0, 0),
    "more_is_released": ("release", "held = 5", 0, -6),
    "another_entry_released": ("release", "settlement = null", 0, 0),
    "released_though_paid": ("release", "price = 3, held = 5", 0, -5),
    "more_expires": ("hold_expiry", "held = 5", 0, -6),
    "more_is_captured_than_held": ("capture", "held = 5, price = 6", -6, -5),
    "less_is_captured_than_the_price": ("capture", "held = 5, price = 5", -4, -5),
    "captured_without_a_price": ("capture", "held = 5, price = null", 0, -5),
    "more_of_the_hold_ends": ("capture", "held = 5, price = 5", -5, -6),
}
"""By what is wrong: the kind, what its message says, and the entry's won: of the balance, and of what is held."""


def _of(kind: str, balance: int, held: int, reference: str = "null") -> str:
    values = f"{balance}, {held}, '{kind}/1', array[%(message)s], {reference}"
    return (
        "insert into ledger_entries"  # noqa: S608 - texts of this module
        " (tenant, id, kind, balance_change, hold_change, key, messages, reference, created_at)"
        f" values (%(tenant)s, %(entry)s, %(kind)s, {values}, %(now)s)"
    )


HAS_CREDIT = "update credit_accounts set balance = 100, held = 50"


@pytest.mark.parametrize("how", WRONG)
def test_an_entry_moves_what_its_messages_say(filled: Migrated, how: str) -> None:
    kind, says, balance, held = WRONG[how]
    role = "allim_sender" if kind == "hold" else "allim_reports"
    _, _, parameters = entry(OURS, kind)
    refused = pytest.raises(RestrictViolation, match="is not what its messages say")
    with _as_role(filled, role, kind, f"update messages set {says}", HAS_CREDIT) as connection, refused:  # noqa: S608
        connection.execute(_of(kind, balance, held).encode(), parameters)


def test_an_entry_lists_only_messages_that_name_it_and_some_at_least(filled: Migrated) -> None:
    _, add, parameters = entry(OURS, "release")
    stranger = add.replace(b"array[%(message)s]", b"array[%(message)s, %(stranger)s]")
    with _as_role(filled, "allim_reports", "release") as connection, pytest.raises(RestrictViolation):
        connection.execute(stranger, {**parameters, "stranger": UUID(int=9)})
    for nobody in (b"null::uuid[]", b"'{}'::uuid[]"):
        with _as_role(filled, "allim_reports", "release") as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(add.replace(b"array[%(message)s]", nobody), parameters)


def test_a_delivery_after_its_release_is_captured_without_a_hold_and_never_beyond_what_was_held(
    filled: Migrated,
) -> None:
    _, _, parameters = entry(OURS, "capture")
    for price, taken in ((5, True), (6, False)):
        says = f"update messages set held = 5, price = {price}"  # noqa: S608
        with _as_role(filled, "allim_reports", "capture", says, HAS_CREDIT) as connection:
            late = _of("capture", -price, 0, f"'{LATE}'").encode()
            if taken:
                assert connection.execute(late, parameters).rowcount == 1
            else:
                with pytest.raises(RestrictViolation):
                    connection.execute(late, parameters)


def test_nobody_releases_more_than_is_held_in_all(filled: Migrated) -> None:
    _, _, parameters = entry(OURS, "release")
    with psycopg.connect(filled.url) as owner, pytest.raises(CheckViolation):
        owner.execute(_of("release", 0, -1).encode(), parameters)


MOBILES = ["01012345678", "0111234567", "01612345678", "0191234567"]
NO_MOBILES = [
    "",
    "0212345678",
    "010123456789",
    "0101234567",
    "+821012345678",
    "010-1234-5678",
    "05012345678",
    "15881588",
]


@pytest.mark.parametrize("recipient", [*MOBILES, *NO_MOBILES, "０１０12345678", "01012345678\n", None])
@pytest.mark.parametrize("role", ["allim_events", "allim_ticker", "allim_api", None], ids=lambda role: role or "owner")
def test_nobody_stores_a_recipient_that_is_no_korean_mobile_number(
    filled: Migrated, role: str | None, recipient: str | None
) -> None:
    statement, parameters = sample("messages", OURS, 7)
    statement = statement.replace(b"id, customer,", b"id, recipient, customer,")
    statement = statement.replace(b"%(uuid)s, 'c'", b"%(uuid)s, %(recipient)s, 'c'")
    with psycopg.connect(filled.url) as connection:
        connection.execute("select set_config('allim.tenant', %s, true)", [OURS])
        if role:
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        if recipient is None or recipient in MOBILES:
            assert connection.execute(statement, {**parameters, "recipient": recipient}).rowcount == 1
        else:
            with pytest.raises(CheckViolation, match="recipient_is_a_mobile"):
                connection.execute(statement, {**parameters, "recipient": recipient})
        connection.rollback()


@pytest.mark.parametrize("status", ["sending", "sent", "unknown", "delivered", "read", "scheduled"])
@pytest.mark.parametrize("role", ["allim_events", "allim_ticker", "allim_api"])
def test_nobody_makes_a_message_that_is_on_its_way_already(filled: Migrated, role: str, status: str) -> None:
    statement, parameters = sample("messages", OURS, 7)
    statement = statement.replace(b"'queued'", f"'{status}'".encode())
    statement = statement.replace(b"id, customer,", b"id, reason, customer,").replace(b"'c', 't'", b"'r', 'c', 't'")
    with psycopg.connect(filled.url) as connection:
        connection.execute("select set_config('allim.tenant', %s, true)", [OURS])
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            connection.execute(statement, parameters)
