"""How fast an account at a provider is used. The claim asks of each message what that means: `deciding_pace`."""

from __future__ import annotations

from shared.platform.database import Connection
from shared.platform.errors import AllimError
from shared.tenants.store import set_rate

FASTEST, LARGEST_BURST = 100_000, 1_000_000
SECONDS_OF_BURST = 10
"""Of the rate, where no burst is named: messages that were put off come back by the tick, every two seconds."""


class RateError(AllimError):
    """A rate can't be set: `bad_rate`, `bad_burst`, `unknown_account`."""


async def limit_rate(
    connection: Connection, tenant: str, account: str, messages_per_second: int | None, burst: int | None
) -> list[str]:
    """Let no more than so many messages leave by an account each second, or let them leave as fast as can be.

    Args:
        connection: in a transaction of the database's owner.
        tenant, account: one of those that have it; other tenants may send by the very same account at the provider, and
            all of them together stay within its rate.
        messages_per_second: 1 to 100,000; None for no limit.
        burst: how many may leave at once after a rest, 1 to 1,000,000; None for ten seconds' worth.

    Returns:
        The tenants that send by it.

    Raises:
        RateError: `bad_rate`, `bad_burst`, `unknown_account`.
    """
    if messages_per_second is None:
        burst = None
    elif not 1 <= messages_per_second <= FASTEST:
        told = f"a rate is 1 to {FASTEST:,} messages a second"
        raise RateError("bad_rate", told, f"초당 1건에서 {FASTEST:,}건까지 정할 수 있습니다.", field="per_second")
    else:
        burst = SECONDS_OF_BURST * messages_per_second if burst is None else burst
    if burst is not None and not 1 <= burst <= LARGEST_BURST:
        told = f"a burst is 1 to {LARGEST_BURST:,} messages"
        raise RateError("bad_burst", told, f"한 번에 1건에서 {LARGEST_BURST:,}건까지 정할 수 있습니다.", field="burst")
    tenants = await set_rate(connection, tenant, account, messages_per_second, burst)
    if not tenants:
        told = f"{tenant} has no account {account!r}; `allim tenants show {tenant}` names the one that it sends by"
        raise RateError("unknown_account", told, f"{tenant}에 '{account}' 계정이 없습니다.", field="account")
    return tenants
