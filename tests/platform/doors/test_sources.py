"""Who calls, as far as somebody other than the caller says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from shared.platform.doors import misses
from shared.platform.doors.misses import Misses
from shared.platform.doors.sources import source_of
from tests.clock import SettableClock

PROXY = "169.254.1.1"


def calling(*forwarded_for: str, client: tuple[str, int] | None = (PROXY, 1)) -> Request:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded_for]
    return Request({"type": "http", "headers": headers, "client": client})


@given(st.lists(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"))), st.ip_addresses(v=4))
def test_whatever_a_caller_writes_the_address_that_the_proxy_adds_counts(written: list[str], address: object) -> None:
    assert source_of(calling(*written, str(address))) == str(address)
    assert source_of(calling(", ".join([*written, str(address)]))) == str(address)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("198.51.100.7", "198.51.100.8", False),
    ],
)
def test_who_has_one_address_of_a_network_has_them_all(first: str, second: str, same: bool) -> None:
    assert (source_of(calling(first)) == source_of(calling(second))) is same


def test_without_a_proxy_it_is_the_address_of_the_connection() -> None:
    assert source_of(calling(client=("127.0.0.1", 1))) == "127.0.0.1"
    assert source_of(calling("nonsense", client=("127.0.0.1", 1))) == "127.0.0.1"
    assert source_of(calling(client=None)) == "-"


def test_so_many_misses_are_remembered_and_no_more() -> None:
    clock = SettableClock()
    counted = Misses(clock)
    for number in range(misses.OF_ALL):
        assert not counted.are_too_many(str(number))
        counted.count(str(number))
    assert counted.are_too_many("yet another")
    clock.advance(misses.EVERY.total_seconds())
    assert not counted.are_too_many("yet another")
