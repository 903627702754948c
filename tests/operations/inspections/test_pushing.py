"""Templates are pushed to the simulated provider, again and again."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.operations.inspections.looking import all_templates
from shared.operations.inspections.pushing import Pushed, Standing, push, standings
from shared.providers import ProviderAccount
from shared.templates.template import TemplateContent, with_code
from tests.operations.inspections.conftest import Desk

_accounts = count(1)

texts = st.text(st.sampled_from("가나다 #{}이름님,."), min_size=1, max_size=30).filter(lambda text: text.strip() != "")
buttons = st.lists(
    st.builds(
        lambda name, path: {"name": name, "mobile": f"https://a.example/{path}"},
        st.sampled_from(["보기", "확인", "변경"]),
        st.sampled_from(["", "o/#{번호}"]),
    ),
    max_size=2,
)
contents = st.dictionaries(
    st.sampled_from(["paid", "shipped", "late"]),
    st.builds(
        lambda text, buttons, title: TemplateContent.model_validate(
            {"alimtalk": {"text": text, "buttons": buttons} | ({"title": title, "subtitle": "금액"} if title else {})}
        ),
        texts,
        buttons,
        st.sampled_from([None, "#{금액}원"]),
    ),
    min_size=1,
)


def _account(desk: Desk) -> ProviderAccount:
    """One of its own at the provider, without templates."""
    secrets = {"api_key": f"NCSPUSH{next(_accounts):08d}", "api_secret": "secret"}
    account = ProviderAccount("shop", "main", "solapi", "021234567", "pf", secrets)
    desk.simulator.change_account(account, pfIds=["pf"])
    return account


async def _push(desk: Desk, account: ProviderAccount, ours: Mapping[str, TemplateContent]) -> list[Pushed]:
    theirs = await all_templates(desk.templates, account)
    known = standings(ours, theirs, takes_our_codes=False)
    codes = {name: content.alimtalk.code for name, content in ours.items() if content.alimtalk}
    return await push(desk.templates, account, known, codes)


@settings(max_examples=20)
@given(first=contents, second=contents)
async def test_pushing_twice_is_pushing_once(
    module_desk: Desk, first: dict[str, TemplateContent], second: dict[str, TemplateContent]
) -> None:
    account = _account(module_desk)
    for ours in (first, {**first, **second}):
        pushed = await _push(module_desk, account, ours)
        assert [each.error for each in pushed] == [None] * len(ours)
        there = await all_templates(module_desk.templates, account)
        again = await _push(module_desk, account, ours)
        assert {each.standing.state for each in again} == {"same"}
        assert await all_templates(module_desk.templates, account) == there
        assert sorted(each.words.name for each in there.values()) == sorted({*first, *ours})
        coded = {
            each.standing.name: with_code(ours[each.standing.name], each.there.code) for each in again if each.there
        }
        assert {each.standing.state for each in await _push(module_desk, account, coded)} == {"same"}


async def test_a_template_whose_registration_got_no_answer_is_found_by_its_name(desk: Desk) -> None:
    account, ours = _account(desk), {"paid": _content("결제되었습니다.")}
    desk.simulator.set_faults(accept_then_drop={"count": 1, "on": "POST /kakao/v2/templates"})
    theirs = standings(ours, {}, takes_our_codes=False)
    [lost] = await push(desk.templates, account, theirs, {})
    assert lost.error is not None
    desk.simulator.set_faults()
    [found] = await _push(desk, account, ours)
    assert found.standing.state == "same"
    assert len(await all_templates(desk.templates, account)) == 1


def _content(text: str, **more: Any) -> TemplateContent:
    return TemplateContent.model_validate({"alimtalk": {"text": text, **more}})


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        ("PENDING", "changed", None),
        ("REJECTED", "changed", None),
        ("INSPECTING", "waiting", "template_waiting"),
        ("APPROVED", "drifted", "template_drifted"),
    ],
)
async def test_changed_words_are_pushed_unless_they_are_inspected_or_approved(
    desk: Desk, status: str, state: str, code: str | None
) -> None:
    account = _account(desk)
    [made] = await _push(desk, account, {"paid": _content("결제되었습니다.")})
    assert made.there is not None
    desk.simulator.judge(account, made.there.code, status)
    [pushed] = await _push(desk, account, {"paid": _content("결제를 확인했습니다.")})
    assert (pushed.standing.state, pushed.error and pushed.error.code) == (state, code)
    there = (await all_templates(desk.templates, account))[made.there.code]
    assert there.words.text == ("결제를 확인했습니다." if code is None else "결제되었습니다.")


async def test_a_file_that_says_no_buttons_takes_none_away(desk: Desk) -> None:
    account = _account(desk)
    [made] = await _push(desk, account, {"paid": _content("결제", buttons=[{"name": "확인", "kind": "BK"}])})
    assert made.there is not None
    ours = {"paid": _content("결제되었습니다.", code=made.there.code)}
    [pushed] = await _push(desk, account, ours)
    assert pushed.there is not None
    assert [button.name for button in pushed.there.words.buttons] == ["확인"]
    assert pushed.there.words.text == "결제되었습니다."


async def test_one_that_is_refused_holds_up_none_of_the_others(desk: Desk) -> None:
    account = _account(desk)
    known = standings({"a": _content("가"), "b": _content("나")}, {}, takes_our_codes=False)
    broken = Standing("a", known[0].words._replace(name=""), "new", None)
    refused, made = await push(desk.templates, account, [broken, known[1]], {})
    assert (refused.error is not None, made.there is not None) == (True, True)
