"""`allim credits payments`: what a tenant has paid through Toss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.credits.database import DatabaseUrl, Tenant, with_ledger
from cli.output import AsJson, examples, print_json, print_table
from cli.showing import clock_time, numbers, won

if TYPE_CHECKING:
    from shared.credits.payments.store import Order
    from shared.platform.database import Connection

EXAMPLES = examples(
    "allim credits payments --tenant saas                # the newest 50",
    "allim credits payments --tenant saas --limit 1000 --json",
)


def payments(
    tenant: Tenant,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many at most.")] = 50,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show a tenant's payments through Toss, newest first: top-ups, plans, and what of them was cancelled."""

    async def work(connection: Connection) -> list[Order]:
        from shared.credits.payments.store import read_orders

        return await read_orders(connection, tenant, limit)

    orders = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json(
            numbers(
                [
                    {
                        "order": order.id,
                        "amount": order.amount,
                        "status": order.status,
                        "purpose": order.purpose,
                        "method": order.method,
                        "cancelled": order.cancelled,
                        "failure_code": order.failure_code,
                        "created_at": order.created_at,
                    }
                    for order in orders
                ]
            )
        )
        return
    print_table(
        ["time (Seoul)", "order", "for", "won", "status", "method", "cancelled", "failure"],
        [
            (
                clock_time(order.created_at),
                order.id,
                order.purpose.replace("_", " "),
                won(order.amount),
                order.status.replace("_", " "),
                order.method,
                won(order.cancelled) if order.cancelled else None,
                order.failure_code,
            )
            for order in orders
        ],
    )
