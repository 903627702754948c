"""By what a customer is reached on each leg, and why nothing reaches them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.channels import BY_PHONE, LEGS
from shared.customers.phones import InvalidPhone
from shared.customers.reaching import Reach, Unreachable, address_of, normalise_email

SOUND = Reach("c-1", "010-9000-4000", "jiu@example.com", devices=["t"])


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (" Jiu@Example.COM\u200b", "Jiu@example.com"),
        ("ｊｉｕ＠ｅｘａｍｐｌｅ．ｃｏｍ", "jiu@example.com"),
        ("jiu+news@a.b.co.kr", "jiu+news@a.b.co.kr"),
        ("jiu@가게.한국", "jiu@xn--o39akk.xn--3e0b707e"),
    ],
)
def test_an_address_is_one_however_it_is_typed(written: str, address: str) -> None:
    assert normalise_email(written) == address
    assert normalise_email(address) == address


@pytest.mark.parametrize(
    "written",
    [
        "jiu",
        "jiu@",
        "@example.com",
        "jiu@example",
        "jiu@-a.com",
        "jiu@a..com",
        "a b@example.com",
        "jiu@example.com, b@example.com",
        "jiu@example.com\nBcc: b@example.com",
        "<jiu@example.com>",
        ".jiu@example.com",
        "jiu..x@example.com",
        "jiu@1.2.3.4",
        pytest.param("a" * 65 + "@example.com", id="too long before the @"),
        pytest.param("a@" + "b." * 130 + "com", id="too long"),
    ],
)
def test_what_is_no_address_is_told(written: str) -> None:
    with pytest.raises(Unreachable, match="bad_email"):
        normalise_email(written)


@given(st.text(max_size=30) | st.emails())
def test_whatever_is_written_is_an_address_of_one_line_or_none(written: str) -> None:
    try:
        address = normalise_email(written)
    except Unreachable:
        return
    assert address.isascii()
    assert len(address.split()) == 1
    assert normalise_email(address) == address


def test_each_leg_has_its_own_way() -> None:
    ways = {leg: address_of(leg, SOUND) for leg in LEGS}
    assert {leg for leg, to in ways.items() if to == "01090004000"} == BY_PHONE
    assert ways["email"] == "jiu@example.com"
    assert {ways[leg] for leg in ("push", "inapp", "kakao_me")} == {"c-1"}


@pytest.mark.parametrize(
    ("leg", "changes", "code"),
    [
        ("sms", {"phone": None}, "missing_phone"),
        ("mms", {"phone": "집"}, "invalid_phone"),
        ("email", {"email": None}, "missing_email"),
        ("email", {"email": " \u200b"}, "missing_email"),
        ("email", {"email": "x"}, "bad_email"),
        ("email", {"bounced": True}, "bounced_address"),
        ("push", {"devices": []}, "no_device"),
    ],
)
def test_why_nothing_reaches_a_customer_on_a_leg(leg: str, changes: dict[str, Any], code: str) -> None:
    with pytest.raises((Unreachable, InvalidPhone), match=code):
        address_of(leg, SOUND._replace(**changes))
    others = [other for other in LEGS if LEGS[other].to != LEGS[leg].to]
    assert all(address_of(other, SOUND._replace(**changes)) for other in others)


def test_devices_that_were_not_looked_up_yet_are_no_reason() -> None:
    assert address_of("push", SOUND._replace(devices=None)) == "c-1"
