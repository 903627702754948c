"""An account that is not sent by for a while. The rule is asked in the claim of messages: see `deciding_accounts`."""

from __future__ import annotations

import datetime as dt

from shared.platform.database import Connection
from shared.platform.errors import AllimError
from shared.tenants.lending.store import lent_or_not, mark_paused, mark_unpaused
from shared.tenants.suspending import LONGEST_WHY


class PauseError(AllimError):
    """An account can't be paused or resumed: `unknown_account`, `already_paused`, `not_paused`, `bad_why`."""


async def pause(connection: Connection, tenant: str, account: str, *, why: str, now: dt.datetime) -> None:
    """Let nothing leave by an account from now on. What is at the provider already goes on, and is reported.

    Whom it is lent to sends by it no more, either; an account that is lent is paused for its tenant alone.

    Args:
        connection: of the database's owner.
        tenant, account: whose it is, and its id.
        why: for people; 1 to 500 printable characters.
        now: the moment.

    Raises:
        PauseError: `unknown_account`, `already_paused`, `bad_why`.
    """
    if not 0 < len(why.strip()) <= LONGEST_WHY or not why.isprintable():
        told = f"say why in 1 to {LONGEST_WHY} characters, on one line"
        raise PauseError("bad_why", told, f"이유를 한 줄, {LONGEST_WHY}자 안으로 적어 주세요.", field="why")
    if not await mark_paused(connection, tenant, account, why=why.strip(), now=now):
        await _refuse_unknown(connection, tenant, account)
        raise PauseError("already_paused", f"{account!r} is paused already", "이미 일시 중지된 계정입니다.")


async def unpause(connection: Connection, tenant: str, account: str) -> list[str]:
    """Let messages leave by an account again. `shared.messages.resuming` calls this, and what waits.

    Returns:
        The tenants that send by it.

    Raises:
        PauseError: `unknown_account`, `not_paused`.
    """
    if not (tenants := await mark_unpaused(connection, tenant, account)):
        await _refuse_unknown(connection, tenant, account)
        raise PauseError("not_paused", f"{account!r} is not paused", "일시 중지되지 않은 계정입니다.")
    return tenants


async def _refuse_unknown(connection: Connection, tenant: str, account: str) -> None:
    if await lent_or_not(connection, tenant, account) is None:
        told = f"{tenant} has no account {account!r}; `allim accounts list {tenant}` names those that it has"
        raise PauseError("unknown_account", told, f"{tenant}에 '{account}' 계정이 없습니다.", field="account")
