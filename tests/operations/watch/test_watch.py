"""Who is told what, and how often."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from shared.bootstrap import sweeps
from shared.credits.ledger.low_balances import watch_low_balances
from shared.operations.health.checks import TICKET_PATIENCE
from shared.operations.health.store import read_gauges
from shared.operations.watch.slack import write
from shared.operations.watch.store import Notice
from shared.operations.watch.watch import NOTICES_A_WATCH, REMIND, Watch
from shared.platform.crypto import Keys
from shared.platform.database import Database
from shared.providers import ProviderAccount
from shared.providers.slack import Slack
from shared.tenants.accounts import register_account
from tests.endpoints import running
from tests.log_lines import log_lines
from tests.operations.slack import SlackChannel
from tests.world import World, event_fields

RUNBOOK = "https://docs.example/runbook/"


def watch_of(world: World, slack: SlackChannel | None, client: httpx.AsyncClient | None = None) -> Watch:
    """An instance of its own."""
    told = Slack(slack.url, client) if slack else None
    return Watch(world.as_role("allim_watch"), told, RUNBOOK, world.clock)


def raise_alert(world: World, tenant: str, kind: str = "topup_refused", detail: str = "REJECTED: 한도 초과") -> None:
    world.rows(
        "insert into alerts (tenant, kind, detail, raised_at) values (%s, %s, %s, %s) returning kind",
        *(tenant, kind, detail, world.clock.now()),
    )


def resolve(world: World) -> None:
    world.rows("update alerts set resolved_at = %s where resolved_at = 'infinity' returning kind", world.clock.now())


def pass_minutes(world: World, minutes: float) -> None:
    """Time goes by, and ticks and callbacks go on."""
    world.clock.moment += dt.timedelta(minutes=minutes)
    world.rows("update heartbeats set at = %s returning name", world.clock.now())


async def look(watch: Watch, world: World, minutes: int) -> None:
    """A minute passes, and it looks; so many times."""
    for _ in range(minutes):
        pass_minutes(world, 1)
        await watch.look()


def titles(texts: Sequence[str]) -> list[str]:
    """What messages say has become of what."""
    return [
        f"{text.splitlines()[1].strip('*')}: {text.splitlines()[2].split(' · ')[-1].split(' since')[0]}"
        for text in texts
    ]


REFUSED = "The card of an automatic top-up was refused"


async def test_a_platform_in_order_is_not_spoken_of(world: World, slack: SlackChannel) -> None:
    await world.tenant()
    await watch_of(world, slack).look()
    assert slack.texts() == []


async def test_an_alert_names_itself_in_two_languages_whose_it_is_what_to_do_and_its_page(
    world: World, slack: SlackChannel
) -> None:
    tenant = await world.tenant()
    raise_alert(world, tenant, detail="거절 <카드> & 010-1234-5678")
    await watch_of(world, slack).look()
    [text] = slack.texts()
    assert "자동 충전이 거절되었습니다" in text
    assert REFUSED in text
    assert f"`{tenant}`" in text
    assert "거절 &lt;카드&gt; &amp; 010-****-5678" in text
    assert "*Do:* Tell the tenant" in text
    assert "<https://docs.example/runbook/topup-refused.md|Runbook: topup-refused>" in text


async def test_low_credit_shows_its_value_beside_its_limit(world: World, slack: SlackChannel) -> None:
    tenant = await world.tenant()
    world.rows("update credit_accounts set low_balance = 2000000 where tenant = %s returning 1", tenant)
    await watch_low_balances(world.as_role("allim_sweeper"), world.clock)
    await watch_of(world, slack).look()
    [text] = slack.texts()
    assert "value 1,000,000원 · limit 2,000,000원" in text


async def test_who_is_out_of_credit_is_not_told_that_it_runs_low(world: World, slack: SlackChannel) -> None:
    tenant = await world.tenant()
    raise_alert(world, tenant, "low_balance")
    raise_alert(world, tenant, "credit_shortage")
    await watch_of(world, slack).look()
    assert titles(slack.texts()) == ["Messages wait or fail for want of credit: open"]


async def test_who_has_credit_again_is_told_that_it_runs_low_and_counts_among_those_who_wait(
    world: World, slack: SlackChannel
) -> None:
    tenant = await world.tenant()
    world.rows("update credit_accounts set low_balance = 2000000 where tenant = %s returning 1", tenant)
    raise_alert(world, tenant, "credit_shortage")
    await watch_of(world, slack).look()
    assert titles(slack.texts()) == ["Messages wait or fail for want of credit: open"]
    with psycopg.connect(world.migrated.url) as connection:
        message = uuid4()
        connection.execute(
            "insert into messages (tenant, id, customer, template, template_version, route, deadlines, channel, status,"
            " due_at, expires_at, created_at, updated_at) values (%(tenant)s, %(id)s, 'c', 't', 1, '{sms}', '{60}',"
            " 'sms', 'queued', %(at)s, %(at)s, %(at)s, %(at)s)",
            {"tenant": tenant, "id": message, "at": world.clock.now()},
        )
        connection.execute(
            "insert into outbox (tenant, id, topic, body, publish_at, created_at) values (%(tenant)s, %(id)s,"
            " 'send-requests', jsonb_build_object('tenant', %(tenant)s::text, 'messages', array[%(id)s]),"
            " %(at)s, %(at)s)",
            {"tenant": tenant, "id": message, "at": world.clock.now()},
        )
    sweeper, watch = world.as_role("allim_sweeper"), world.as_role("allim_watch")
    async with watch.connection() as connection_:
        assert (await read_gauges(connection_, world.clock.now(), patience=TICKET_PATIENCE)).oldest_queued_at is None
    await watch_low_balances(sweeper, world.clock)
    async with watch.connection() as connection_:
        gauges = await read_gauges(connection_, world.clock.now(), patience=TICKET_PATIENCE)
    assert gauges.oldest_queued_at == world.clock.now()
    await look(watch_of(world, slack), world, 5)
    assert {"Messages wait or fail for want of credit: over", "Credit runs low: open"} <= set(titles(slack.texts()))


async def test_an_alert_that_stays_is_told_once_and_again_after_a_day(world: World, slack: SlackChannel) -> None:
    raise_alert(world, await world.tenant())
    watch = watch_of(world, slack)
    await look(watch, world, 30)
    assert titles(slack.texts()) == [f"{REFUSED}: open"]
    pass_minutes(world, REMIND / dt.timedelta(minutes=1))
    await look(watch, world, 20)
    assert titles(slack.texts()) == [f"{REFUSED}: open", f"{REFUSED}: still open"]


async def test_its_end_is_told_once_and_at_once(world: World, slack: SlackChannel) -> None:
    raise_alert(world, await world.tenant())
    watch = watch_of(world, slack)
    await look(watch, world, 1)
    resolve(world)
    await look(watch, world, 20)
    assert titles(slack.texts()) == [f"{REFUSED}: open", f"{REFUSED}: over"]


async def test_one_that_comes_and_goes_is_told_once_in_ten_minutes(world: World, slack: SlackChannel) -> None:
    tenant = await world.tenant()
    watch = watch_of(world, slack)
    for _ in range(15):
        raise_alert(world, tenant)
        await look(watch, world, 1)
        resolve(world)
        await look(watch, world, 1)
    opened = [title for title in titles(slack.texts()) if not title.endswith("over") or "was open" in title]
    assert len(opened) == 3  # in thirty minutes


async def test_two_watches_at_once_tell_it_once(world: World, slack: SlackChannel) -> None:
    tenants = [await world.tenant() for _ in range(3)]
    for tenant in tenants:
        raise_alert(world, tenant)
    await asyncio.gather(*(watch_of(world, slack).look() for _ in range(3)))
    assert len(slack.texts()) == len(tenants)
    resolve(world)
    await asyncio.gather(*(watch_of(world, slack).look() for _ in range(3)))
    assert len(slack.texts()) == 2 * len(tenants)


class Ended(BaseException):
    """The process ended here."""


class EndsAfterPosting(httpx.AsyncBaseTransport):
    """Posts, and then there is nobody left to read the answer."""

    def __init__(self, ending: BaseException) -> None:
        self._wire = httpx.AsyncHTTPTransport()
        self._ending = ending

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._wire.handle_async_request(request)
        await answer.aread()
        raise self._ending


@pytest.mark.parametrize("ending", [Ended(), httpx.ReadTimeout("lost")], ids=["crash", "lost answer"])
async def test_after_a_crash_between_posting_and_recording_nobody_is_told_twice_in_ten_minutes(
    world: World, slack: SlackChannel, ending: BaseException
) -> None:
    raise_alert(world, await world.tenant())
    async with httpx.AsyncClient(transport=EndsAfterPosting(ending)) as client:
        with contextlib.suppress(Ended):
            await watch_of(world, slack, client).look()
    assert len(slack.texts()) == 1
    await look(watch_of(world, slack), world, 9)
    assert len(slack.texts()) == 1
    await look(watch_of(world, slack), world, 2)
    assert len(slack.texts()) == 2, "it was not certain that anybody had heard it"


@pytest.mark.parametrize("status", [500, 404])
async def test_what_slack_did_not_take_is_told_a_minute_later(world: World, slack: SlackChannel, status: int) -> None:
    raise_alert(world, await world.tenant())
    slack.answer({"status": status})
    watch = watch_of(world, slack)
    await look(watch, world, 1)
    assert slack.texts() == []
    await look(watch, world, 1)
    assert titles(slack.texts()) == [f"{REFUSED}: open"]


async def test_slack_out_of_reach_loses_nothing_not_even_what_is_over_by_then(
    world: World, slack: SlackChannel
) -> None:
    raise_alert(world, await world.tenant())
    nowhere = SlackChannel(slack.client, "http://127.0.0.1:9/services/T1/B1/x")
    await look(watch_of(world, nowhere), world, 2)
    resolve(world)
    await look(watch_of(world, nowhere), world, 2)
    await look(watch_of(world, slack), world, 2)
    assert titles(slack.texts()) == [f"{REFUSED}: was open, over"]


async def test_a_pause_that_slack_asks_for_is_kept_for_every_alert(world: World, slack: SlackChannel) -> None:
    raise_alert(world, await world.tenant())
    slack.answer({"status": 429, "retryAfter": 150})
    watch = watch_of(world, slack)
    await look(watch, world, 1)
    raise_alert(world, await world.tenant())
    await look(watch, world, 2)
    assert (slack.calls(), slack.texts()) == (1, [])
    await look(watch, world, 1)
    assert len(slack.texts()) == 2


async def test_very_many_alerts_are_told_bit_by_bit(world: World, slack: SlackChannel) -> None:
    for number in range(NOTICES_A_WATCH + 5):
        world.rows("insert into tenants (id, name) values (%s, 'x') returning id", f"business-{number}")
        raise_alert(world, f"business-{number}")
    watch = watch_of(world, slack)
    await watch.look()
    assert len(slack.texts()) == NOTICES_A_WATCH
    await look(watch, world, 1)
    assert len(set(slack.texts())) == NOTICES_A_WATCH + 5


async def test_an_alert_that_cant_be_told_holds_up_none_of_the_others(
    world: World, slack: SlackChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, *sound = [await world.tenant() for _ in range(4)]

    def write_all_but_one(notice: Notice, runbook_url: str) -> str:
        if notice.tenant == broken:
            raise ValueError("nobody can say it")
        return write(notice, runbook_url)

    monkeypatch.setattr("shared.operations.watch.watch.write", write_all_but_one)
    for tenant in (broken, *sound):
        raise_alert(world, tenant)
        world.clock.moment += dt.timedelta(seconds=1)
    await watch_of(world, slack).look()
    assert [tenant for tenant in sound if any(f"`{tenant}`" in text for text in slack.texts())] == sound
    assert len(slack.texts()) == len(sound)


async def test_a_kind_that_nobody_knows_is_told_all_the_same(world: World, slack: SlackChannel) -> None:
    raise_alert(world, await world.tenant(), "moon_fell", "into the sea")
    await watch_of(world, slack).look()
    [text] = slack.texts()
    assert "moon_fell: into the sea" in text
    assert "other-alert.md" in text


@pytest.mark.parametrize(
    ("name", "stopped"),
    [
        ("tick", "No tick for 5 minutes: reminders do not leave"),
        ("sweeps", "Not all sweeps have ended well for 5 minutes: what was left behind is not taken up"),
    ],
)
async def test_what_has_stopped_is_told_and_that_it_goes_on(
    world: World, slack: SlackChannel, name: str, stopped: str
) -> None:
    watch = watch_of(world, slack)
    world.clock.moment += dt.timedelta(minutes=6)
    world.rows("update heartbeats set at = %s where name <> %s", world.clock.now(), name)
    await watch.look()
    await look(watch, world, 1)
    assert titles(slack.texts()) == [f"{stopped}: open", f"{stopped}: over"]
    assert "value 6 min · limit 5 min" in slack.texts()[0]


async def test_without_slack_it_is_in_the_log_once(world: World) -> None:
    raise_alert(world, await world.tenant())
    with log_lines() as lines:
        await look(watch_of(world, None), world, 5)
    assert sum("SLACK_WEBHOOK_URL is not set" in line["message"] for line in lines.of("watch")) == 1


async def test_an_alert_that_opens_is_logged_once_with_its_kind(world: World) -> None:
    tenant = await world.tenant()
    raise_alert(world, tenant, "credit_shortage")
    with log_lines() as lines:
        await look(watch_of(world, None), world, 3)
    assert [(line["kind"], line["tenant"]) for line in lines.of("notices")] == [("credit-shortage", tenant)]


async def test_each_gauge_is_a_line_a_minute(world: World) -> None:
    with log_lines() as lines:
        await look(watch_of(world, None), world, 2)
    found = [line["gauge"] for line in lines.of("gauges")]
    assert len(found) == 2 * len(set(found))
    assert {"outbox_seconds", "last_tick_seconds", "callbacks_seconds", "hold_seconds"} <= set(found)


async def test_slacks_address_is_never_in_the_log(world: World, slack: SlackChannel) -> None:
    raise_alert(world, await world.tenant())
    slack.answer({"status": 500}, {"status": 429})
    nowhere = SlackChannel(slack.client, "http://127.0.0.1:9/services/secret-of-the-channel")
    with log_lines() as lines:
        await look(watch_of(world, slack), world, 2)
        await look(watch_of(world, nowhere), world, 1)
    assert len([line for line in lines.of("watch") if "Slack" in line["message"]]) == 3
    assert not [text for text in lines.texts if "secret-of" in text]


class Leaving(Database):
    """A database that may be away."""

    away = False

    def connection(self) -> Any:
        if self.away:
            raise psycopg.OperationalError("it is away")
        return super().connection()


async def test_a_database_that_is_away_is_told_once_and_that_it_is_back_when_slack_is_too(
    world: World, slack: SlackChannel
) -> None:
    database = Leaving(world.migrated.role_url("allim_watch"))
    watch = Watch(database, Slack(slack.url), RUNBOOK, world.clock)
    database.away = True
    await look(watch, world, 3)
    database.away = False
    slack.answer({"status": 500})
    await look(watch, world, 3)
    await database.close()
    away = "The database does not answer"
    assert titles(slack.texts()) == [f"{away}: open", f"{away}: over"]


async def seal_with_another_key(world: World, tenant: str) -> None:
    """Nobody here can open the tenant's credentials any more."""
    account = ProviderAccount(tenant, "main", "solapi", "021234567", "pf", {"api_key": "k", "api_secret": "s"})
    async with world.owner.transaction() as connection:
        await register_account(connection, Keys([bytes(32)]), account, now=world.clock.now())


async def test_a_prepared_dispatch_whose_account_cant_be_opened_waits_and_is_told(
    world: World, slack: SlackChannel
) -> None:
    tenant = await world.tenant()
    await seal_with_another_key(world, tenant)
    message, dispatch, now = uuid4(), uuid4(), world.clock.now()
    world.rows(
        "insert into dispatches (tenant, id, provider, account, messages, state, provider_batch_id, lease_until,"
        " created_at, updated_at)"
        " values (%s, %s, 'solapi', 'main', array[%s::uuid], 'prepared', 'G1', %s, %s, %s) returning id",
        *(tenant, dispatch, message, *[now] * 3),
    )
    world.rows(
        "insert into messages (tenant, id, customer, template, template_version, route, deadlines, channel, status,"
        " dispatch, due_at, expires_at, created_at, updated_at)"
        " values (%s, %s, 'c-1', 'welcome', 1, '{sms}', '{60}', 'sms', 'sending', %s, %s, %s, %s, %s)",
        *(tenant, message, dispatch, *[now] * 4),
    )
    watch = watch_of(world, slack)
    for _ in range(6):
        async with running("on_sweep_tick", world) as function:
            await sweeps(function.parts).hold(dt.timedelta(seconds=3))
        await look(watch, world, 1)
    first, text = slack.texts()
    assert titles([first, text]) == [
        "A provider's account can't be asked what became of messages: open",
        "Nobody can find out whether messages were sent: open",
    ]
    assert f"`{tenant}`" in text
    assert "1 dispatch of account main" in text
    assert world.rows("select state::text from dispatches") == [{"state": "prepared"}]
    world.rows("update dispatches set state = 'sent' returning 1")
    await look(watch, world, 1)
    assert titles(slack.texts())[2:] == ["Nobody can find out whether messages were sent: over"]


async def test_an_account_whose_calls_all_come_to_nothing_is_told_of_its_tenant_alone(
    world: World, slack: SlackChannel
) -> None:
    tenant, other = await world.tenant(), await world.tenant()
    await seal_with_another_key(world, tenant)
    async with running("on_subscription_event", world) as function:
        for each in (tenant, other):
            assert await function.push(event_fields(each)) == 204
    [ticket] = [body for _, body in world.publisher.published if body["tenant"] == tenant]
    async with running("on_send_request", world) as function:
        for _ in range(3):
            assert await function.push(ticket) == 204
    await watch_of(world, slack).look()
    [text] = slack.texts()
    assert titles([text]) == ["Calls to the provider come to nothing: open"]
    assert f"`{tenant}`" in text
    assert "value 3 in a row · limit 3 in a row" in text
