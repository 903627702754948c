import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.campaigns import batches, writing
from shared.campaigns.errors import BulkError
from shared.campaigns.sending import BulkResult, Progress, preview_bulk, send_bulk
from shared.contracts.alimtalk import Approval
from shared.customers.files.people import CustomerFile
from shared.messages.dispatch.store import decide_claims
from shared.messages.routing import parse_route
from shared.messages.store import queue_alike
from shared.platform.clock import SEOUL
from shared.platform.database import Database
from shared.platform.pubsub import Outgoing
from shared.templates.store import save_templates
from shared.templates.template import TemplateContent
from shared.tenants.suspending import suspend
from tests.campaigns.conftest import NOW, TENANT, Shop
from tests.clock import Pauses
from tests.faults.boundaries import WatchedDatabase

Open = Callable[..., CustomerFile]
HEADER = "id,phone,name,amount"
TABLES = ("messages", "outbox", "customers")


def _people(count: int) -> list[str]:
    return [f"c-{n},010-0000-{n:04d},사람{n},{1_000 + n}" for n in range(count)]


async def _send(shop: Shop, file: CustomerFile, template: str = "receipt", **options: Any) -> BulkResult:
    options = {"tenant": TENANT, "template": template, "customers": file, **options}
    return await send_bulk(shop.api, shop.publisher, shop.clock, **options)


async def test_everybody_gets_one_message_and_tickets_carry_at_most_500(shop: Shop, csv_file: Open) -> None:
    result = await _send(shop, csv_file(HEADER, *_people(1_201)))
    assert (result.asked, result.queued, result.failed, result.refused, result.tickets) == (1_201, 1_201, {}, {}, 3)
    assert [len(ticket.messages) for ticket in shop.tickets] == [500, 500, 201]
    rows = shop.rows("select *, status::text as state from messages")
    assert {row["id"] for row in rows} == {id_ for ticket in shop.tickets for id_ in ticket.messages}
    (third,) = [row for row in rows if row["customer"] == "c-3"]
    assert (third["recipient"], third["state"], third["channel"], third["variables"]) == (
        "01000000003",
        "queued",
        "alimtalk",
        {"이름": "사람3", "금액": "1,003"},
    )
    assert third["due_at"] == NOW
    assert third["expires_at"] == NOW + dt.timedelta(days=1)


async def test_messages_and_their_tickets_are_one_transaction_and_each_batch_is_one_of_its_own(
    shop: Shop, csv_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "ROWS_A_BATCH", 600)
    assert (await _send(shop, csv_file(HEADER, *_people(1_500)))).tickets == 5
    carried = shop.rows(
        "select m.xmin::text as made, o.xmin::text as ticket, count(*) as n from outbox o"
        " cross join jsonb_array_elements_text(body -> 'messages') as t (message)"
        " join messages m on m.tenant = o.tenant and m.id = t.message::uuid group by 1, 2"
    )
    assert sorted(row["n"] for row in carried) == [300, 600, 600]
    assert all(row["made"] == row["ticket"] for row in carried)


async def test_an_error_half_way_keeps_the_batches_before_it_and_the_key_makes_the_rest(
    shop: Shop, csv_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "ROWS_A_BATCH", 10)
    written = 0

    async def failing(*arguments: Any, **options: Any) -> set[UUID] | None:
        nonlocal written
        written += 1
        if written == 3:
            raise RuntimeError("nobody thought of this")
        return await queue_alike(*arguments, **options)

    monkeypatch.setattr(writing, "queue_alike", failing)
    with pytest.raises(RuntimeError):
        await _send(shop, csv_file(HEADER, *_people(50)), key="k")
    assert [shop.count(table) for table in TABLES] == [20, 2, 20]
    rest = await _send(shop, csv_file(HEADER, *_people(50)), key="k")
    assert (rest.queued, rest.already, shop.count("messages")) == (30, 20, 50)


async def test_tickets_that_could_not_be_published_are_left_to_the_tick(shop: Shop, csv_file: Open) -> None:
    class Away:
        async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
            raise ConnectionError("no Pub/Sub")

    result = await send_bulk(
        shop.api, Away(), shop.clock, tenant=TENANT, template="receipt", customers=csv_file(HEADER, *_people(501))
    )
    assert result.tickets == 2
    rows = shop.rows("select publish_at from outbox order by publish_at")
    first, second = (row["publish_at"] for row in rows)
    assert first == NOW + dt.timedelta(seconds=10)
    assert second > first


async def test_a_bad_row_does_not_stop_the_others(shop: Shop, csv_file: Open) -> None:
    file = csv_file(
        HEADER,
        "c-1,010-1234-5678,가,1000",
        ",010-1234-5678,나,1000",
        "c-2,nonsense,나,1000",
        "c-3,,다,1000",
        "c-4,010-1234-5678,,1000",
        "c-5,010-1234-5678,마,much",
        "c-1,010-1234-5678,again,1000",
        "c-6,010-1234-5678,바,1000",
    )
    result = await _send(shop, file)
    assert (result.asked, result.queued) == (8, 2)
    assert result.failed == {"invalid_phone": 1, "missing_phone": 1, "missing_variable": 1, "bad_variable": 1}
    assert result.refused == {"missing_id": 1, "repeated_id": 1}
    assert [(problem.line, problem.code, problem.customer) for problem in result.problems] == [
        (3, "missing_id", None),
        (4, "invalid_phone", "c-2"),
        (5, "missing_phone", "c-3"),
        (6, "missing_variable", "c-4"),
        (7, "bad_variable", "c-5"),
        (8, "repeated_id", "c-1"),
    ]
    kept = shop.rows("select customer, status::text, reason from messages order by customer")
    assert [(row["customer"], row["status"], row["reason"]) for row in kept] == [
        ("c-1", "queued", None),
        ("c-2", "failed", "invalid_phone"),
        ("c-3", "failed", "missing_phone"),
        ("c-4", "failed", "missing_variable"),
        ("c-5", "failed", "bad_variable"),
        ("c-6", "queued", None),
    ]
    assert len(shop.tickets[0].messages) == 2


async def test_words_that_no_channel_can_carry_fail_at_once(shop: Shop, csv_file: Open) -> None:
    file = csv_file("id,phone,말", "c-1,01012345678,😀", f"c-2,01012345678,{'가' * 1_500}", "c-3,01012345678,안녕")
    result = await _send(shop, file, "notice")
    assert (result.queued, result.failed) == (1, {"unencodable_characters": 1, "content_too_long": 1})


async def test_without_a_key_each_send_is_a_new_one(shop: Shop, csv_file: Open) -> None:
    file = csv_file(HEADER, *_people(3))
    for _ in range(2):
        assert (await _send(shop, file)).queued == 3
    assert shop.count("messages") == 6
    assert shop.count("customers") == 3


async def test_every_moment_leads_the_ids_of_a_repeated_send_as_it_did_before(shop: Shop, csv_file: Open) -> None:
    file = csv_file(HEADER, *_people(1))
    for n in range(50):
        shop.clock.moment = NOW + dt.timedelta(seconds=n * 37, microseconds=n * 1_001)
        assert (await _send(shop, file, key=f"k{n}")).queued == 1
        shop.clock.moment += dt.timedelta(hours=1)
        assert (await _send(shop, file, key=f"k{n}")).already == 1


async def test_two_who_send_with_one_key_at_once_send_once(shop: Shop, csv_file: Open) -> None:
    file = csv_file(HEADER, *_people(700))
    results = await asyncio.gather(*(_send(shop, file, key="k") for _ in range(3)))
    assert sorted(result.queued for result in results) == [0, 0, 700]
    assert shop.count("messages") == 700


async def test_the_keys_of_two_tenants_are_apart(shop: Shop, csv_file: Open) -> None:
    file = csv_file("id,phone,말", "c-1,01012345678,안녕")
    assert (await _send(shop, file, "notice", key="k")).queued == 1
    assert (await _send(shop, file, "secret", tenant="other", key="k")).queued == 1


async def test_a_message_of_a_send_with_a_key_can_be_claimed(shop: Shop, csv_file: Open) -> None:
    shop.rows(
        "insert into provider_accounts (tenant, id, provider, sender, credentials) "
        "values ('saas', 'main', 'solapi', '0212345678', '')"
    )
    shop.rows(
        "insert into sender_numbers (tenant, number, registered_at, verified_at, verified_how) "
        "values ('saas', '0212345678', %s, %s, 'seen')",
        NOW,
        NOW,
    )
    await _send(shop, csv_file(HEADER, *_people(2)), key="k")
    sender = Database(shop.migrated.role_url("allim_sender"))
    async with sender.connection() as connection:
        claimed = await decide_claims(
            connection,
            shop.tickets,
            {TENANT: uuid4()},
            topic="send-requests",
            now=NOW,
            lease_until=NOW + dt.timedelta(seconds=60),
        )
    await sender.close()
    assert sorted(row.recipient or "" for row in claimed) == ["01000000000", "01000000001"]
    assert shop.count("outbox") == 0


ADDRESS = {"variables": {"동": "customer.attributes.동"}, "sms": {"text": "#{동}동 여러분"}}


@pytest.mark.parametrize("column", ["동", "attributes.동", "customer.attributes.동"])
async def test_what_a_business_files_of_its_customers_reaches_its_templates(
    shop: Shop, csv_file: Open, column: str
) -> None:
    async with shop.owner.transaction() as connection:
        await save_templates(
            connection, TENANT, {"address": (TemplateContent.model_validate(ADDRESS), "draft")}, now=NOW
        )
    file = csv_file(f"id,phone,{column}", "c-1,01012345678,101", "c-2,01012345678,")
    result = await _send(shop, file, "address")
    assert (result.queued, result.failed) == (1, {"missing_variable": 1})
    assert shop.rows("select variables from messages where customer = 'c-1'") == [{"variables": {"동": "101"}}]
    assert shop.rows("select attributes from customers where id = 'c-1'") == [{"attributes": {}}]


async def test_a_column_that_only_looks_like_the_one_needed_is_pointed_to(shop: Shop, csv_file: Open) -> None:
    with pytest.raises(BulkError, match="its column Amount would have to be called amount"):
        await _send(shop, csv_file("id,phone,name,Amount", "c-1,01012345678,가,1"))


async def test_a_file_without_rows_is_refused(shop: Shop, csv_file: Open) -> None:
    with pytest.raises(BulkError, match="empty_file"):
        await _send(shop, csv_file(HEADER, ",,,"))


async def test_a_row_with_a_bad_byte_does_not_stop_the_others(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "bytes.csv"
    path.write_bytes(f"{HEADER}\nc-1,01012345678,가,1\nc-2,01012345678,".encode() + b"\xff,1\n")
    result = await _send(shop, CustomerFile(path))
    assert (result.queued, result.refused) == (1, {"unreadable_row": 1})
    assert [(problem.line, problem.column) for problem in result.problems] == [(3, "name")]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"tenant": "nobody"}, "unknown_tenant"),
        ({"template": "nothing"}, "unknown_template"),
        ({"template": "secret"}, "unknown_template"),
        ({"template": "notice"}, "missing_column"),
        ({"template": "draft", "route": parse_route("alimtalk")}, "template_not_approved"),
        ({"key": ""}, "bad_key"),
        ({"key": "a\0b"}, "bad_key"),
        ({"key": "k" * 201}, "bad_key"),
    ],
)
async def test_what_can_not_be_done_at_all_is_refused_before_anything_is_written(
    shop: Shop, csv_file: Open, options: dict[str, Any], code: str
) -> None:
    file = csv_file(HEADER, *_people(2))
    for act in (_send, _preview):
        with pytest.raises(BulkError) as refused:
            await act(shop, file, **options)
        assert refused.value.code == code
    assert [shop.count(table) for table in TABLES] == [0, 0, 0]


async def test_a_suspended_tenant_sends_nothing_and_is_told_so_in_both_languages(shop: Shop, csv_file: Open) -> None:
    async with shop.owner.transaction() as connection:
        await suspend(connection, TENANT, why="미납", by="kim", now=NOW)
    file = csv_file(HEADER, *_people(2))
    for act in (_send, _preview):
        with pytest.raises(BulkError, match="tenant_suspended") as refused:
            await act(shop, file)
        assert refused.value.detail_ko
    assert [shop.count(table) for table in TABLES] == [0, 0, 0]


SALE = {"category": "advertising", "sms": {"text": "(광고) saas 봄 세일 무료수신거부 080-123-4567"}}


@pytest.mark.parametrize(
    ("hour", "minute", "change", "code"),
    [
        (5, 47, {}, "night_advertising"),
        (21, 0, {}, "night_advertising"),
        (20, 59, {}, None),
        (8, 0, {}, None),
        (12, 0, {"sms": {"text": "봄 세일 무료수신거부 080-123-4567"}}, "advertising_unmarked"),
        (12, 0, {"sms": {"text": "(광고) 봄 세일"}}, "opt_out_missing"),
    ],
)
async def test_advertising_that_the_law_forbids_sends_nothing_and_says_why(
    shop: Shop, csv_file: Open, hour: int, minute: int, change: dict[str, Any], code: str | None
) -> None:
    async with shop.owner.transaction() as connection:
        await save_templates(
            connection, TENANT, {"sale": (TemplateContent.model_validate(SALE | change), "draft")}, now=NOW
        )
    shop.clock.moment = NOW.astimezone(SEOUL).replace(hour=hour, minute=minute).astimezone(dt.UTC)
    file = csv_file("id,phone", "c-1,01012345678")
    if code is None:
        assert (await _send(shop, file, "sale")).queued == 1
        return
    with pytest.raises(BulkError) as refused:
        await _send(shop, file, "sale")
    assert refused.value.code == code
    assert refused.value.detail_ko
    if code == "night_advertising":
        assert "08:00 (Seoul)" in refused.value.detail
        assert "8시부터 보낼 수 있습니다" in refused.value.detail_ko
    assert [shop.count(table) for table in TABLES] == [0, 0, 0]
    previewed = await _preview(shop, file, "sale")
    assert (previewed.queued, previewed.preflight.ready) == (1, False)
    assert code in [check.code for check in previewed.preflight.checks]


async def test_words_that_fit_one_channel_only_are_told_before_it_leaves(shop: Shop, csv_file: Open) -> None:
    file = csv_file(HEADER, "c-1,01012345678,지우,1", "c-2,01012345678,😀,1", "c-3,01012345678,똠이,1")
    result = await _send(shop, file)
    [warning] = [check for check in result.preflight.checks if check.code == "no_fallback"]
    assert (result.queued, warning.verdict) == (3, "warning")
    assert "2 messages" in warning.detail
    assert "2건" in warning.detail_ko


async def test_names_as_keyboards_and_web_pages_write_them_are_sent(shop: Shop, csv_file: Open) -> None:
    pieces, sticky = "\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc", "홍\xa0길동\u200b"
    file = csv_file(
        "id,phone,말", f"c-1,01012345678,{pieces}", f"c-2,01012345679,{sticky}", 'c-3,01012345670,"가\r\n나"'
    )
    result = await _send(shop, file, "notice")
    assert (result.queued, result.failed) == (3, {})
    kept = shop.rows("select variables from messages order by customer")
    assert [row["variables"] for row in kept] == [{"말": "홍길동"}, {"말": "홍 길동"}, {"말": "가\n나"}]


async def test_a_key_is_not_taken_for_another_template(shop: Shop, csv_file: Open) -> None:
    file = csv_file(HEADER, *_people(1))
    await _send(shop, file, key="k")
    with pytest.raises(BulkError, match="key_reused: the key 'k' was used with template 'receipt' before"):
        await _send(shop, file, "draft", key="k")


async def test_alimtalk_is_left_out_where_its_words_are_not_approved(shop: Shop, csv_file: Open) -> None:
    result = await _send(shop, csv_file(HEADER, *_people(1)), "draft")
    assert (result.route, result.left_out) == (("sms",), ["alimtalk"])
    assert [(row["route"], row["channel"]) for row in shop.rows("select route, channel from messages")] == [
        (["sms"], "sms")
    ]


async def test_what_the_file_tells_of_customers_is_kept_and_its_blank_cells_tell_nothing(
    shop: Shop, csv_file: Open
) -> None:
    shop.rows(
        "insert into customers (tenant, id, name, phone, plan, as_of) values "
        "('saas', 'old', '옛이름', '010-1111-2222', 'basic', %(past)s), "
        "('saas', 'same', '그대로', '010-0000-0001', 'basic', %(past)s), "
        "('saas', 'newer', '새이름', '010-1111-3333', 'pro', %(future)s)",
        past=NOW - dt.timedelta(days=1),
        future=NOW + dt.timedelta(seconds=1),
    )
    file = csv_file(
        "id,phone,name,amount,plan",
        "old,nonsense,이름,1,",
        "same,010-0000-0001,그대로,1,",
        "newer,010-9999-9999,다른이름,1,basic",
        "fresh,010-0000-0003,새손님,1,pro",
    )
    await _send(shop, file)
    rows = shop.rows("select id, name, phone, plan, locale, as_of from customers order by id")
    assert [tuple(row.values()) for row in rows] == [
        ("fresh", "새손님", "010-0000-0003", "pro", "ko", NOW),
        ("newer", "새이름", "010-1111-3333", "pro", "ko", NOW + dt.timedelta(seconds=1)),
        ("old", "이름", "010-1111-2222", "basic", "ko", NOW),
        ("same", "그대로", "010-0000-0001", "basic", "ko", NOW - dt.timedelta(days=1)),
    ]


async def test_the_estimate_counts_each_channel_at_the_tenants_price(shop: Shop, csv_file: Open) -> None:
    shop.rows(
        "insert into prices (tenant, channel, valid_from, price) values ('saas', 'sms', %(now)s, 18.5), "
        "('saas', 'sms', %(later)s, 1)",
        now=NOW - dt.timedelta(hours=1),
        later=NOW + dt.timedelta(hours=1),
    )
    result = await _send(shop, csv_file(HEADER, *_people(3), f"long,01012345678,{'가' * 50},1"))
    estimate = result.preflight.estimate
    assert estimate is not None
    alimtalk = estimate.by_channel[0]
    assert (alimtalk.channel, alimtalk.messages, alimtalk.won) == ("alimtalk", 4, Decimal(60))
    assert (estimate.at_least, estimate.at_most) == (Decimal(60), 3 * Decimal("18.5") + 50)


async def _preview(shop: Shop, file: CustomerFile, template: str = "receipt", **options: Any) -> BulkResult:
    options = {"tenant": TENANT, "template": template, "customers": file, **options}
    return await preview_bulk(shop.api, shop.clock, **options)


async def test_a_preview_tells_what_a_send_would_come_to_and_writes_nothing(shop: Shop, csv_file: Open) -> None:
    file = csv_file(HEADER, *_people(600), "bad,nonsense,n,1", ",01012345678,n,1")
    seen = await _preview(shop, file)
    assert [shop.count(table) for table in TABLES] == [0, 0, 0]
    sent = await _send(shop, file)
    assert sent.key is not None
    assert seen == replace(sent, key=None)
    assert [(sample.to, sample.channel, sample.text) for sample in seen.samples] == [
        ("010****0000", "alimtalk", "사람0님, 1,000원을 받았습니다."),
        ("010****0001", "alimtalk", "사람1님, 1,001원을 받았습니다."),
        ("010****0002", "alimtalk", "사람2님, 1,002원을 받았습니다."),
    ]


async def test_progress_is_told_after_each_batch(shop: Shop, csv_file: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "ROWS_A_BATCH", 400)
    told: list[Progress] = []
    file = csv_file(HEADER, *_people(1_000))
    result = await _send(shop, file, on_progress=told.append)
    assert [(one.doing, one.asked, one.queued, one.key) for one in told] == [
        ("queueing", rows, rows, result.key) for rows in (0, 400, 800, 1_000)
    ]
    assert told[-1].share == 1.0
    assert [one.share for one in told] == sorted(one.share for one in told)


async def test_a_send_makes_room_for_others_after_a_batch_that_was_slow(
    shop: Shop, csv_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "ROWS_A_BATCH", 5)
    clock, seconds = Pauses(NOW), iter([0.1, 0.1, 0.4, 0.1])

    async def hook(boundary: str) -> None:
        if boundary == "before queue_alike":
            clock.advance(next(seconds))

    database, file = WatchedDatabase(shop.api, hook), csv_file(HEADER, *_people(20))
    result = await send_bulk(database, shop.publisher, clock, tenant=TENANT, template="receipt", customers=file)
    assert result.queued == 20
    assert clock.slept == pytest.approx([0.3])


MANY_WAYS = {
    "push": {"title": "안내", "text": "#{말}"},
    "email": {"subject": "안내", "text": "#{말}"},
    "sms": {"text": "#{말}"},
}


async def test_each_customer_is_sent_to_on_the_channels_that_reach_them(shop: Shop, csv_file: Open) -> None:
    words: dict[str, tuple[TemplateContent, Approval]] = {"news": (TemplateContent.model_validate(MANY_WAYS), "draft")}
    async with shop.owner.transaction() as connection:
        await save_templates(connection, TENANT, words, now=NOW)
    file = csv_file(
        "id,phone,email,말",
        "c-1,010-9000-4000,a@example.com,가",
        "c-2,,b@example.com,나",
        "c-3,010-9000-4001,,다",
        "c-4,집,nobody,라",
    )
    route = parse_route(["email", "sms"])
    result = await _send(shop, file, template="news", route=route)
    kept = shop.rows("select customer, route, recipient, reason from messages order by customer")
    assert [(row["customer"], row["route"], row["recipient"], row["reason"]) for row in kept] == [
        ("c-1", ["email", "sms"], "01090004000", None),
        ("c-2", ["email"], None, None),
        ("c-3", ["sms"], "01090004001", None),
        ("c-4", ["email", "sms"], None, "bad_email"),
    ]
    assert result.queued == 3
    [warning] = [check for check in result.preflight.checks if check.code == "no_fallback"]
    assert "2 messages" in warning.detail
