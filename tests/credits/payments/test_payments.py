"""Paying for credit: whatever is told, in whatever order and however often, the money is counted once."""

from __future__ import annotations

import asyncio
import datetime as dt

import orjson
import pytest

from shared.credits.errors import CreditError
from shared.credits.payments.store import DECIDE_UNDECIDED
from shared.operations.health.store import GAUGES
from shared.platform.database import fetch_all
from shared.providers import ProviderError
from shared.providers.toss import RefundAccount
from tests.credits.paying import TENANT, Till


def told(order_id: str, event_type: str = "PAYMENT_STATUS_CHANGED", **more: str) -> bytes:
    return orjson.dumps({"eventType": event_type, "data": {"orderId": order_id, **more}})


async def test_a_confirmed_payment_becomes_credit(till: Till) -> None:
    order_id = await till.paid(12_000)
    assert await till.balance() == 12_000
    assert (await till.shop.charged())["charged"] == 12_000
    [row] = till.rows("select status::text, method from payment_orders where id = %(id)s", id=order_id)
    assert row["status"] == "paid"
    assert await till.difference() == 0


async def test_an_amount_changed_between_order_and_confirm_takes_no_money(till: Till) -> None:
    order_id, payment_key = await till.ordered(10_000)
    with pytest.raises(CreditError, match="amount_changed"):
        await till.payments.confirm(TENANT, order_id, payment_key, 100)
    assert (await till.shop.charged())["charged"] == 0
    assert await till.balance() == 0


@pytest.mark.parametrize("amount", [0, -1, 1.5, "abc", "NaN", 10**10, None, ""])
async def test_an_amount_that_is_no_positive_whole_won_is_refused(till: Till, amount: object) -> None:
    with pytest.raises(CreditError, match="bad_amount"):
        await till.payments.create_order(TENANT, amount)


async def test_confirming_ten_times_at_once_counts_once(till: Till) -> None:
    order_id, payment_key = await till.ordered()
    confirms = (till.payments.confirm(TENANT, order_id, payment_key, 10_000) for _ in range(10))
    answers = await asyncio.gather(*confirms, return_exceptions=True)
    assert any(not isinstance(answer, BaseException) for answer in answers)
    await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    assert await till.balance() == 10_000
    assert (await till.shop.charged())["doubles"] in (0, [])


async def test_another_tenants_order_does_not_exist(till: Till) -> None:
    order_id, payment_key = await till.ordered()
    with pytest.raises(CreditError, match="unknown_order"):
        await till.payments.confirm("childcare", order_id, payment_key, 10_000)


async def test_a_refused_card_says_why_and_the_order_can_be_paid_again(till: Till) -> None:
    order_id, payment_key = await till.ordered(10_000, outcome="reject")
    with pytest.raises(CreditError, match="payment_refused"):
        await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    assert await till.balance() == 0
    again = await till.shop.authenticate(order_id, 10_000)
    await till.payments.confirm(TENANT, order_id, again, 10_000)
    assert await till.balance() == 10_000


async def test_a_webhook_before_the_confirmation_ends_the_same_way(till: Till) -> None:
    order_id, payment_key = await till.ordered()
    await till.shop.confirm(payment_key, order_id)
    await till.told(told(order_id))
    assert await till.balance() == 10_000
    await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    assert await till.balance() == 10_000


async def test_a_webhook_told_five_times_counts_once(till: Till) -> None:
    order_id = await till.paid()
    for _ in range(5):
        await till.told(told(order_id))
    assert await till.balance() == 10_000


async def test_a_forged_webhook_changes_nothing_since_the_payment_is_fetched(till: Till) -> None:
    order_id, _ = await till.ordered()
    await till.told(told(order_id, status="DONE", totalAmount="10000"))
    assert await till.balance() == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"eventType": "PAYMENT_STATUS_CHANGED", "data": {}}', b"\xff"])
async def test_a_call_that_toss_does_not_make_is_malformed(till: Till, body: bytes) -> None:
    with pytest.raises(CreditError, match="malformed"):
        await till.told(body)


@pytest.mark.parametrize(
    "order_id", ["saas_\0abcdef", "short", "x" * 65, "saas/../abcdef", "saas_가나다라", " saas_1", "a" * 9 + "\n"]
)
async def test_an_order_id_that_is_none_of_ours_is_malformed(till: Till, order_id: str) -> None:
    with pytest.raises(CreditError, match="malformed"):
        await till.told(told(order_id))


async def test_a_webhook_for_an_order_that_nobody_made_is_refused(till: Till) -> None:
    with pytest.raises(CreditError, match="unknown_order"):
        await till.told(told("saas_000000000000"))


async def test_a_lost_answer_to_confirm_is_decided_by_asking(till: Till) -> None:
    order_id, payment_key = await till.ordered()
    await till.shop.faults(accept_then_drop={"count": 1, "on": "POST .*/confirm$"})
    with pytest.raises(ProviderError):
        await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    assert await till.balance() == 0
    till.clock.advance(120)
    await till.sweeping.reconcile()
    assert await till.balance() == 10_000
    assert (await till.shop.charged())["charged"] == 10_000


async def test_orders_that_can_not_be_decided_do_not_keep_the_others_waiting(till: Till) -> None:
    await till.shop.faults(accept_then_drop={"count": 21, "on": "POST .*/confirm$"})
    orders = [await till.ordered() for _ in range(21)]
    for order_id, payment_key in orders:
        with pytest.raises(ProviderError):
            await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    sick = "|".join(order_id for order_id, _ in orders[:20])
    await till.shop.faults(drop_before={"rate": 1.0, "on": f"GET .*/orders/({sick})$"})
    till.clock.advance(120)
    await till.sweeping.reconcile()
    assert await till.balance() == 10_000
    [asks] = till.rows("select sum(asks) as asks from payment_orders")
    await till.sweeping.reconcile()
    assert till.rows("select sum(asks) as asks from payment_orders") == [asks]  # not again at once
    await till.shop.faults()
    till.clock.advance(120)
    await till.sweeping.reconcile()
    assert await till.balance() == 210_000
    assert await till.difference() == 0


async def test_a_deposit_of_which_no_call_tells_is_found_by_asking(till: Till) -> None:
    order_id, payment_key = await till.ordered(10_000, method="virtual_account")
    await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    for _ in range(5):
        till.clock.advance(3_600)
        await till.sweeping.reconcile()
    assert await till.balance() == 0
    await till.shop.control("deposit", orderId=order_id)
    till.clock.advance(3_601)
    await till.sweeping.reconcile()
    assert await till.balance() == 10_000
    assert await till.difference() == 0


async def test_a_deposit_becomes_credit_when_it_comes_and_only_with_its_secret(till: Till) -> None:
    order_id, payment_key = await till.ordered(10_000, method="virtual_account")
    waiting = await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    assert waiting.status == "waiting_for_deposit"
    assert await till.balance() == 0
    await till.shop.control("deposit", orderId=order_id)
    forged = orjson.dumps({"createdAt": "x", "secret": "wrong", "status": "DONE", "orderId": order_id})
    with pytest.raises(CreditError, match="wrong_secret"):
        await till.told(forged)
    assert await till.balance() == 0
    true = orjson.dumps({"createdAt": "x", "secret": waiting.deposit_secret, "status": "DONE", "orderId": order_id})
    await till.told(true)
    assert await till.balance() == 10_000


async def test_a_reversed_deposit_takes_its_credit_with_it_and_may_come_again(till: Till) -> None:
    order_id, payment_key = await till.ordered(10_000, method="virtual_account")
    await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    for expected, reversed_ in ((10_000, False), (0, True), (10_000, False)):
        await till.shop.control("deposit", orderId=order_id, reversed=reversed_)
        await till.told(told(order_id))
        assert await till.balance() == expected
    assert await till.difference() == 0


async def test_partial_cancels_take_back_just_their_credit(till: Till) -> None:
    order_id = await till.paid(10_000)
    await till.payments.cancel(TENANT, order_id, 3_000, "고객 요청", key="a")
    assert await till.balance() == 7_000
    await till.payments.cancel(TENANT, order_id, 3_000, "고객 요청", key="a")
    assert await till.balance() == 7_000
    order = await till.payments.cancel(TENANT, order_id, None, "고객 요청", key="b")
    assert order.status == "cancelled"
    assert order.cancelled == 10_000
    assert await till.balance() == 0
    assert (await till.shop.charged())["cancelled"] == 10_000
    assert await till.difference() == 0


@pytest.mark.parametrize("amount", [7_000, None])
async def test_a_cancels_key_does_not_stand_for_another_amount(till: Till, amount: int | None) -> None:
    order_id = await till.paid(10_000)
    await till.payments.cancel(TENANT, order_id, 1_000, "고객 요청", key="a")
    with pytest.raises(CreditError, match="key_used") as refused:
        await till.payments.cancel(TENANT, order_id, amount, "고객 요청", key="a")
    assert "1,000원" in refused.value.sentence
    assert [await till.balance(), (await till.shop.charged())["cancelled"]] == [9_000, 1_000]


async def test_all_that_is_left_is_cancelled_once_by_its_key(till: Till) -> None:
    order_id = await till.paid(10_000)
    await till.payments.cancel(TENANT, order_id, 1_000, "고객 요청", key="a")
    for amount in (None, None, 9_000):
        order = await till.payments.cancel(TENANT, order_id, amount, "고객 요청", key="b")
        assert order.status == "cancelled"
    assert [await till.balance(), (await till.shop.charged())["cancelled"]] == [0, 10_000]


async def test_a_refused_cancel_is_refused_again_by_its_key_and_another_key_may_try(till: Till) -> None:
    order_id = await deposited(till)
    await till.shop.faults(drop_before={"count": 1, "on": "POST .*/cancel$"})
    with pytest.raises(ProviderError):
        await till.payments.cancel(TENANT, order_id, 4_000, "고객 요청", key="a", refund_account=ACCOUNT)
    till.clock.advance(120)
    await till.sweeping.reconcile()  # it has no account to name, so Toss refuses
    [kept] = till.rows("select status, detail from payment_cancels")
    assert kept["status"] == "refused"
    with pytest.raises(CreditError, match="cancel_refused") as again:
        await till.payments.cancel(TENANT, order_id, 4_000, "고객 요청", key="a", refund_account=ACCOUNT)
    assert again.value.detail == kept["detail"]
    assert again.value.detail_ko == kept["detail"].partition(": ")[2]
    assert await till.balance() == 10_000
    await till.payments.cancel(TENANT, order_id, 4_000, "고객 요청", key="b", refund_account=ACCOUNT)
    assert [await till.balance(), (await till.shop.charged())["cancelled"]] == [6_000, 4_000]


async def test_a_refund_over_what_is_left_is_refused(till: Till) -> None:
    order_id = await till.paid(10_000)
    with pytest.raises(CreditError, match="not_cancellable"):
        await till.payments.cancel(TENANT, order_id, 10_001, "고객 요청", key="a")
    assert await till.balance() == 10_000


async def test_credit_that_was_spent_can_not_be_refunded(till: Till) -> None:
    order_id = await till.paid(10_000)
    till.spend(4_000)
    with pytest.raises(CreditError, match="credit_shortage"):
        await till.payments.cancel(TENANT, order_id, 7_000, "고객 요청", key="a")
    assert await till.balance() == 6_000
    assert (await till.shop.charged())["cancelled"] == 0
    await till.payments.cancel(TENANT, order_id, 6_000, "고객 요청", key="b")
    assert await till.balance() == 0


async def test_a_lost_answer_to_cancel_is_decided_by_asking(till: Till) -> None:
    order_id = await till.paid(10_000)
    await till.shop.faults(accept_then_drop={"count": 1, "on": "POST .*/cancel$"})
    with pytest.raises(ProviderError):
        await till.payments.cancel(TENANT, order_id, 4_000, "고객 요청", key="a")
    assert await till.balance() == 6_000
    till.clock.advance(120)
    await till.sweeping.reconcile()
    assert await till.balance() == 6_000
    assert (await till.shop.charged())["cancelled"] == 4_000
    [row] = till.rows("select status from payment_cancels")
    assert row["status"] == "done"


async def test_a_cancel_that_never_reached_toss_is_asked_again(till: Till) -> None:
    order_id = await till.paid(10_000)
    await till.shop.faults(drop_before={"count": 1, "on": "POST .*/cancel$"})
    with pytest.raises(ProviderError):
        await till.payments.cancel(TENANT, order_id, 4_000, "고객 요청", key="a")
    till.clock.advance(120)
    await till.sweeping.reconcile()
    assert (await till.shop.charged())["cancelled"] == 4_000
    assert await till.balance() == 6_000


ACCOUNT = RefundAccount("20", "1002003004005", "김고객")


async def deposited(till: Till) -> str:
    order_id, payment_key = await till.ordered(10_000, method="virtual_account")
    await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    await till.shop.control("deposit", orderId=order_id)
    await till.told(told(order_id))
    return order_id


async def test_a_deposit_goes_back_to_the_account_that_was_named_and_to_none_without(till: Till) -> None:
    order_id = await deposited(till)
    with pytest.raises(CreditError, match="refund_account_needed"):
        await till.payments.cancel(TENANT, order_id, 4_000, "고객 요청", key="a")
    assert [await till.balance(), (await till.shop.charged())["cancelled"]] == [10_000, 0]
    await till.payments.cancel(TENANT, order_id, 4_000, "고객 요청", key="a", refund_account=ACCOUNT)
    assert [await till.balance(), (await till.shop.charged())["cancelled"]] == [6_000, 4_000]
    assert await till.difference() == 0


@pytest.mark.parametrize(("fault", "back"), [("accept_then_drop", 4_000), ("drop_before", 0)])
async def test_a_lost_refund_of_a_deposit_was_made_or_its_credit_is_given_again(
    till: Till, fault: str, back: int
) -> None:
    order_id = await deposited(till)
    await till.shop.faults(**{fault: {"count": 1, "on": "POST .*/cancel$"}})
    with pytest.raises(ProviderError):
        await till.payments.cancel(TENANT, order_id, 4_000, "고객 요청", key="a", refund_account=ACCOUNT)
    assert await till.balance() == 6_000
    till.clock.advance(120)
    await till.sweeping.reconcile()
    assert [await till.balance(), (await till.shop.charged())["cancelled"]] == [10_000 - back, back]
    await till.payments.cancel(TENANT, order_id, None, "고객 요청", key="b", refund_account=ACCOUNT)
    assert [await till.balance(), (await till.shop.charged())["cancelled"]] == [0, 10_000]


async def test_a_cancel_in_the_dashboard_takes_its_credit_back(till: Till) -> None:
    order_id = await till.paid(10_000)
    await till.shop.control("cancel", orderId=order_id, amount=2_500)
    for _ in range(3):
        await till.told(told(order_id))
    assert await till.balance() == 7_500


async def test_a_dashboard_cancel_of_spent_credit_tells_a_person_and_the_ledger_stays_true(till: Till) -> None:
    order_id = await till.paid(10_000)
    till.spend(9_000)
    await till.shop.control("cancel", orderId=order_id)
    await till.told(told(order_id))
    account = await till.account()
    assert account.available == 1_000
    assert till.alerts() == ["cancel_without_credit"]


async def plan_of(till: Till, role: str, statement: str, parameters: dict[str, object]) -> str:
    """How the database finds rows of a statement, as one of its roles."""
    async with till.owner.transaction() as connection:
        await connection.execute(f"set local role {role}")
        lines = await fetch_all(connection, f"explain {statement}", parameters)
    return "\n".join(str(line["QUERY PLAN"]) for line in lines)


async def test_what_is_undecided_or_has_failed_is_found_among_50_000_orders(till: Till) -> None:
    now = till.clock.now()
    till.rows(
        "insert into payment_orders (tenant, id, amount, purpose, status, created_at, updated_at)"
        " select %(tenant)s, 'order_' || n, 1000, 'topup', (case n %% 10 when 0 then 'cancelled' when 1 then 'failed'"
        "   when 2 then 'created' else 'paid' end)::order_status, at, at"
        " from generate_series(1, 50000) n"
        " cross join lateral (select %(now)s - n * interval '10 minutes' as at) moments",
        tenant=TENANT,
        now=now,
    )
    till.rows(
        "insert into payment_cancels (tenant, id, order_id, amount, reason, status, created_at, updated_at)"
        " select tenant, gen_random_uuid(), id, 1, 'x', 'done', %(now)s, %(now)s from payment_orders limit 5000",
        now=now,
    )
    till.rows("analyze payment_orders, payment_cancels")
    hour = dt.timedelta(hours=1)
    asked = {"now": now, "before": now, "first": hour, "longest": hour, "limit": 20, "without": ["plan"]}
    undecided = await plan_of(till, "allim_sweeper", DECIDE_UNDECIDED, asked)
    assert "payment_orders_undecided" in undecided
    assert "payment_cancels_undecided" in undecided
    assert "Seq Scan" not in undecided
    since = dict.fromkeys(("letters_since", "failures_since", "payments_since"), now - dt.timedelta(hours=1))
    others = {"patience": dt.timedelta(1), "old_tickets": 1}
    gauges = await plan_of(till, "allim_health", GAUGES, {"now": now, **since, **others})
    assert "payment_orders_failed" in gauges
