"""A template as somebody writes it: a slip is refused when it is loaded, with what was meant."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.templates.template import TemplateContent
from shared.templates.writing import WrittenTemplate
from shared.workflows.writing import WrittenWorkflow

ALIMTALK = {"code": "KA01", "text": "#{이름}님, 안녕하세요"}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("customer.nmae", "did you mean customer.name?"),
        ("custmer.name", "did you mean customer.name?"),
        ("customer.birthday", "customer.attributes.birthday"),
        ("customer.attribute.동", "did you mean customer.attributes?"),
        ("customer.attributes", "names no single value"),
        ("customer.name.first", "goes too deep"),
        ("customer", "names no single value"),
        ("data", "names no single value"),
        ("data.", "names no single value"),
        ("data..x", "names no single value"),
        ("event.type", "a path begins with customer. or data."),
        ("이름", "a path begins with customer. or data."),
        ("", "a path begins with customer. or data."),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_with_the_nearest(path: str, said: str) -> None:
    written = {"variables": {"이름": path}, "sms": {"text": "#{이름}"}}
    with pytest.raises(ValidationError) as refused:
        WrittenTemplate.model_validate(written)
    assert said in str(refused.value)
    assert TemplateContent.model_validate(written), "what is stored stays readable"


@pytest.mark.parametrize(
    "path",
    ["customer.name", "customer.id", "customer.attributes.동", "customer.attributes.a.b", "data.x", "data.x.y.z"],
)
def test_a_path_that_may_lead_somewhere_is_taken(path: str) -> None:
    assert WrittenTemplate.model_validate({"variables": {"이름": f"{path} | date"}, "sms": {"text": "#{이름}"}})


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"variables": {"이름": "data.x | numbr"}, "sms": {"text": "#{이름}"}}, "did you mean number?"),
        ({"variables": {"이름": "customer.name"}, "sms": {"text": "#{이룸}님"}}, "did you mean #{이룸}?"),
        (
            {"variables": {"이름": "customer.name"}, "alimtalk": ALIMTALK | {"text": "#{이룸}님"}},
            "did you mean #{이룸}?",
        ),
        ({"variables": {"이름": "customer.name"}, "sms": {"text": "안녕하세요"}}, "no text has #{이름}"),
        ({"sms": {"text": "#{이름님"}}, "is no variable"),
        ({"sms": {"text": "#{}님"}}, "is no variable"),
        ({"sms": {"text": "#{ }님"}}, "is no variable"),
        ({"sms": {"text": "세일 😀"}}, "carriers can't carry 😀"),
        ({"sms": {"text": "세일", "subject": "₩ 할인"}}, "carriers can't carry ₩"),
        ({"sms": {"text": "가" * 1_001}}, "2,002 bytes"),
        ({"sms": {"text": "가", "subject": "가" * 21}}, "subject has 42 bytes"),
        ({"alimtalk": ALIMTALK | {"text": "가" * 1_001}}, "1,001 characters"),
    ],
)
def test_what_would_fail_each_message_is_refused(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        WrittenTemplate.model_validate(written)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param({"variables": {"주문": "data.id"}, "alimtalk": ALIMTALK}, id="a variable of a button"),
        pytest.param({"variables": {"성명": "customer.name"}, "alimtalk": ALIMTALK}, id="one that is like no other"),
        pytest.param({"sms": {"text": "#{상품} 도착"}}, id="a variable that is not mapped"),
        pytest.param({"alimtalk": ALIMTALK | {"text": "반가워요 😀"}}, id="emoji on AlimTalk"),
        pytest.param({"sms": {"text": "♥\ufe0f\xa0봄"}}, id="a sign that carriers have"),
        pytest.param({"sms": {"text": "100% {할인} %s"}}, id="signs of other notations"),
    ],
)
def test_what_may_be_sent_is_taken(written: dict[str, Any]) -> None:
    assert WrittenTemplate.model_validate(written)


RULE: dict[str, Any] = {"name": "greet", "on": "subscription.signup", "steps": [{"send": "hello"}]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"where": {"customer.satus": ["active"]}}, "did you mean customer.status?"),
        ({"where": {"dta.kind": ["x"]}}, "did you mean data.kind?"),
        ({"key": "customer.i"}, "did you mean customer.id?"),
        ({"anchor": "starts_at"}, "a path begins with customer. or data. or event."),
        ({"where": {"event.typ": ["x"]}}, "did you mean event.type?"),
    ],
)
def test_a_workflows_path_that_leads_nowhere_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        WrittenWorkflow.model_validate(RULE | changes)
    assert said in str(refused.value)


def test_a_workflows_words_are_clean() -> None:
    written = WrittenWorkflow.model_validate(
        RULE | {"where": {"data.종\u1105\u1172": ["픽\u200b업"]}, "key": "data.id"}
    )
    condition = written.definition.where["data.종류"]
    assert condition.holds("픽업")
