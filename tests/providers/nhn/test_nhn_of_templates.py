"""Templates at NHN Cloud, over HTTP to its simulator: registered, inspected, changed, read back."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest

from shared.providers import ProviderAccount, ProviderRefused, ProviderUndecided
from shared.providers.base import Button
from shared.providers.nhn.hooks import template_hooks
from shared.providers.nhn.kakao import NhnKakao
from shared.providers.templated.base import TemplateWords
from shared.providers.templated.nhn import STATUSES, NhnTemplates
from tests.providers.simulated import NHN_TEMPLATE, Simulator
from tests.simulator.client import open_inbox

WORDS = TemplateWords(
    name="order-paid",
    text="#{이름}님, 주문 #{번호} 접수",
    message_type="MI",
    buttons=(
        Button("채널 추가", kind="AC"),
        Button("주문 보기", "https://a.example/#{번호}", "https://a.example/#{번호}"),
        Button("앱으로", kind="AL", android="moa://o", ios="moa://o"),
    ),
    quick_replies=(Button("확인했습니다", kind="BK"),),
    title="#{금액}원",
    subtitle="결제 금액",
    extra="문의는 고객센터로",
    category="004001",
    security=True,
)
LISTED = TemplateWords(
    name="reserved", text="예약 확정", header="예약 확정", items=(("일시", "#{일시}"), ("인원", "2명"))
)


@pytest.fixture
def account(simulator: Simulator) -> ProviderAccount:
    return simulator.add_kakao_app()


@pytest.fixture
def templates(simulator: Simulator, client: httpx.AsyncClient) -> NhnTemplates:
    return NhnTemplates(NhnKakao(simulator.url, client))


def judge(simulator: Simulator, account: ProviderAccount, code: str, status: str, **fields: Any) -> None:
    verdict = {"provider": "nhn_kakao", "appKey": account.secrets["app_key"], "templateCode": code, "status": status}
    simulator.control.put("/control/templates", json=verdict | fields).raise_for_status()


@pytest.mark.parametrize("words", [WORDS, LISTED], ids=["buttons and a title", "a list"])
async def test_a_template_is_registered_which_asks_for_its_inspection_and_read_back_whole(
    templates: NhnTemplates, account: ProviderAccount, words: TemplateWords
) -> None:
    made = await templates.create_template(account, words, "mine")
    assert (made.code, made.words, made.status, made.comments) == ("mine", words, "submitted", ())
    assert await templates.read_template(account, "mine") == made
    assert await templates.read_template(account, "nobody") is None
    assert (await templates.submit_template(account, "mine")) == made


async def test_a_rejected_one_is_changed_or_asked_about_and_inspected_again(
    templates: NhnTemplates, account: ProviderAccount, simulator: Simulator
) -> None:
    await templates.create_template(account, WORDS, "mine")
    judge(simulator, account, "mine", "TSC04", comment="변수를 줄여 주세요.")
    rejected = await templates.read_template(account, "mine")
    assert rejected is not None
    assert (rejected.status, [each.text for each in rejected.comments]) == ("rejected", ["변수를 줄여 주세요."])
    asked = await templates.submit_template(account, "mine")
    assert (asked.status, len({each.key for each in asked.comments})) == ("submitted", 2)
    judge(simulator, account, "mine", "TSC04")
    bare = TemplateWords(name="order-paid", text="#{이름}님, 접수", category="004001")
    changed = await templates.update_template(account, "mine", bare)
    assert (changed.words, changed.status) == (bare, "submitted")


async def test_what_is_approved_is_neither_changed_nor_taken_away(
    templates: NhnTemplates, account: ProviderAccount
) -> None:
    for change in (
        templates.update_template(account, NHN_TEMPLATE, WORDS),
        templates.delete_template(account, NHN_TEMPLATE),
    ):
        with pytest.raises(ProviderRefused, match="승인된"):
            await change
    await templates.create_template(account, WORDS, "mine")
    for _ in range(2):
        await templates.delete_template(account, "mine")
    assert await templates.read_template(account, "mine") is None


async def test_a_code_that_is_there_is_refused_and_a_lost_answer_is_read_again(
    templates: NhnTemplates, account: ProviderAccount, simulator: Simulator
) -> None:
    simulator.set_faults_of("nhn", accept_then_drop={"count": 1, "on": "POST .*templates"})
    with pytest.raises(ProviderUndecided):
        await templates.create_template(account, WORDS, "mine")
    [_, mine] = (await templates.list_templates(account)).templates
    assert (mine.code, mine.words) == ("mine", WORDS)
    with pytest.raises(ProviderRefused) as caught:
        await templates.create_template(account, WORDS, "mine")
    assert caught.value.code == "-3001"


async def test_templates_are_listed_page_by_page(
    templates: NhnTemplates, account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.providers.templated.nhn.PAGE", 2)
    for number in range(4):
        await templates.create_template(account, LISTED._replace(name=f"n{number}"), f"c{number}")
    found, page = [], None
    while True:
        listed = await templates.list_templates(account, page)
        found += [template.code for template in listed.templates]
        page = listed.following
        if page is None:
            break
    assert found == [NHN_TEMPLATE, "c0", "c1", "c2", "c3"]


async def test_a_verdict_that_is_brought_by_a_call_is_the_one_that_is_read(
    templates: NhnTemplates, simulator: Simulator
) -> None:
    async with open_inbox() as inbox:
        account = simulator.add_kakao_app(webhook_url=inbox.url)
        judge(simulator, account, NHN_TEMPLATE, "TSC04", comment="안 됩니다.")
        await inbox.until(lambda inbox: bool(inbox.calls))
        [told] = template_hooks(orjson.dumps(inbox.calls[0].events))
    read = await templates.read_template(account, told.code)
    assert read is not None
    assert (read.status, told.channel) == (STATUSES[told.status], account.kakao_channel)
    assert [(each.key, each.text) for each in told.comments] == [(each.key, each.text) for each in read.comments]
