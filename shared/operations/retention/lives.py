"""How long the rows of each table live, how they leave, and why: a new table gets its life here.

What Korean law asks (law.go.kr):

* destroy personal data without delay once nobody needs it, and store apart what another law keeps: personal information
  protection act, article 21;
* keep records of adverts for 6 months, of contracts, of payments and of what was supplied for 5 years: decree of the
  e-commerce act, article 6 (1);
* keep records of who had access for 2 years: notice on the safety of personal data, article 8.

The database knows the lives by itself (`months.lives()`), so that whoever calls it can't shorten one. A test
compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Leaving(StrEnum):
    """How rows leave.

    MONTHS: the partition of a month is detached, and dropped or kept apart.
    ROWS: a few at a time, each night.
    ITSELF: a row is deleted by the work that it stands for.
    TENANT: they stay as long as their tenant, or until somebody takes them away.
    PLATFORM: the platform's own; they do not grow with what is sent.
    """

    MONTHS = "months"
    ROWS = "rows"
    ITSELF = "itself"
    TENANT = "tenant"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Life:
    """Of a table's rows.

    Attributes:
        table: its name.
        leaving: how they leave.
        because: why so, with the law's article where one says it.
        months: how long they live in the table; None where they do not age.
        by: the column that says how old a row is. A row leaves when its whole month is that old, where months leave.
        kept: months in all, where they are kept apart after they have left the table.
    """

    table: str
    leaving: Leaving
    because: str
    months: int | None = None
    by: str | None = None
    kept: int | None = None


YEAR, FIVE_YEARS = 12, 60
"""Months."""

FAMILIES: tuple[tuple[str, ...], ...] = (("dispatches", "messages", "reports"), ("events",), ("ledger_entries",))
"""The tables that lie in months. Those of a family leave together: a message, its dispatch and what became of it."""

_SENT = (
    "What was sent to whom: personal data, for a year so that a season can be compared with the last one; "
    "never under 7 months, so that 6 months of adverts are whole (e-commerce decree 6 (1))."
)
_PAID = "A record of payment: 5 years (e-commerce decree 6 (1))."
_DEFINED = "What a business says, and when: its own, and changed by it alone."
_CONTRACT = "A row a tenant or a few: part of its contract."
_OURS = "The platform's own: a few rows."

LIVES: Mapping[str, Life] = {
    life.table: life
    for life in (
        Life("messages", Leaving.MONTHS, _SENT, YEAR, "id"),
        Life("dispatches", Leaving.MONTHS, _SENT, YEAR, "id"),
        Life("reports", Leaving.MONTHS, _SENT, YEAR, "message"),
        Life("events", Leaving.MONTHS, "Why something was sent: personal data, as long as messages.", YEAR, "month"),
        Life(
            "ledger_entries",
            Leaving.MONTHS,
            "A month longer than messages, so that what a message cost is there as long as it is; then kept apart "
            "(personal information protection act 21 (3)) until records of payment are 5 years old "
            "(e-commerce decree 6 (1)).",
            YEAR + 1,
            "created_at",
            FIVE_YEARS,
        ),
        Life(
            "runs",
            Leaving.ROWS,
            "Personal data, as long as messages; a run that still has a step to come stays.",
            YEAR,
            "updated_at",
        ),
        Life(
            "dead_letters",
            Leaving.ROWS,
            "What nobody could read may be personal data; after half a year a replay would reach nobody.",
            6,
            "received_at",
        ),
        Life("alerts", Leaving.ROWS, "What was the matter, once it is over.", YEAR, "resolved_at"),
        Life("alert_notices", Leaving.ROWS, "What was told of an alert, once it is over.", YEAR, "since"),
        Life("bulk_sends", Leaving.ROWS, "A campaign is known again as long as its messages.", YEAR, "begun_at"),
        Life("door_counts", Leaving.ROWS, "How much came from whom in an hour.", 1, "since"),
        Life("payment_orders", Leaving.ROWS, _PAID, FIVE_YEARS, "updated_at"),
        Life("payment_cancels", Leaving.ROWS, _PAID + " It leaves with its order.", FIVE_YEARS, "updated_at"),
        Life("plan_orders", Leaving.ROWS, _PAID + " It leaves with its order.", FIVE_YEARS),
        Life("plan_history", Leaving.ROWS, "A contract: 5 years (e-commerce decree 6 (1)).", FIVE_YEARS, "created_at"),
        Life(
            "tenant_history",
            Leaving.ROWS,
            "Who stopped whom and why: as a contract 5 years (e-commerce decree 6 (1)), which holds the 2 years of "
            "records of access (notice on the safety of personal data 8).",
            FIVE_YEARS,
            "created_at",
        ),
        Life("timers", Leaving.ITSELF, "A step is gone once it has spoken or its run has ended."),
        Life("outbox", Leaving.ITSELF, "A ticket is gone once it is consumed, or its messages have ended."),
        Life(
            "inbox",
            Leaving.ITSELF,
            "What an app shows a customer: 90 days, or as long as the customer; the sweep that copies takes it away.",
        ),
        Life("inbox_documents", Leaving.ITSELF, "A copy is owed to Firestore until it is made."),
        Life("payment_look_ups", Leaving.ITSELF, "A question to Toss is gone once it is answered."),
        Life("invoice_days", Leaving.ITSELF, "A day is gone after 400 days, with the run that compares another."),
        Life("invoice_differences", Leaving.ITSELF, "As long as their day."),
        Life("tenants", Leaving.TENANT, _CONTRACT),
        Life("credit_accounts", Leaving.TENANT, _CONTRACT),
        Life("tenant_plans", Leaving.TENANT, _CONTRACT),
        Life("tenant_lives", Leaving.TENANT, _CONTRACT),
        Life("automatic_topups", Leaving.TENANT, _CONTRACT),
        Life("billing_keys", Leaving.TENANT, "The card that a tenant pays with, until it gives another."),
        Life("prices", Leaving.TENANT, _CONTRACT),
        Life("provider_accounts", Leaving.TENANT, _CONTRACT),
        Life("sender_numbers", Leaving.TENANT, _CONTRACT),
        Life("sender_days", Leaving.TENANT, "As long as its number: a row of the newest day."),
        Life("webhook_secrets", Leaving.TENANT, "As long as its account."),
        Life("bulk_counts", Leaving.TENANT, _CONTRACT),
        Life("ledger_keys", Leaving.TENANT, "A payment is taken once, however late it is told of again."),
        Life(
            "customers",
            Leaving.TENANT,
            "Whom a business serves is for it to say (personal information protection act 21 (1)).",
        ),
        Life("customer_devices", Leaving.TENANT, "As customers, or until its maker says that it is gone."),
        Life("groups", Leaving.TENANT, "As customers."),
        Life("group_members", Leaving.TENANT, "As customers."),
        Life("templates", Leaving.TENANT, _DEFINED),
        Life("template_versions", Leaving.TENANT, _DEFINED),
        Life("template_inspections", Leaving.TENANT, "What was said of a version, as long as the version."),
        Life("template_looks", Leaving.TENANT, "A row for each account that carries AlimTalk."),
        Life("template_pictures", Leaving.TENANT, _DEFINED),
        Life("workflows", Leaving.TENANT, _DEFINED),
        Life("workflow_versions", Leaving.TENANT, _DEFINED),
        Life("default_prices", Leaving.PLATFORM, _OURS),
        Life("provider_prices", Leaving.PLATFORM, _OURS),
        Life("account_buckets", Leaving.PLATFORM, "A row for each account at a provider."),
        Life(
            "account_health", Leaving.PLATFORM, "A row for each account at a provider: two minutes, and what follows."
        ),
        Life("account_polls", Leaving.PLATFORM, "A row for each account at a provider that is asked for reports."),
        Life("heartbeats", Leaving.PLATFORM, _OURS),
        Life("partitions", Leaving.PLATFORM, "A row for each partition that there is."),
        Life("left_months", Leaving.PLATFORM, "What has left and when: five short rows a month."),
        Life("month_copies", Leaving.PLATFORM, "Which closed months a backup has: a row for each that there is."),
        Life("walks", Leaving.PLATFORM, _OURS),
        Life(
            "month_proofs",
            Leaving.PLATFORM,
            "What a month came to, so that money adds up without its rows: a row each.",
        ),
        Life("month_figures", Leaving.PLATFORM, "The same, a row for each tenant of a month: sums, and nobody's data."),
        Life("lineage", Leaving.PLATFORM, "One row."),
    )
}
"""By table."""

LEAVE_WITH_OTHERS: Mapping[str, str] = {"payment_cancels": "payment_orders", "plan_orders": "payment_orders"}
"""Tables whose rows leave in the statement of another one."""

FORGOTTEN = tuple(
    life.table for life in LIVES.values() if life.leaving is Leaving.ROWS and life.table not in LEAVE_WITH_OTHERS
)
"""The tables of which rows leave each night, a few at a time, in this turn."""
