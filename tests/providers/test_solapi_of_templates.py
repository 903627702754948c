"""Templates at SOLAPI, over HTTP to its simulator: registered, changed, inspected, read back."""

import pytest

from shared.providers import ProviderAccount, ProviderRefused
from shared.providers.base import Button
from shared.providers.solapi import Solapi
from shared.providers.templated.base import TemplateWords
from shared.providers.templated.solapi import SolapiTemplates
from tests.providers.simulated import TEMPLATE_CODE, Simulator

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
def templates(solapi: Solapi) -> SolapiTemplates:
    return SolapiTemplates(solapi)


@pytest.mark.parametrize("words", [WORDS, LISTED], ids=["buttons and a title", "a list"])
async def test_a_template_is_registered_as_a_draft_and_read_back_whole(
    templates: SolapiTemplates, account: ProviderAccount, words: TemplateWords
) -> None:
    made = await templates.create_template(account, words, None)
    assert (made.words, made.status, made.comments) == (words, "draft", ())
    assert await templates.read_template(account, made.code) == made


async def test_what_is_taken_out_of_a_template_is_taken_out_there(
    templates: SolapiTemplates, account: ProviderAccount
) -> None:
    made = await templates.create_template(account, WORDS, None)
    bare = TemplateWords(name="order-paid", text="#{이름}님, 접수", category="004001")
    assert (await templates.update_template(account, made.code, bare)).words == bare


async def test_an_inspection_is_asked_for_once_and_brings_its_verdict_with_a_comment(
    templates: SolapiTemplates, account: ProviderAccount
) -> None:
    waiting = await templates.create_template(account, WORDS, None)
    assert (await templates.submit_template(account, waiting.code)).status == "submitted"
    assert (await templates.submit_template(account, waiting.code)).status == "submitted", "nobody asks twice"
    refused = await templates.create_template(account, WORDS._replace(name="쿠폰 안내(반려)"), None)
    told = await templates.submit_template(account, refused.code)
    assert told.status == "rejected"
    [comment] = told.comments
    assert (comment.by, "광고성" in comment.text, comment.at is not None) == ("Kakao", True, True)
    again = await templates.read_template(account, refused.code)
    assert again is not None
    assert again.comments == told.comments, "a comment has one key whenever it is read"


async def test_an_inspection_is_asked_for_where_the_vendor_documents_it(
    templates: SolapiTemplates, account: ProviderAccount, simulator: Simulator
) -> None:
    simulator.change_account(account, inspection="/v1/")
    made = await templates.create_template(account, WORDS._replace(name="접수(승인)"), None)
    assert (await templates.submit_template(account, made.code)).status == "approved"


async def test_templates_are_listed_a_page_at_a_time(
    templates: SolapiTemplates, account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.providers.templated.solapi.PAGE", 2)
    made = [(await templates.create_template(account, WORDS, None)).code for _ in range(4)]
    codes, page = [], None
    while True:
        listed = await templates.list_templates(account, page)
        assert len(listed.templates) <= 2
        codes += [template.code for template in listed.templates]
        if (page := listed.following) is None:
            break
    assert codes == [TEMPLATE_CODE, *made]


async def test_what_is_not_there_is_nothing_to_read_or_take_away(
    templates: SolapiTemplates, account: ProviderAccount
) -> None:
    assert await templates.read_template(account, "KA-none") is None
    await templates.delete_template(account, "KA-none")
    made = await templates.create_template(account, WORDS, None)
    await templates.delete_template(account, made.code)
    assert await templates.read_template(account, made.code) is None


async def test_an_approved_template_is_changed_and_taken_away_by_nobody(
    templates: SolapiTemplates, account: ProviderAccount
) -> None:
    for change in (
        templates.update_template(account, TEMPLATE_CODE, WORDS),
        templates.delete_template(account, TEMPLATE_CODE),
    ):
        with pytest.raises(ProviderRefused, match="NotOperationalStatus"):
            await change
