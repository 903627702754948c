"""The daily audit of the ledger: what differs becomes an alert of its tenant, and what agrees again resolves it.
What is found of a month that is over becomes its proof."""

from __future__ import annotations

from dataclasses import asdict

from shared.credits.amounts import in_won
from shared.credits.ledger.audit import Audit, disagreements, prove_and_audit, together
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.logs import log
from shared.platform.plurals import counted
from shared.platform.signals.alerts import raise_alerts, resolve_all_but

DIFFERENCE = "ledger_difference"


class Reconciliation:
    """Audits every tenant.

    Args:
        database: as a role that reads the ledger, and keeps proofs and alerts.
        clock: the time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def audit(self) -> Audit:
        """Recompute what is not proven, prove what is closed, raise and resolve `ledger_difference`, and give the sums
        of all tenants."""
        audits = (await prove_and_audit(self._database, self._clock)).audits
        wrong = {tenant: _told(found) for tenant, found in audits.items() if disagreements(found)}
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await raise_alerts(connection, DIFFERENCE, wrong, now)
            await resolve_all_but(connection, DIFFERENCE, list(wrong), now)
        for tenant, detail in wrong.items():
            log("ledger_differences").error(detail, extra={"fields": {"tenant": tenant}})
        sums = together(audits.values())
        figures = {name: float(figure) for name, figure in asdict(sums).items()}
        log("reconcile").info("ledger audited", extra={"fields": figures})
        return sums


def _told(found: Audit) -> str:
    overdrawn = " and the account is overdrawn" if found.overdrafts else ""
    lost = (
        f", {counted(found.missing, 'message')} missing, {found.untraced:,} untraced"
        if found.missing or found.untraced
        else ""
    )
    return (
        f"the ledger and the messages differ by {in_won(found.difference)} won{overdrawn}{lost}: `allim credits audit`"
    )
