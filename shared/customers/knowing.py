"""What is known of a customer, since when, and who said it: for people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from shared.customers.store import StoredCustomer, customer_known, read_customer
from shared.customers.words import ATTRIBUTES, FIELDS
from shared.platform.database import Connection
from shared.platform.errors import AllimError

ASSUMED_LOCALE = "ko"
"""What a customer has whose language nobody told, be it that somebody told none."""

Origin = Literal["event", "file", "list"]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is known of a customer.

    name: a field, or `attributes.` and the name of one.
    since: when it was said; None where that was not kept.
    origin: whether an event said it, the business's file, or else a list that was sent to or a file of long ago.
    event: the event's id.
    """

    name: str
    value: Any
    since: dt.datetime | None
    origin: Origin
    event: str | None = None


class Saying(NamedTuple):
    """An event that spoke of the customer, at `time`; `told` is its `data.customer`."""

    id: str
    time: dt.datetime
    told: Mapping[str, Any]


async def check_customer(connection: Connection, tenant: str | None, customer: str) -> None:
    """Tell a customer whom nobody knows from one who is silent.

    Args:
        connection: as a role that sees customers.
        tenant: whose; None for anybody's.
        customer: the id.

    Raises:
        AllimError: `unknown_customer`.
    """
    if not await customer_known(connection, tenant, customer):
        whose = f" of {tenant}" if tenant else ""
        raise AllimError(
            "unknown_customer",
            f"never heard of a customer {customer!r}{whose}: no event, file or list has named one",
            f"{customer} 고객은 이벤트나 파일, 발송 목록에 한 번도 없었습니다.",
            field="customer",
        )


async def known_customer(connection: Connection, tenant: str, customer: str) -> StoredCustomer:
    """A customer as kept.

    Raises:
        AllimError: `unknown_customer`.
    """
    await check_customer(connection, tenant, customer)
    return await read_customer(connection, tenant, customer)


def facts(known: StoredCustomer, sayings: Sequence[Saying]) -> list[Fact]:
    """What is known, each word with who said it, fields first.

    Args:
        known: the customer.
        sayings: the events of the moments at which something was said.
    """
    said = [_fact(name, known.person[name], known, sayings) for name in FIELDS[:-1] if known.person[name] is not None]
    found = [fact for fact in said if (fact.name, fact.value, fact.origin) != ("locale", ASSUMED_LOCALE, "list")]
    attributes: Mapping[str, Any] = known.person[ATTRIBUTES]
    return found + [_fact(f"{ATTRIBUTES}.{name}", attributes[name], known, sayings) for name in sorted(attributes)]


def _fact(name: str, value: Any, known: StoredCustomer, sayings: Sequence[Saying]) -> Fact:
    since = known.since.get(name) or (known.since.get(ATTRIBUTES) if name.startswith(f"{ATTRIBUTES}.") else None)
    for saying in sayings:
        if saying.time == since and _word(saying.told, name) is not None:
            return Fact(name, value, since, "event", saying.id)
    return Fact(name, value, since, "file" if _word(known.filed or {}, name) == value else "list")


def _word(told: Mapping[str, Any], name: str) -> Any:
    if name.startswith(f"{ATTRIBUTES}."):
        return (told.get(ATTRIBUTES) or {}).get(name.removeprefix(f"{ATTRIBUTES}."))
    return told.get(name)
