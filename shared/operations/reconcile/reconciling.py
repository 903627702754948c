"""The daily audit of the ledger: what differs becomes an alert of its tenant, and what agrees again resolves it."""

from __future__ import annotations

from typing import Any

from shared.credits.ledger.audit import audit_by_tenant, disagreements, together
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.logs import log
from shared.platform.signals.alerts import raise_alerts, resolve_all_but

DIFFERENCE = "ledger_difference"


class Reconciliation:
    """Audits every tenant.

    Args:
        database: as a role that reads the ledger and keeps alerts.
        clock: the time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def audit(self) -> dict[str, Any]:
        """Recompute all, raise and resolve `ledger_difference`, and give the sums."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            audits = await audit_by_tenant(connection)
            wrong = {one["tenant"]: _told(one) for one in audits if disagreements(one)}
            await raise_alerts(connection, DIFFERENCE, wrong, now)
            await resolve_all_but(connection, DIFFERENCE, list(wrong), now)
        for tenant, detail in wrong.items():
            log("ledger_differences").error(detail, extra={"fields": {"tenant": tenant}})
        figures = together(audits)
        log("reconcile").info("ledger audited", extra={"fields": {name: float(one) for name, one in figures.items()}})
        return figures


def _told(one: dict[str, Any]) -> str:
    overdrawn = " and the account is overdrawn" if one["overdrafts"] else ""
    lost = (
        f", {one['missing']:,} messages missing, {one['untraced']:,} untraced"
        if one["missing"] or one["untraced"]
        else ""
    )
    return f"the ledger and the messages differ by {one['difference']:,} won{overdrawn}{lost}: `allim credits audit`"
