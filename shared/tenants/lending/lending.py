"""One account at a provider for many tenants: its owner's, lent to the others, who see nothing of what opens it."""

from __future__ import annotations

import datetime as dt

from shared.law.senders import is_sender
from shared.platform.database import Connection
from shared.platform.errors import AllimError
from shared.tenants.lending.store import lent_or_not, lock_tenants, save_lent, stop_lending
from shared.tenants.senders.store import WITH_ACCOUNT, register_number


class LendingError(AllimError):
    """An account can't be lent, or taken back: `unknown_account`, `not_its_own`, `register_again`, `account_exists`,
    `bad_sender`, `not_lent`, `to_itself`."""


async def lend(
    connection: Connection,
    owner: str,
    account: str,
    to: str,
    *,
    id_: str,
    sender: str,
    kakao_channel: str | None,
    weight: int,
    now: dt.datetime,
) -> bool:
    """Let a tenant send by another one's account from now on, beside its own.

    It is one account at the provider: reports are taken at its owner's address, its rate is shared, and when the owner
    pauses it or gives it another key or certificate, that holds for all. Each tenant is suspended, and paused, alone.

    Args:
        connection: in a transaction of the database's owner.
        owner: whose account it is.
        account: its id there.
        to: who shall send by it.
        id_: what it is called there.
        sender: the number that the borrower sends from; it is registered at the provider, and with this here, too.
        kakao_channel: the borrower's, for AlimTalk.
        weight: of the account among the borrower's.
        now: the moment.

    Returns:
        Whether that changed anything.

    Raises:
        LendingError: as its description says. The tenants are there, or it is `unknown_account`.
    """
    if owner == to:
        raise LendingError("to_itself", f"{to} has the account already", "자기 계정은 빌릴 수 없습니다.", field="to")
    if not is_sender(sender):
        told = "a sender is a Korean number, digits alone"
        raise LendingError("bad_sender", told, "발신번호는 숫자만 쓴 국내 번호입니다.", field="sender")
    await lock_tenants(connection, [owner, to])
    known = await lent_or_not(connection, owner, account)
    if known is None:
        raise _unknown(owner, account)
    if known.lent_by is not None:
        told = f"{owner} has {account!r} of {known.lent_by}; only {known.lent_by} lends it"
        raise LendingError("not_its_own", told, "빌린 계정은 다시 빌려줄 수 없습니다.", field="account")
    if known.identity is None:
        told = f"{account!r} was registered by an older release; register it again first"
        raise LendingError("register_again", told, "계정을 다시 등록한 뒤 빌려주세요.", field="account")
    changed = await save_lent(
        connection,
        owner,
        account,
        to,
        id_=id_,
        sender=sender,
        kakao_channel=kakao_channel,
        weight=weight,
        now=now,
    )
    if changed is None:
        told = f"{to} has an account {id_!r} of its own; give the lent one another id"
        raise LendingError(
            "account_exists", told, f"{to}에 '{id_}' 계정이 이미 있습니다. 다른 id를 주세요.", field="id"
        )
    return await register_number(connection, to, sender, how=WITH_ACCOUNT, now=now) or changed


async def take_back(connection: Connection, owner: str, account: str, to: str) -> list[str]:
    """Let a tenant send no more by another one's account. What it sent by it is followed to its end.

    Args:
        connection: in a transaction of the database's owner.
        owner, account: whose it is, and its id there.
        to: who sent by it.

    Returns:
        What it was called there.

    Raises:
        LendingError: `unknown_account`, `not_lent`.
    """
    if await lent_or_not(connection, owner, account) is None:
        raise _unknown(owner, account)
    if not (ids := await stop_lending(connection, owner, account, to)):
        told = f"{to} does not send by {account!r} of {owner}"
        raise LendingError("not_lent", told, "빌려준 계정이 아닙니다.", field="to")
    return ids


def _unknown(owner: str, account: str) -> LendingError:
    told = f"{owner} has no account {account!r}; `allim accounts list {owner}` names those that it has"
    return LendingError("unknown_account", told, f"{owner}에 '{account}' 계정이 없습니다.", field="account")
