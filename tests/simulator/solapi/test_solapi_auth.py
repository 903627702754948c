"""The Authorization header, as the vendor documents it."""

from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest

from simulator.solapi.accounts import DEFAULT_API_KEY, DEFAULT_API_SECRET
from simulator.testing import running_simulator
from tests.simulator.client import Caller, authorization

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Hands:
    """A clock whose hands a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now.timestamp()


async def balance(http: httpx.AsyncClient, header: str | None) -> tuple[int, str | None]:
    answer = await http.get("/cash/v1/balance", headers={"Authorization": header} if header else {})
    return answer.status_code, answer.json().get("errorCode")


@pytest.mark.parametrize("casing", ["apiKey={}, date={}", "ApiKey={}, Date={}"])
async def test_both_casings_of_the_parts_are_accepted(solapi: Caller, casing: str) -> None:
    header = authorization(solapi.api_key, solapi.api_secret, casing=casing)
    assert await balance(solapi.http, header) == (200, None)


async def test_an_unknown_key_is_refused(solapi: Caller) -> None:
    header = authorization("NCSUNKNOWN", solapi.api_secret)
    assert await balance(solapi.http, header) == (403, "InvalidAPIKey")


async def test_another_secret_is_refused(solapi: Caller) -> None:
    header = authorization(solapi.api_key, "another secret")
    assert await balance(solapi.http, header) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("salt", ["short-salt", "x" * 65])
async def test_a_salt_outside_of_12_to_64_bytes_is_refused(solapi: Caller, salt: str) -> None:
    header = authorization(solapi.api_key, solapi.api_secret, salt=salt)
    assert await balance(solapi.http, header) == (403, "SignatureDoesNotMatch")


async def test_a_signature_can_be_used_once(solapi: Caller) -> None:
    header = authorization(solapi.api_key, solapi.api_secret)
    assert await balance(solapi.http, header) == (200, None)
    assert await balance(solapi.http, header) == (403, "DuplicatedSignature")


async def test_a_request_without_the_header_is_refused(solapi: Caller) -> None:
    assert await balance(solapi.http, None) == (401, "Unauthorized")
    assert await balance(solapi.http, "Bearer token") == (401, "Unauthorized")


async def test_a_date_may_differ_by_fifteen_minutes() -> None:
    def header(date: str) -> str:
        return authorization(DEFAULT_API_KEY, DEFAULT_API_SECRET, date)

    async with running_simulator(clock=Hands()) as url, httpx.AsyncClient(base_url=url) as http:
        for minutes, outcome in [
            (0, (200, None)),
            (15, (200, None)),
            (-15, (200, None)),
            (16, (403, "RequestTimeTooSkewed")),
            (-16, (403, "RequestTimeTooSkewed")),
        ]:
            assert await balance(http, header((NOW + timedelta(minutes=minutes)).isoformat())) == outcome
        seoul = NOW.astimezone(timezone(timedelta(hours=9)))
        assert await balance(http, header(seoul.isoformat())) == (200, None)
        assert await balance(http, header("2026-03-02T12:00:00Z")) == (200, None)
        without_offset = seoul.replace(tzinfo=None).isoformat()
        assert await balance(http, header(without_offset)) == (403, "RequestTimeTooSkewed")
        assert await balance(http, header("yesterday")) == (403, "RequestTimeTooSkewed")


async def test_a_replayed_signature_is_refused_for_as_long_as_its_date_is_good() -> None:
    hands = Hands()
    header = authorization(DEFAULT_API_KEY, DEFAULT_API_SECRET, (NOW + timedelta(minutes=14)).isoformat())
    async with running_simulator(clock=hands) as url, httpx.AsyncClient(base_url=url) as http:
        assert await balance(http, header) == (200, None)
        hands.now += timedelta(minutes=15)
        assert await balance(http, header) == (403, "DuplicatedSignature")
