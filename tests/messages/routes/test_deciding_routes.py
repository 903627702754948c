"""What was delivered lately, and who has no KakaoTalk, decide the routes of what is made next."""

from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from shared.campaigns.sending import send_bulk
from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.customers.files.people import CustomerFile
from shared.messages.reports.reporting import Reports, Told
from shared.messages.routes.cheapest import REMEMBERED_FOR
from shared.messages.routes.cheapest_store import SPAN
from shared.messages.routing import parse_route
from shared.workflows.events.intake import EventIntake
from tests.world import World, event

CHEAPEST: dict[str, Any] = {
    "name": "welcome",
    "on": "subscription.signup",
    "steps": [{"send": "welcome"}],
    "route": "cost_optimized",
}


class Shop:
    """A business that wants to pay little, and its customers."""

    def __init__(self, world: World, tenant: str) -> None:
        self.world = world
        self.tenant = tenant
        self._intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
        self._reports = Reports(world.as_role("allim_reports"), world.publisher, world.clock)
        self._numbers = count(1)

    async def welcome(self, customer: str) -> UUID:
        self.world.clock.advance(1)
        told = event(self.tenant, f"e-{next(self._numbers)}", time=self.world.clock.now(), customer={"id": customer})
        await self._intake.receive(told)
        newest = "select id from messages where tenant = %s order by id desc limit 1"
        return UUID(str(self.world.rows(newest, self.tenant)[0]["id"]))

    def route(self, message: UUID) -> list[str]:
        [row] = self.world.rows("select route from messages where id = %s", message)
        return list(row["route"])

    async def say(
        self, message: UUID, channel: str, outcome: Outcome, *, lasting: bool = False, attempt: int = 0
    ) -> None:
        self.world.clock.advance(1)
        report = ProviderReport(
            message=message,
            attempt=attempt,
            channel=channel,
            provider_message_id="M",
            code=f"{channel}-{outcome}-{attempt}",
            outcome=outcome,
            lasting=lasting,
        )
        await self._reports.record([Told(self.tenant, "solapi", report)])

    async def has_no_kakaotalk(self, customer: str) -> None:
        message = await self.welcome(customer)
        await self.say(message, "alimtalk", Outcome.FAILED, lasting=True)
        await self.say(message, "sms", Outcome.DELIVERED, attempt=1)

    async def send_to(self, folder: Path, *customers: str) -> list[DictRow]:
        """Send the welcome to a file of customers. Gives the messages of it."""
        self.world.clock.advance(1)
        file = folder / "customers.csv"
        rows = [f"{who},010-0000-{number:04d},홍길동" for number, who in enumerate(customers)]
        file.write_text("\n".join(["id,phone,name", *rows]), encoding="utf-8")
        api, publisher, clock = self.world.as_role("allim_api"), self.world.publisher, self.world.clock
        await send_bulk(
            api,
            publisher,
            clock,
            tenant=self.tenant,
            template="welcome",
            customers=CustomerFile(file),
            route=parse_route("cost_optimized"),
        )
        made = "select customer, route from messages where tenant = %s and created_at = %s"
        return self.world.rows(made, self.tenant, self.world.clock.now())


async def _shop(world: World) -> Shop:
    return Shop(world, await world.tenant(CHEAPEST))


async def test_who_has_no_kakaotalk_is_not_tried_there_again_for_a_while(world: World) -> None:
    shop = await _shop(world)
    await shop.has_no_kakaotalk("c-1")
    assert shop.route(await shop.welcome("c-1")) == ["sms"]
    assert shop.route(await shop.welcome("c-2")) == ["alimtalk", "sms"]
    world.clock.advance(SPAN.total_seconds())
    assert shop.route(await shop.welcome("c-1")) == ["alimtalk", "sms"]


async def test_who_was_reached_on_kakaotalk_since_is_tried_there_again(world: World) -> None:
    shop = await _shop(world)
    meanwhile = await shop.welcome("c-1")
    await shop.has_no_kakaotalk("c-1")
    await shop.say(meanwhile, "alimtalk", Outcome.DELIVERED)
    assert shop.route(await shop.welcome("c-1")) == ["alimtalk", "sms"]


async def test_another_tenants_customer_of_that_id_is_another_one(world: World) -> None:
    shop, other = await _shop(world), await _shop(world)
    await shop.has_no_kakaotalk("c-1")
    assert other.route(await other.welcome("c-1")) == ["alimtalk", "sms"]


async def test_a_channel_that_hardly_delivers_is_tried_last(world: World) -> None:
    shop = await _shop(world)
    for number in range(12):
        message = await shop.welcome(f"c-{number}")
        await shop.say(message, "alimtalk", Outcome.FAILED)
        await shop.say(message, "sms", Outcome.DELIVERED, attempt=1)
    world.clock.advance(REMEMBERED_FOR.total_seconds())
    assert shop.route(await shop.welcome("c-new")) == ["sms", "alimtalk"]


async def test_a_send_in_one_batch_has_each_its_own_route(world: World) -> None:
    shop = await _shop(world)
    await shop.has_no_kakaotalk("c-1")
    now = world.clock.now()
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    batch = [event(shop.tenant, f"b-{who}", time=now, customer={"id": who}) for who in ("c-1", "c-2", "c-3")]
    assert await intake.take(batch) == [None] * 3
    rows = world.rows("select customer, route from messages where tenant = %s and created_at = %s", shop.tenant, now)
    assert {row["customer"]: row["route"] for row in rows} == {
        "c-1": ["sms"],
        "c-2": ["alimtalk", "sms"],
        "c-3": ["alimtalk", "sms"],
    }


async def test_a_send_to_a_file_has_each_its_own_route_too(world: World, tmp_path: Path) -> None:
    shop = await _shop(world)
    await shop.has_no_kakaotalk("c-1")
    sent = await shop.send_to(tmp_path, "c-1", "c-2")
    assert {row["customer"]: row["route"] for row in sent} == {"c-1": ["sms"], "c-2": ["alimtalk", "sms"]}


async def test_a_route_in_which_the_order_is_told_stays_as_it_is(world: World) -> None:
    tenant = await world.tenant({**CHEAPEST, "route": ["alimtalk", "sms"]})
    shop = Shop(world, tenant)
    await shop.has_no_kakaotalk("c-1")
    assert shop.route(await shop.welcome("c-1")) == ["alimtalk", "sms"]


async def test_a_workflow_says_that_the_customer_may_be_told_twice(world: World) -> None:
    shop = Shop(world, await world.tenant({**CHEAPEST, "route": "alimtalk_first", "may_double": True}))
    message = await shop.welcome("c-1")
    await shop.say(message, "alimtalk", Outcome.UNCONFIRMED)
    [row] = world.messages(shop.tenant)
    assert (row["status"], row["position"], row["attempt"]) == ("queued", 1, 1)
    patient = Shop(world, await world.tenant({**CHEAPEST, "route": "alimtalk_first"}))
    await patient.say(await patient.welcome("c-1"), "alimtalk", Outcome.UNCONFIRMED)
    assert [row["status"] for row in world.messages(patient.tenant)] == ["unknown"]
