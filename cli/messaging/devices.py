"""`allim customers devices`: on which devices a customer has the tenant's app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.credits.database import DatabaseUrl, Tenant, with_ledger
from cli.errors import CommandError
from cli.output import AsJson, examples, print_json, print_table
from cli.showing import CUSTOMER, short_time

if TYPE_CHECKING:
    from shared.customers.devices_store import Device
    from shared.platform.database import Connection

app = typer.Typer(help="The devices on which a customer has the tenant's app.", no_args_is_help=True)

CustomerId = Annotated[str, typer.Argument(**CUSTOMER, help="The customer's id.")]
Token = Annotated[str, typer.Argument(help="The device's push token.")]

SHOWN = 24
"""Characters of a token in a table; it opens nothing, but is long."""


@app.callback()
def devices() -> None:
    """The devices on which a customer has the tenant's app."""


@app.command(name="list", epilog=examples("allim customers devices list --tenant saas c-1 --json"))
def list_(customer: CustomerId, tenant: Tenant, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """List a customer's devices, the newest first."""
    found = with_ledger(database_url, lambda connection: _devices(connection, tenant, customer), tenant=tenant)
    if as_json:
        print_json([device._asdict() for device in found])
    elif found:
        rows = [(_short(device.token), device.platform or "", short_time(device.added_at)) for device in found]
        print_table(["token", "platform", "told (Seoul)"], rows)
    else:
        typer.echo(f"{customer} has no device")


@app.command(epilog=examples("allim customers devices add --tenant saas c-1 TOKEN --platform ios"))
def add(
    customer: CustomerId,
    token: Token,
    tenant: Tenant,
    platform: Annotated[str | None, typer.Option(help="android, ios or web.")] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Give a device to a customer. A token belongs to one customer: whose it was before has it no more."""

    async def work(connection: Connection) -> list[Device]:
        from shared.contracts.events import LONGEST_TOKEN
        from shared.customers.devices_store import PLATFORMS, add_device
        from shared.customers.knowing import check_customer
        from shared.platform.clock import WallClock

        known = next((name for name in PLATFORMS if name == platform), None)
        if platform is not None and known is None:
            raise CommandError(
                f"bad_platform: there is no platform {platform}; known are {', '.join(PLATFORMS)} "
                "(android, ios, web 중 하나를 쓰세요.)"
            )
        if not 0 < len(token) <= LONGEST_TOKEN or not token.isprintable():
            raise CommandError(f"bad_token: a token has 1 to {LONGEST_TOKEN:,} characters (토큰이 올바르지 않습니다.)")
        await check_customer(connection, tenant, customer)
        await add_device(connection, tenant, customer, token, known, now=WallClock().now())
        return await _devices(connection, tenant, customer)

    found = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json([device._asdict() for device in found])
    else:
        typer.echo(f"{customer} has {len(found)} device{'s' * (len(found) != 1)}")


@app.command(epilog=examples("allim customers devices remove --tenant saas c-1 TOKEN"))
def remove(
    customer: CustomerId, token: Token, tenant: Tenant, as_json: AsJson = False, database_url: DatabaseUrl = None
) -> None:
    """Forget a device of a customer."""

    async def work(connection: Connection) -> None:
        from shared.customers.devices_store import forget_devices

        theirs = {device.token for device in await _devices(connection, tenant, customer)}
        if token not in theirs:
            raise CommandError(
                f"unknown_device: {customer} has no such device; `allim customers devices list` shows them "
                "(고객의 기기가 아닙니다.)"
            )
        await forget_devices(connection, tenant, [token])

    with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json({"removed": token})
    else:
        typer.echo(f"forgot a device of {customer}")


async def _devices(connection: Connection, tenant: str, customer: str) -> list[Device]:
    from shared.customers.devices_store import read_devices
    from shared.customers.knowing import check_customer

    await check_customer(connection, tenant, customer)
    return await read_devices(connection, tenant, customer)


def _short(token: str) -> str:
    return token if len(token) <= SHOWN else f"{token[:SHOWN]}…"
