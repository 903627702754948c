"""How a customer is reached on each leg of a route: by phone, e-mail, their devices, or by who they are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from shared.contracts.channels import LEGS
from shared.contracts.text import clean_id
from shared.customers.phones import normalise_mobile
from shared.platform.errors import AllimError

LONGEST_EMAIL, LONGEST_LOCAL = 254, 64
"""Octets of an address, and of what is before its @ (RFC 5321, 4.5.3.1)."""

_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


class Unreachable(AllimError):  # noqa: N818 - it names what the customer is
    """No message reaches a customer on a leg: `missing_phone`, `missing_email`, `bad_email`, `bounced_address`,
    `no_device`."""


class Reach(NamedTuple):
    """By what a customer may be reached.

    customer: the id.
    phone, email: as they were told, or None.
    bounced: the e-mail address is known to exist no more.
    devices: the tokens of the customer's devices; None where they were not looked up.
    """

    customer: str
    phone: str | None = None
    email: str | None = None
    bounced: bool = False
    devices: Sequence[str] | None = None


def address_of(leg: str, reach: Reach) -> str:
    """Whom a message on a leg goes to: the digits of a phone, an e-mail address, or else the customer's id.

    Raises:
        Unreachable: nothing reaches the customer there.
        InvalidPhone: the phone is no Korean mobile number.
    """
    match LEGS[leg].to:
        case "phone":
            if not reach.phone:
                raise Unreachable("missing_phone", "the customer has no phone number", "고객의 전화번호가 없습니다.")
            return normalise_mobile(reach.phone)
        case "email":
            if not reach.email or not clean_id(reach.email):
                raise Unreachable("missing_email", "the customer has no e-mail address", "고객의 이메일이 없습니다.")
            address = normalise_email(reach.email)
            if reach.bounced:
                raise Unreachable(
                    "bounced_address",
                    "the e-mail address exists no more, as its server said; tell a new one",
                    "존재하지 않는 이메일 주소로 반송되었습니다. 새 주소를 알려 주세요.",
                )
            return address
        case "devices" if reach.devices is not None and not reach.devices:
            raise Unreachable(
                "no_device", "the customer has no device with the app", "앱이 설치된 고객의 기기가 없습니다."
            )
    return reach.customer


def normalise_email(text: str) -> str:
    """An address as it is written to: ` Jiu＠Example.COM ` → `Jiu@example.com`.

    A domain in other letters is written as DNS has it (RFC 5891). What is before the @ stays as it is.

    Raises:
        Unreachable: `bad_email`.
    """
    local, at, domain = unicodedata.normalize("NFKC", clean_id(text)).rpartition("@")
    try:
        labels = domain.encode("idna").decode("ascii").lower().split(".")
    except UnicodeError:
        labels = []
    whole = f"{local}@{'.'.join(labels)}"
    sound = at and len(labels) > 1 and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit()
    if not sound or not _LOCAL.fullmatch(local) or len(local) > LONGEST_LOCAL or len(whole) > LONGEST_EMAIL:
        raise Unreachable(
            "bad_email",
            "not an e-mail address; expected for example jiu@example.com",
            "이메일 주소가 아닙니다. 예: jiu@example.com",
            field="email",
        )
    return whole
