"""What the audit finds in any ledger, sound or broken, against the same sums in Python."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.credits.ledger.audit import Audit, disagreements, read_books
from tests.credits.ledger.audit.books import TENANTS, Ledger, audit, ledgers, rows_of, sound
from tests.scratch import Scratch


async def _audit(scratch: Scratch, ledgers: Mapping[str, Ledger]) -> dict[str, Audit]:
    async with scratch.holding(**rows_of(ledgers)) as connection:
        return dict((await read_books(connection)).audits)


@given(st.fixed_dictionaries({tenant: ledgers() for tenant in TENANTS}))
async def test_the_audit_of_any_ledger_finds_what_its_rows_say(scratch: Scratch, ledgers: Mapping[str, Ledger]) -> None:
    kept = {tenant: audit(ledger) for tenant, ledger in ledgers.items() if not ledger.is_empty}
    assert await _audit(scratch, ledgers) == kept


@settings(max_examples=30)
@given(sound())
async def test_the_audit_of_a_sound_ledger_finds_nothing_wrong(scratch: Scratch, ledger: Ledger) -> None:
    found = await _audit(scratch, {"cafe": ledger})
    assert disagreements(found["cafe"]) == {}
