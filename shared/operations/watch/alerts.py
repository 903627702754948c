"""Which alerts there are now, of figures that were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.operations.health.checks import FAILURES, UNDECIDED_AGE, Check, duration, failing, written
from shared.operations.health.figures import Account, Figures, OpenAlert, failures_in_a_row, without_account
from shared.operations.watch.rules import OTHER, RULES
from shared.platform.plurals import counted

PLATFORM = ""
"""Stands for the tenant of what concerns all of them."""

MAX_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person should know.

    Attributes:
        tenant: whose, or `PLATFORM`.
        kind: a key of `RULES`.
        value, limit: as people write them; the limit is empty where there is none.
        detail: a sentence.
    """

    tenant: str
    kind: str
    value: str
    limit: str
    detail: str


def of_check(check: Check) -> Alert | None:
    """The alert that a check raises."""
    if check.alert is None:
        return None
    value, limit = written(check.value, check.unit) or "", written(check.limit, check.unit) or ""
    return Alert(PLATFORM, check.alert, value, limit, check.sentence)


def alerts(checks: Sequence[Check], figures: Figures) -> list[Alert]:
    """All that fires now, each tenant and kind once."""
    found = [alert for check in checks if (alert := of_check(check))]
    found += _failing_accounts(figures)
    found += _opened(figures)
    found += _without_account(figures)
    found += _undecided(figures)
    short = {each.tenant for each in figures.alerts if each.kind == "credit_shortage"}
    for each in figures.alerts:
        # Who is out of credit need not hear that it runs low.
        if not (each.kind == "low_balance" and each.tenant in short):
            found.append(_of_tenant(each))
    once: dict[tuple[str, str], Alert] = {}
    for alert in found:
        once.setdefault((alert.tenant, alert.kind), alert)
    return list(once.values())


def _failing_accounts(figures: Figures) -> list[Alert]:
    return [
        Alert(
            account.tenant,
            "provider-failing",
            f"{failures_in_a_row(account)} in a row",
            f"{FAILURES} in a row",
            f"{account.provider} account {account.id}: its newest calls were given up",
        )
        for account in figures.accounts
        if failing(account, figures.now)
    ]


def _opened(figures: Figures) -> list[Alert]:
    """Of an account that several tenants send by, the platform is told once."""
    by_whom: dict[str, list[Account]] = {}
    for account in figures.accounts:
        if account.opened_at is not None:
            by_whom.setdefault(account.tenant if account.tenants == 1 else PLATFORM, []).append(account)
    return [
        Alert(
            tenant,
            "breaker-open",
            duration(max((figures.now - each.opened_at).total_seconds() for each in opened if each.opened_at)),
            "",
            "; ".join(f"{each.provider} account {each.id} of {each.tenant}: {each.error}" for each in opened)[
                :MAX_DETAIL
            ],
        )
        for tenant, opened in by_whom.items()
    ]


def _without_account(figures: Figures) -> list[Alert]:
    return [
        Alert(tenant, "no-account-works", "", "", f"every account that carries {', '.join(legs)} has failed")
        for tenant, legs in without_account(figures.accounts).items()
    ]


def _undecided(figures: Figures) -> list[Alert]:
    return [
        Alert(
            each.tenant,
            "dispatches-undecided",
            duration((figures.now - each.since).total_seconds()),
            duration(UNDECIDED_AGE.total_seconds()),
            f"{counted(each.dispatches, 'dispatch', 'dispatches')} of account {each.account}",
        )
        for each in figures.undecided
    ]


def _of_tenant(each: OpenAlert) -> Alert:
    kind = each.kind.replace("_", "-")
    detail = each.detail[:MAX_DETAIL]
    if kind not in RULES:
        kind, detail = OTHER, f"{each.kind}: {detail}"
    if each.available is not None and each.low_balance is not None:
        return Alert(each.tenant, kind, f"{each.available:,.0f}원", f"{each.low_balance:,.0f}원", detail)
    return Alert(each.tenant, kind, "", "", detail)
