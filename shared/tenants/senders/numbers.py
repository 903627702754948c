"""Numbers that a tenant may send texts from (전기통신사업법 제84조의2): registered, verified, and capped.

The rule is asked in the claim of messages: see `deciding_accounts` and `deciding_caps`.
"""

from __future__ import annotations

import datetime as dt

from shared.law.senders import is_sender
from shared.platform.database import Connection
from shared.platform.errors import AllimError
from shared.tenants.senders.store import cap_number, is_registered, register_number, remove_number

LONGEST_HOW = 200
LARGEST_CAP = 10_000_000


class NumberError(AllimError):
    """A number can't be used so: `bad_sender`, `bad_how`, `bad_cap`, `unknown_number`."""


async def register(connection: Connection, tenant: str, number: str, *, now: dt.datetime) -> bool:
    """Register a number; nothing leaves from it before it is verified.

    Args:
        connection: of the database's owner.
        tenant: whose.
        number: digits.
        now: the moment.

    Returns:
        Whether that changed anything.

    Raises:
        NumberError: `bad_sender`.
    """
    if not is_sender(number):
        told = f"{number!r} can't be a sender: digits of a land line, 15xx to 18xx, 070 or a mobile number"
        told_ko = "발신번호는 숫자만으로 된 유선, 대표(15xx 등), 070 또는 휴대전화 번호여야 합니다."
        raise NumberError("bad_sender", told, told_ko, field="number")
    return await register_number(connection, tenant, number, how=None, now=now)


async def verify(connection: Connection, tenant: str, number: str, *, how: str, now: dt.datetime) -> bool:
    """Write down that a number is the tenant's, as somebody has seen. Arguments as above.

    Args:
        how: for people, such as the certificate of use that was seen; 1 to 200 printable characters.

    Raises:
        NumberError: `unknown_number`, `bad_how`.
    """
    if not 0 < len(how.strip()) <= LONGEST_HOW or not how.isprintable():
        told = f"say how it was verified in 1 to {LONGEST_HOW} characters, on one line"
        raise NumberError("bad_how", told, f"확인한 방법을 한 줄, {LONGEST_HOW}자 안으로 적어 주세요.", field="how")
    if not await is_registered(connection, tenant, number):
        raise _unknown(tenant, number)
    return await register_number(connection, tenant, number, how=how.strip(), now=now)


async def cap(connection: Connection, tenant: str, number: str, messages_a_day: int | None) -> None:
    """Let no more than so many messages leave from a number on a day, in Korea; the others wait until the next.

    Args:
        connection: of the database's owner.
        tenant: whose.
        number: digits.
        messages_a_day: 1 to 10,000,000; None for no cap. What left before there was one is not counted.

    Raises:
        NumberError: `unknown_number`, `bad_cap`.
    """
    if messages_a_day is not None and not 1 <= messages_a_day <= LARGEST_CAP:
        told = f"a cap is 1 to {LARGEST_CAP:,} messages a day"
        raise NumberError("bad_cap", told, f"하루 1건에서 {LARGEST_CAP:,}건까지 정할 수 있습니다.", field="per_day")
    if not await cap_number(connection, tenant, number, messages_a_day):
        raise _unknown(tenant, number)


async def remove(connection: Connection, tenant: str, number: str) -> None:
    """Take a number away: nothing leaves from it any more, until it is registered again, also with an account.

    Raises:
        NumberError: `unknown_number`.
    """
    if not await remove_number(connection, tenant, number):
        raise _unknown(tenant, number)


def _unknown(tenant: str, number: str) -> NumberError:
    told = f"{tenant} has no number {number!r}; `allim senders list {tenant}` has those that are registered"
    return NumberError("unknown_number", told, f"{number}: 등록된 발신번호가 아닙니다.", field="number")
