"""One account at a provider, lent to many tenants by the one whose it is."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from shared.messages.resuming import resume_account
from shared.tenants.accounts import AccountBusy, load_accounts, register_account
from shared.tenants.lending.lending import LendingError, lend, take_back
from shared.tenants.lending.pausing import pause
from shared.tenants.pacing import limit_rate
from shared.tenants.senders.numbers import remove
from shared.tenants.suspending import suspend
from shared.tenants.terms import Terms
from tests.faults.fates import DELIVERED, FATES, NOT_ON_KAKAO
from tests.faults.world import TEMPLATES, TENANT, FaultyWorld
from tests.providers.simulated import KAKAO_CHANNEL, SENDER
from tests.world import KEYS

SITES = 40


async def _site(world: FaultyWorld, **also: object) -> str:
    """A tenant without an account of its own that is lent the one of the folder's."""
    site = await world.tenant(templates=TEMPLATES, account=False)
    await _lend(world, site, **also)
    return site


async def _lend(world: FaultyWorld, to: str, **also: object) -> bool:
    lent = {"id_": "platform", "sender": SENDER, "kakao_channel": KAKAO_CHANNEL, "weight": 100, **also}
    async with world.owner.transaction() as connection:
        return await lend(connection, TENANT, "main", to, now=world.clock.now(), **lent)  # type: ignore[arg-type]


async def test_forty_sites_of_one_account_have_their_reports_and_one_is_suspended_alone(world: FaultyWorld) -> None:
    sites = [await _site(world) for _ in range(SITES)]
    async with world.owner.transaction() as connection:
        await suspend(connection, sites[7], why="unpaid", by="kim", now=world.clock.now())
    recipients = [DELIVERED, NOT_ON_KAKAO]
    sent = {site: await world.queue(*recipients, tenant=site) for site in sites}
    for message in sent[sites[7]]:
        world.rows(
            "update messages set expires_at = %s where id = %s", world.clock.now() + dt.timedelta(hours=1), message
        )
    assert await world.live(world.process(), rounds=60)
    for site, messages in sent.items():
        for recipient, message in zip(recipients, messages, strict=True):
            row = world.message(message)
            if site == sites[7]:
                assert (row["status"], row["reason"]) == ("expired", "tenant_suspended")
            else:
                assert FATES[recipient].is_that_of(row), site
    assert len(world.simulator.accepted()) == 3 * (SITES - 1), "AlimTalk to each, and a text where there is none"
    assert world.table("dead_letters") == []


async def test_who_is_lent_an_account_has_none_of_what_opens_it_and_its_owner_changes_that(world: FaultyWorld) -> None:
    site = await _site(world)
    [row] = world.rows("select credentials, identity from provider_accounts where tenant = %s", site)
    assert row["credentials"] is None
    assert world.rows("select 1 from webhook_secrets where tenant = %s", site) == []
    another = replace(world.provider_account, tenant=TENANT, secrets={**world.provider_account.secrets, "api_key": "N"})
    terms = Terms(("alimtalk",), 50, "전송-1", world.clock.now().date())
    before = world.rows("select revision from tenants where id = %s", site)
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, another, terms, now=world.clock.now())
        loaded = (await load_accounts(connection, [site], KEYS))[site]["platform"]
    assert loaded == replace(another, tenant=site, id="platform")
    [now] = world.rows(
        "select identity, carries, weight, certificate_number from provider_accounts where tenant = %s", site
    )
    assert (now["carries"], now["weight"], now["certificate_number"]) == (["alimtalk"], 100, "전송-1")
    assert now["identity"] != row["identity"]
    assert world.rows("select revision from tenants where id = %s", site) != before, "nobody remembers the old ones"
    await world.open_account()


async def test_an_account_becomes_no_other_one_while_a_borrowers_send_is_undecided(world: FaultyWorld) -> None:
    site = await _site(world)
    world.rows(
        "insert into dispatches (tenant, id, provider, account, messages, state, lease_until, created_at, updated_at) "
        "values (%s, gen_random_uuid(), 'solapi', 'platform', array[gen_random_uuid()], 'open', %s, %s, %s)",
        site,
        *[world.clock.now()] * 3,
    )
    with pytest.raises(AccountBusy):
        await world.open_account(api_key="N")


async def test_what_its_owner_pauses_nobody_sends_by_and_a_borrower_pauses_it_alone(world: FaultyWorld) -> None:
    ours, theirs = await _site(world), await _site(world)

    async def paused(tenant: str, account: str) -> None:
        async with world.owner.transaction() as connection:
            await pause(connection, tenant, account, why="slow", now=world.clock.now())

    async def resumed(tenant: str, account: str) -> list[str]:
        async with world.owner.transaction() as connection:
            return await resume_account(connection, tenant, account, now=world.clock.now())

    async def statuses() -> list[str]:
        sent = [(await world.queue(DELIVERED, tenant=site))[0] for site in (TENANT, ours, theirs)]
        await world.deliver(world.process())
        return [world.message(id_)["status"] for id_ in sent]

    await paused(ours, "platform")
    assert await statuses() == ["delivered", "queued", "delivered"]
    await paused(TENANT, "main")
    assert await statuses() == ["queued"] * 3
    assert {ours, theirs, TENANT} <= set(await resumed(TENANT, "main"))
    assert await statuses() == ["delivered", "queued", "delivered"]
    assert await resumed(ours, "platform") == [ours]
    assert await world.live(world.process())
    assert {row["status"] for row in world.table("messages")} == {"delivered"}


async def test_an_account_that_is_taken_back_is_followed_and_not_sent_by(world: FaultyWorld) -> None:
    site = await _site(world)
    assert not await _lend(world, site), "as before"
    async with world.owner.transaction() as connection:
        assert await take_back(connection, TENANT, "main", site) == ["platform"]
        with pytest.raises(LendingError, match="not_lent"):
            await take_back(connection, TENANT, "main", site)
    [message] = await world.queue(DELIVERED, tenant=site)
    assert await world.live(world.process())
    assert world.message(message)["reason"] == "no_provider_account"
    assert await _lend(world, site), "again"


async def test_a_borrower_shares_the_rate_and_sends_from_a_number_of_its_own(world: FaultyWorld) -> None:
    site = await _site(world)
    async with world.owner.transaction() as connection:
        assert site in await limit_rate(connection, TENANT, "main", 5, 5)
        await limit_rate(connection, TENANT, "main", None, None)
        await remove(connection, site, SENDER)
    [text] = await world.queue(DELIVERED, route="sms", tenant=site)
    [owners] = await world.queue("01090014000", route="sms")
    assert await world.live(world.process())
    assert world.message(text)["reason"] == "sender_unregistered"
    assert world.message(owners)["status"] == "delivered"


REFUSED = {
    "an unknown account": ({"account": "nothing"}, "unknown_account"),
    "to itself": ({"to": TENANT}, "to_itself"),
    "from no number": ({"sender": "02-1"}, "bad_sender"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_can_not_be_lent_is_refused_in_both_languages(world: FaultyWorld, what: str) -> None:
    wrong, code = REFUSED[what]
    site = await world.tenant(account=False)
    given = {"account": "main", "to": site, "sender": SENDER, **wrong}
    async with world.owner.transaction() as connection:
        with pytest.raises(LendingError) as refused:
            await lend(
                connection,
                TENANT,
                given["account"],
                given["to"],
                id_="platform",
                sender=given["sender"],
                kakao_channel=None,
                weight=100,
                now=world.clock.now(),
            )
    assert (refused.value.code, bool(refused.value.detail_ko)) == (code, True)


async def test_a_lent_account_is_not_lent_on_and_takes_no_others_place(world: FaultyWorld) -> None:
    site, third = await _site(world), await world.tenant()
    async with world.owner.transaction() as connection:
        with pytest.raises(LendingError, match="not_its_own"):
            await lend(
                connection,
                site,
                "platform",
                third,
                id_="x",
                sender=SENDER,
                kakao_channel=None,
                weight=100,
                now=world.clock.now(),
            )
    with pytest.raises(LendingError, match="account_exists"):
        await _lend(world, third, id_="main")
