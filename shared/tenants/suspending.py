"""A tenant that may not send for a while. The rule is asked in the claim of its messages: see `decide_claims`."""

from __future__ import annotations

import datetime as dt

from shared.platform.database import Connection
from shared.platform.errors import AllimError
from shared.platform.ids import new_id
from shared.tenants.store import mark_resumed, mark_suspended, tenant_exists

LONGEST_WHY = 500


class SuspensionError(AllimError):
    """A tenant can't be suspended or resumed: `unknown_tenant`, `already_suspended`, `not_suspended`, `bad_why`."""


async def suspend(connection: Connection, tenant: str, *, why: str, by: str, now: dt.datetime) -> None:
    """Let nothing of a tenant leave from now on. What is at a provider already goes on, and is reported and charged.

    Args:
        connection: of the database's owner.
        tenant: its id.
        why: for people; 1 to 500 printable characters.
        by: who does it.
        now: the moment.

    Raises:
        SuspensionError: `unknown_tenant`, `already_suspended`, `bad_why`.
    """
    if not 0 < len(why.strip()) <= LONGEST_WHY or not why.isprintable():
        told = f"say why in 1 to {LONGEST_WHY} characters, on one line"
        raise SuspensionError("bad_why", told, f"이유를 한 줄, {LONGEST_WHY}자 안으로 적어 주세요.", field="why")
    if not await mark_suspended(connection, tenant, entry=new_id(now), why=why.strip(), by=by, now=now):
        await _refuse_unknown(connection, tenant)
        raise SuspensionError("already_suspended", f"{tenant} is suspended already", "이미 발송이 중지된 고객사입니다.")


async def resume(connection: Connection, tenant: str, *, by: str, now: dt.datetime) -> None:
    """Let a tenant send again. `shared.messages.resuming` calls this, and what waits.

    Args:
        connection: of the database's owner.
        tenant: its id.
        by: who does it.
        now: the moment.

    Raises:
        SuspensionError: `unknown_tenant`, `not_suspended`.
    """
    if not await mark_resumed(connection, tenant, entry=new_id(now), by=by, now=now):
        await _refuse_unknown(connection, tenant)
        raise SuspensionError("not_suspended", f"{tenant} is not suspended", "발송이 중지되지 않은 고객사입니다.")


async def _refuse_unknown(connection: Connection, tenant: str) -> None:
    if not await tenant_exists(connection, tenant):
        raise SuspensionError(
            "unknown_tenant", f"there is no tenant {tenant!r}", "등록되지 않은 고객사입니다.", field="tenant"
        )
