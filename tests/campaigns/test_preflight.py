"""What stands in the way of a send, before anything is sent; as the role of the API, which sees its own tenant only."""

from itertools import count
from typing import Any

import orjson
import pytest

from shared.campaigns.preflight import Preflight, preflight
from shared.credits.errors import CreditError
from shared.credits.prices.estimates import Ways
from shared.platform.clock import SEOUL
from tests.credits.ledger_world import START, LedgerWorld

FALLBACK: Ways = {("alimtalk", "sms"): 8, ("alimtalk", "lms"): 2}
_numbers = count(1)


async def _tenant(world: LedgerWorld, credit: int, *, approval: str = "approved", alimtalk: bool = True) -> str:
    tenant = await world.add_tenant(f"estimate-{next(_numbers)}", credit=credit)
    content: dict[str, Any] = {"sms": {"text": "안녕하세요"}, "alimtalk": None}
    if alimtalk:
        content["alimtalk"] = {"code": "T1", "text": "안녕하세요"}
    async with world.owner.transaction() as connection:
        await connection.execute(
            "insert into templates (tenant, name, active_version) values (%s, 'hello', 1)", [tenant]
        )
        await connection.execute(
            "insert into template_versions (tenant, name, version, content, approval) values (%s, 'hello', 1, %s, %s)",
            [tenant, orjson.dumps(content).decode(), approval],
        )
        await connection.execute("update provider_accounts set kakao_channel = '@hello' where tenant = %s", [tenant])
    return tenant


async def _preflight(
    world: LedgerWorld,
    tenant: str,
    *,
    template: str = "hello",
    route: tuple[str, ...] = ("alimtalk", "sms"),
    ways: Ways = FALLBACK,
    refused: int = 0,
) -> Preflight:
    async with world.as_role("allim_api").transaction(tenant=tenant) as connection:
        return await preflight(
            connection, tenant, template=template, route=route, ways=ways, refused=refused, now=world.clock.now()
        )


def _wrong(found: Preflight) -> dict[str, tuple[str, str]]:
    return {check.name: (check.verdict, check.code) for check in found.checks if check.verdict != "ok"}


async def test_a_send_that_nothing_stops_is_ready(world: LedgerWorld) -> None:
    found = await _preflight(world, await _tenant(world, 1_000))
    assert found.ready
    assert _wrong(found) == {}
    assert found.estimate is not None
    assert [check.name for check in found.checks] == [
        "template",
        "law",
        "sender",
        "recipients",
        "quota",
        "prices",
        "credit",
    ]


@pytest.mark.parametrize(
    ("credit", "wrong"),
    [(500, {}), (499, {"credit": ("warning", "credit_tight")}), (259, {"credit": ("failed", "credit_shortage")})],
)
async def test_credit_must_pay_for_it_all_and_should_hold_it_all(
    world: LedgerWorld, credit: int, wrong: dict[str, tuple[str, str]]
) -> None:
    found = await _preflight(world, await _tenant(world, credit))
    assert _wrong(found) == wrong
    assert found.ready == (credit >= 260)


async def test_what_is_held_for_others_is_not_available(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 500)
    await world.claim(await world.queue(tenant, 1))
    assert _wrong(await _preflight(world, tenant)) == {"credit": ("warning", "credit_tight")}


@pytest.mark.parametrize(
    ("approval", "alimtalk", "route", "verdict"),
    [
        ("submitted", True, ("alimtalk", "sms"), ("warning", "alimtalk_left_out")),
        ("rejected", True, ("alimtalk",), ("failed", "template_not_approved")),
        ("approved", False, ("alimtalk",), ("failed", "template_not_approved")),
        ("draft", False, ("alimtalk", "sms"), ("warning", "alimtalk_left_out")),
    ],
)
async def test_a_template_without_approval_goes_without_alimtalk_or_not_at_all(
    world: LedgerWorld, approval: str, alimtalk: bool, route: tuple[str, ...], verdict: tuple[str, str]
) -> None:
    tenant = await _tenant(world, 1_000, approval=approval, alimtalk=alimtalk)
    found = await _preflight(world, tenant, route=route, ways={("sms",): 1})
    assert _wrong(found) == {"template": verdict}
    [told] = [check.detail_ko for check in found.checks if check.name == "template"]
    assert told.startswith("카카오 승인을 받지 않아" if alimtalk else "알림톡 문구가 없어")


@pytest.mark.parametrize(
    ("route", "verdict"),
    [
        (("push", "sms"), ("warning", "channels_left_out")),
        (("push", "email"), ("failed", "no_words")),
        (("alimtalk", "push", "sms"), ("warning", "channels_left_out")),
    ],
)
async def test_channels_without_words_are_left_out_and_without_any_nothing_is_sent(
    world: LedgerWorld, route: tuple[str, ...], verdict: tuple[str, str]
) -> None:
    tenant = await _tenant(world, 1_000)
    found = await _preflight(world, tenant, route=route, ways={("sms",): 1})
    assert _wrong(found)["template"] == verdict


async def test_an_unapproved_template_is_no_matter_for_text_messages(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 1_000, approval="draft")
    assert (await _preflight(world, tenant, route=("sms",), ways={("sms",): 1})).ready


async def test_everything_that_is_wrong_is_told_at_once(world: LedgerWorld) -> None:
    tenant = await world.add_tenant(f"estimate-{next(_numbers)}", account=False)
    world.rows("delete from prices where tenant = %(tenant)s and channel = 'lms'", tenant=tenant)
    found = await _preflight(world, tenant, template="none", ways={("sms",): 3}, refused=2)
    assert _wrong(found) == {
        "template": ("failed", "unknown_template"),
        "sender": ("failed", "no_provider_account"),
        "recipients": ("warning", "recipients_refused"),
        "prices": ("failed", "price_missing"),
    }
    assert (found.ready, found.estimate) == (False, None)


async def test_a_number_that_no_sender_has_stops_the_send(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 1_000)
    world.rows("update provider_accounts set sender = '02-1234' where tenant = %(tenant)s", tenant=tenant)
    assert _wrong(await _preflight(world, tenant)) == {"sender": ("failed", "bad_sender")}


LAWFUL = "(광고) 가게 봄 세일 무료수신거부 080-123-4567"


@pytest.mark.parametrize(
    ("category", "text", "subject", "hour", "codes"),
    [
        ("notice", "내일 봐요", None, 23, ["ok"]),
        ("advertising", LAWFUL, None, 8, ["ok"]),
        ("광고", LAWFUL, "(광고) 봄", 20, ["ok"]),
        ("advertising", LAWFUL, None, 21, ["night_advertising"]),
        ("advertising", LAWFUL, None, 0, ["night_advertising"]),
        ("Marketing", LAWFUL, None, 7, ["night_advertising"]),
        ("notice", LAWFUL, None, 22, ["night_advertising"]),
        ("advertising", LAWFUL.removeprefix("(광고) "), None, 12, ["advertising_unmarked"]),
        ("advertising", LAWFUL, "봄 세일", 12, ["advertising_unmarked"]),
        ("advertising", LAWFUL.replace("080", "070"), None, 12, ["opt_out_missing"]),
        ("advertising", LAWFUL.replace("무료", ""), None, 12, ["opt_out_missing"]),
        ("advertising", LAWFUL.replace("가게", "우리"), None, 12, ["sender_unnamed"]),
        (
            "promotion",
            "세일",
            None,
            3,
            ["advertising_unmarked", "opt_out_missing", "night_advertising", "sender_unnamed"],
        ),
    ],
)
async def test_advertising_is_what_the_law_asks_and_leaves_by_day(
    world: LedgerWorld, category: str, text: str, subject: str | None, hour: int, codes: list[str]
) -> None:
    tenant = await _tenant(world, 1_000, alimtalk=False)
    content = {"category": category, "sms": {"text": text, "subject": subject}, "alimtalk": None}
    world.rows("update tenants set name = '가게' where id = %(tenant)s", tenant=tenant)
    world.rows(
        "with next as (update templates set active_version = 2 where tenant = %(tenant)s)"
        " insert into template_versions (tenant, name, version, content, approval)"
        " values (%(tenant)s, 'hello', 2, %(content)s, 'approved')",
        tenant=tenant,
        content=orjson.dumps(content).decode(),
    )
    world.clock.moment = START.astimezone(SEOUL).replace(hour=hour, minute=0)
    found = await _preflight(world, tenant, route=("sms",), ways={("sms",): 1})
    assert [check.code for check in found.checks if check.name == "law"] == codes
    assert found.ready == (codes in (["ok"], ["sender_unnamed"]))


async def test_nobody_to_send_to_and_no_kakao_channel_are_told(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 1_000)
    world.rows("update provider_accounts set kakao_channel = null where tenant = %(tenant)s", tenant=tenant)
    found = await _preflight(world, tenant, ways={}, refused=4)
    assert _wrong(found) == {"sender": ("warning", "no_kakao_channel"), "recipients": ("failed", "no_recipients")}


async def test_an_unknown_tenant_is_a_clear_error(world: LedgerWorld) -> None:
    with pytest.raises(CreditError, match="unknown_tenant"):
        await _preflight(world, "nobody")


STOPPED = {
    "paused": ("paused_at = '2026-01-01Z', paused_why = 'x'", "account_paused", "warning"),
    "a certificate that is over": ("certificate_until = '2020-01-01'", "certificate_expired", "failed"),
    "a number of nobody": ("sender = '0299990000'", "sender_unregistered", "failed"),
    "another channel": ("carries = '{mms}'", "channel_not_carried", "failed"),
}


@pytest.mark.parametrize("what", STOPPED)
async def test_what_no_account_can_send_is_told_before_it_is_sent(world: LedgerWorld, what: str) -> None:
    change, code, alone = STOPPED[what]
    tenant = await _tenant(world, 1_000)
    world.rows(f"update provider_accounts set {change} where tenant = %(tenant)s", tenant=tenant)  # noqa: S608
    found = await _preflight(world, tenant, route=("sms",), ways={("sms",): 1})
    assert _wrong(found) == {"sender": (alone, code)}
    [told] = [check for check in found.checks if check.name == "sender"]
    assert told.detail != told.detail_ko


async def test_a_channel_of_two_that_no_account_carries_is_a_warning(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 1_000)
    world.rows("update provider_accounts set carries = '{alimtalk}' where tenant = %(tenant)s", tenant=tenant)
    assert _wrong(await _preflight(world, tenant)) == {"sender": ("warning", "channel_not_carried")}


async def test_of_several_accounts_the_one_that_sends_is_looked_at(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 1_000)
    later = "insert into provider_accounts (tenant, id, provider, sender, credentials, active, created_at)"
    world.rows(f"{later} values (%s, 'a-resting', 'solapi', '02-1', '', false, '2020-01-01')", tenant)
    world.rows(f"{later} values (%s, 'a-later', 'solapi', '02-2', '', true, '9999-12-31')", tenant)
    assert _wrong(await _preflight(world, tenant)) == {}
