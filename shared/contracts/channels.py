"""Channels: the ways to a customer, one row each. Whatever differs between them is told here, and nowhere else.

A channel has a row when a provider here carries it, and not before: whatever has one is offered, priced and sent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal, NamedTuple


class Channel(NamedTuple):
    """A way to a customer, as it is sent, reported and charged.

    name: as messages, reports and prices know it.
    leg: the channel that a route names for it. A leg `sms` is sent as what its content makes of it.
    to: by what a customer is reached there; `owner`: it goes to the account's owner, whoever the customer is.
    approved: whether it takes no words but those that Kakao has approved.
    reported: whether a provider tells what became of a message. Where none does, the last word is that it was taken.
    longest: how much text it carries, in `unit`: characters, or bytes of CP949 as Korean carriers count.
    longest_subject: of a subject or title, in `unit`; None where it has none.
    deadline: seconds that a route gives its leg for a final report, before the message moves on.
    last_word: hours after its sending in which a provider's last report may come; nothing is to be expected after that.
        Carriers give up an SMS after 25 and an LMS after 80 (NHN Cloud, code 2000); Kakao may tell three days late.
    price: its name in price lists.
    """

    name: str
    leg: str
    to: Literal["phone", "email", "devices", "customer", "owner"]
    approved: bool
    reported: bool
    longest: int
    unit: Literal["bytes", "characters"]
    longest_subject: int | None
    deadline: int
    last_word: int
    price: str


CHANNELS: Mapping[str, Channel] = {
    row.name: row
    for row in (
        #       name        leg         to         approved reported longest unit     subject deadline last_word price
        Channel("alimtalk", "alimtalk", "phone", True, True, 1_000, "characters", None, 300, 72, "alimtalk"),
        Channel("sms", "sms", "phone", False, True, 90, "bytes", None, 3_600, 25, "sms"),
        Channel("lms", "sms", "phone", False, True, 2_000, "bytes", 40, 3_600, 80, "lms"),
        Channel("mms", "mms", "phone", False, True, 2_000, "bytes", 40, 3_600, 80, "mms"),
        Channel("brand", "brand", "phone", False, True, 1_300, "characters", None, 300, 72, "brand"),
        Channel("push", "push", "devices", False, False, 1_000, "characters", 200, 300, 1, "push"),
        Channel("inapp", "inapp", "customer", False, False, 4_000, "characters", 200, 300, 1, "inapp"),
        Channel("email", "email", "email", False, False, 100_000, "characters", 200, 3_600, 1, "email"),
        Channel("kakao_me", "kakao_me", "owner", False, False, 200, "characters", None, 300, 1, "kakao_me"),
    )
}
"""By name; those of one leg from the smallest to the largest. Kakao counts an AlimTalk after substitution."""

LEGS: Mapping[str, Channel] = {name: row for name, row in CHANNELS.items() if name == row.leg}
"""What a route may name."""

BY_PHONE = frozenset(row.leg for row in CHANNELS.values() if row.to == "phone")
"""The legs that need a phone number, and one that they are sent from."""


def leg_of(channel: str) -> str:
    """The leg that a message was on which is reported on `channel`; a channel of no row is a leg of its own."""
    row = CHANNELS.get(channel)
    return row.leg if row else channel


def price_name(channel: str) -> str:
    """What a channel is called in price lists; one of no row by its own name."""
    row = CHANNELS.get(channel)
    return row.price if row else channel


def is_reported(channel: str) -> bool:
    """Whether a provider tells what became of a message; of a channel of no row it may."""
    row = CHANNELS.get(channel)
    return row is None or row.reported


def becomes(leg: str) -> tuple[Channel, ...]:
    """What a leg may become by its text, from the smallest to the largest; nothing where there is no such leg."""
    return tuple(row for row in CHANNELS.values() if row.leg == leg)


LAST_WORD = dt.timedelta(hours=max(row.last_word for row in CHANNELS.values()))
"""After that nothing is to be expected of any message."""


def last_word_of(channel: str) -> dt.timedelta:
    """After its sending, how long the last report on a message of that channel may take; without a row, the longest."""
    row = CHANNELS.get(channel)
    return dt.timedelta(hours=row.last_word) if row else LAST_WORD


def last_word_of_leg(leg: str) -> dt.timedelta:
    """The same where it is not known yet what the leg has become: the longest of what it may."""
    return max((last_word_of(row.name) for row in becomes(leg)), default=LAST_WORD)


LEG_PRICES: Mapping[str, list[str]] = {
    "legs": [leg for leg in LEGS for _ in becomes(leg)],
    "leg_prices": [row.price for leg in LEGS for row in becomes(leg)],
}
"""The names in price lists of whatever a leg may become, as two parameters of a statement, of the same length."""
