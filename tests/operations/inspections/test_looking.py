"""Accounts are looked at: verdicts, comments and drifts come as they are made, and are told once."""

import datetime as dt

from shared.operations.inspections.looking import DAILY, SOON, TOLD_FOR
from tests.operations.inspections.conftest import Desk

DRIFTED = "#{이름}님, 접수 되었습니다."


async def _later(desk: Desk, by: dt.timedelta) -> None:
    desk.world.clock.moment += by
    await desk.inspections.look()


async def test_a_rejection_comes_with_its_comment_and_an_approval_follows(desk: Desk) -> None:
    shop = await desk.shop()
    await desk.inspections.look()
    assert desk.approvals(shop.tenant) == {1: "submitted"}
    desk.simulator.judge(shop, "KA1", "REJECTED", comment="광고성 문구가 있습니다.")
    await _later(desk, SOON - dt.timedelta(seconds=1))
    assert desk.approvals(shop.tenant) == {1: "submitted"}, "nobody is asked faster than that"
    await _later(desk, dt.timedelta(seconds=1))
    assert desk.approvals(shop.tenant) == {1: "rejected"}
    assert desk.told(shop.tenant) == [("approval", "submitted → rejected"), ("comment", "광고성 문구가 있습니다.")]
    desk.simulator.judge(shop, "KA1", "APPROVED")
    await _later(desk, DAILY)
    assert desk.approvals(shop.tenant) == {1: "approved"}
    await _later(desk, DAILY)
    assert len(desk.told(shop.tenant)) == 3, "what was told is told once"


async def test_an_approved_text_that_changes_at_the_provider_is_told_once(desk: Desk) -> None:
    shop = await desk.shop("approved", status="APPROVED")
    await desk.inspections.look()
    assert desk.told(shop.tenant) == []
    desk.simulator.judge(shop, "KA1", "APPROVED", content=DRIFTED)
    for _ in range(3):
        await _later(desk, DAILY)
    [(kind, detail)] = desk.told(shop.tenant)
    assert (kind, "NHN -3010" in detail) == ("drift", True)
    assert desk.approvals(shop.tenant) == {1: "approved"}
    assert desk.alerts(shop.tenant) == [("template_lost", True)]


async def test_a_lost_template_is_told_until_it_is_mended(desk: Desk) -> None:
    shop = await desk.shop("approved", status="REJECTED")
    await desk.inspections.look()
    assert desk.approvals(shop.tenant) == {1: "rejected"}
    assert desk.alerts(shop.tenant) == [("template_lost", True)]
    await _later(desk, TOLD_FOR)
    assert desk.alerts(shop.tenant) == [("template_lost", True)]
    await _later(desk, dt.timedelta(seconds=1))
    assert desk.alerts(shop.tenant) == [("template_lost", False)]


async def test_what_somebody_changed_while_it_was_inspected_is_a_draft_again(desk: Desk) -> None:
    shop = await desk.shop()
    desk.simulator.judge(shop, "KA1", "APPROVED", content=DRIFTED)
    await desk.inspections.look()
    assert desk.approvals(shop.tenant) == {1: "draft"}


async def test_a_template_that_is_gone_is_retired(desk: Desk) -> None:
    shop = await desk.shop(status="REJECTED", approval="submitted")
    await desk.inspections.look()
    desk.world.rows("update template_versions set approval = 'approved' where tenant = %s", shop.tenant)
    await desk.templates.delete_template(shop, "KA1")
    await _later(desk, DAILY)
    assert desk.approvals(shop.tenant) == {1: "retired"}
    assert desk.told(shop.tenant)[-1] == ("approval", "the provider has it no more")


async def test_an_account_whose_provider_fails_is_put_off_and_holds_nobody_up(desk: Desk) -> None:
    broken, well = await desk.shop(), await desk.shop()
    desk.world.rows("update template_looks set look_at = 'infinity'")
    desk.simulator.change_account(broken, apiSecret="another")
    desk.simulator.judge(well, "KA1", "APPROVED")
    await desk.inspections.look()
    assert desk.approvals(well.tenant) == {1: "approved"}
    assert desk.approvals(broken.tenant) == {1: "submitted"}
    [row] = desk.world.rows("select tries, look_at from template_looks where tenant = %s", broken.tenant)
    assert row["tries"] == 1
    assert row["look_at"] > desk.world.clock.now()


async def test_a_template_that_nobody_can_read_is_its_own_trouble(desk: Desk) -> None:
    shop = await desk.shop()
    desk.world.rows(
        "with v as (insert into template_versions (tenant, name, version, content, approval) values"
        " (%(tenant)s, 'odd', 1, '{\"alimtalk\": {\"code\": \"KA2\"}}', 'submitted'))"
        " insert into templates values (%(tenant)s, 'odd', 1)",
        tenant=shop.tenant,
    )
    desk.simulator.judge(shop, "KA1", "APPROVED")
    await desk.inspections.look()
    [row] = desk.world.rows("select approval from template_versions where tenant = %s and name = 'order'", shop.tenant)
    assert row["approval"] == "approved"
