"""How long what a tenant's rows say stays, where it wants that shorter than the rule.

Rows of all tenants lie in one partition and leave with it. Sooner, the rows of one tenant can only forget what they say
about people: of a message the recipient, the values of its template and the detail of its reason; of an event all that
it told. They do so by whole months, as months leave. What was forgotten is gone, whatever is set later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from shared.operations.retention.lives import LIVES
from shared.operations.retention.lives_store import delete_life, save_life
from shared.platform.database import Connection
from shared.platform.errors import AllimError
from shared.platform.ids import new_id
from shared.tenants.store import note_in_history

SHORTEST: Mapping[str, int] = {"messages": 7, "events": 1}
"""Months, by table. Messages: records of adverts are kept whole for 6 months (e-commerce decree 6 (1)), and a month's
first message is a month older than its last one."""


class LifeError(AllimError):
    """A life can't be set or unset: `no_life_of_its_own`, `bad_life`, `no_life_set`."""


def longest(what: str) -> int:
    """Months: one less than all rows live, for then they are gone with their partition."""
    return (LIVES[what].months or 0) - 1


async def set_life(connection: Connection, tenant: str, what: str, months: int, *, by: str, now: dt.datetime) -> None:
    """Let what a tenant's rows say be forgotten when their whole month is so old; the nights do it. A line of the
    tenant's history says so.

    Args:
        connection: in a transaction of the database's owner.
        tenant: its id.
        what: the table, one of `SHORTEST`.
        months: from `SHORTEST` to `longest`.
        by: who does it.
        now: the moment.

    Raises:
        LifeError: `no_life_of_its_own`, `bad_life`.
    """
    _require_known(what)
    least, most = SHORTEST[what], longest(what)
    if not least <= months <= most:
        raise LifeError(
            "bad_life",
            f"{what} may be forgotten after {least} to {most} months: the law wants no less, and after "
            f"{most + 1} months their partition leaves for all tenants",
            f"{what}의 보관 기간은 {least}개월에서 {most}개월까지 정할 수 있습니다.",
            field="months",
        )
    await save_life(connection, tenant, what, months)
    why = f"{what}: {months} months"
    await note_in_history(connection, tenant, entry=new_id(now), what="life_set", why=why, by=by, now=now)


async def unset_life(connection: Connection, tenant: str, what: str, *, by: str, now: dt.datetime) -> None:
    """Let a tenant's rows live as long as all others again. Arguments as of `set_life`.

    Raises:
        LifeError: `no_life_of_its_own`, `no_life_set`.
    """
    _require_known(what)
    if not await delete_life(connection, tenant, what):
        raise LifeError(
            "no_life_set",
            f"{tenant} has no life of its own for {what}: see `allim retention show --tenant {tenant}`",
            "따로 정한 보관 기간이 없습니다.",
            field="what",
        )
    await note_in_history(connection, tenant, entry=new_id(now), what="life_unset", why=what, by=by, now=now)


def _require_known(what: str) -> None:
    if what not in SHORTEST:
        raise LifeError(
            "no_life_of_its_own",
            f"{what!r} lives as long for all tenants: a tenant may shorten {' and '.join(SHORTEST)}",
            f"보관 기간을 따로 정할 수 있는 것은 {', '.join(SHORTEST)}입니다.",
            field="what",
        )
