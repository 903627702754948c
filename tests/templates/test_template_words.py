import datetime as dt
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.messages.composing import NewMessage, Origin, compose
from shared.messages.routing import Route, parse_route
from shared.messages.status import Status
from shared.templates.errors import MessageError, MissingVariable
from shared.templates.rendering import render
from shared.templates.template import TemplateContent, TemplateVersion, fill, parse_text

NOON = dt.datetime(2026, 11, 21, 3, tzinfo=dt.UTC)
MESSAGE = UUID(int=7)

names = st.text(alphabet=st.sampled_from("가나다abc_ .:-%"), min_size=1, max_size=6).map(str.strip).filter(bool)
plain = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="#{}"), max_size=12)
values = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=12) | st.sampled_from(
    ["#{다른}", "{{이름}}", "%s", "%(x)s", "\\1", "{0}", "%"]
)


def _content(text: str, **variables: str) -> TemplateContent:
    return TemplateContent.model_validate({"variables": variables, "sms": {"text": text}})


@given(st.lists(st.tuples(plain, names), max_size=6), plain, st.data())
def test_filling_puts_each_value_in_its_place_and_changes_nothing_else(
    parts: list[tuple[str, str]], end: str, data: st.DataObject
) -> None:
    given_values = {name: data.draw(values) for _, name in parts}
    text = "".join(f"{words}#{{{name}}}" for words, name in parts) + end
    expected = "".join(words + given_values[name] for words, name in parts) + end
    assert parse_text(text).filled(given_values) == expected
    assert list(parse_text(text).names) == [name for _, name in parts]


@given(st.dictionaries(st.sampled_from(["이름", "시간", "item"]), values, min_size=1))
def test_a_value_that_looks_like_a_variable_is_only_a_value(given_values: dict[str, str]) -> None:
    content = _content("".join(f"[#{{{name}}}]" for name in given_values))
    filled = fill(content, {"data": given_values})
    assert filled == given_values
    text = parse_text(content.texts[0]).filled(filled)
    assert text == "".join(f"[{value}]" for value in given_values.values())


def test_both_notations_are_the_same_template() -> None:
    assert _content("{{이름}}님, {{ 시간 }}에") == _content("#{이름}님, #{시간}에")


def test_a_template_survives_being_stored() -> None:
    content = _content("#{이름}님 #{금액}원", 이름="customer.name", 금액="data.amount | number")
    assert TemplateContent.model_validate(content.model_dump(mode="json")) == content


@pytest.mark.parametrize(
    ("expression", "value", "written"),
    [
        ("data.x", "글", "글"),
        ("data.x", 0, "0"),
        ("data.x", 12_900, "12900"),
        ("data.x | number", 12_900, "12,900"),
        ("data.x|number", "1234567", "1,234,567"),
        ("data.x | number", -5_000, "-5,000"),
        ("data.x | date", "2026-11-21T00:30:00+09:00", "11월 21일"),
        ("data.x | date", "2026-11-20T15:30:00Z", "11월 21일"),
        ("data.x | time", "2026-11-21T08:05:00Z", "17:05"),
        ("data.x | time", "2026-11-21T17:05:00+09:00", "17:05"),
    ],
)
def test_a_field_is_written_in_its_format_and_in_seoul_time(expression: str, value: Any, written: str) -> None:
    assert fill(_content("#{값}", 값=expression), {"data": {"x": value}}) == {"값": written}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("data.x | time", "내일"),
        ("data.x | time", "내일 " * 50_000),
        ("data.x | time", "2026-11-21T17:05:00"),
        ("data.x | date", 20_261_121),
        ("data.x | time", "0001-01-01T00:00:00+23:59"),
        ("data.x | time", "9999-12-31T23:59:59Z"),
        ("data.x | number", "12,900원"),
        ("data.x | number", "9" * 5_000),
    ],
)
def test_a_field_that_does_not_suit_its_format_is_an_error_that_names_the_variable(expression: str, value: Any) -> None:
    with pytest.raises(MessageError) as failed:
        fill(_content("#{값}", 값=expression), {"data": {"x": value}})
    assert failed.value.code == "bad_variable"
    assert "#{값}" in failed.value.detail
    assert len(failed.value.detail) < 400


@pytest.mark.parametrize("value", [None, "", [], {}, {"deep": 1}, [1]])
def test_a_variable_that_no_field_fills_is_named_not_left_blank(value: Any) -> None:
    with pytest.raises(MissingVariable) as missing:
        fill(_content("#{이름} #{값} #{다른}", 값="data.x"), {"data": {"이름": "지우", "x": value}})
    assert missing.value.names == ["값", "다른"]
    assert "#{값}, #{다른}" in missing.value.detail


@pytest.mark.parametrize("path", ["data", "data.", ".", "", "data.x.y.z", "customer", "data..x"])
def test_a_path_that_leads_nowhere_fills_nothing(path: str) -> None:
    with pytest.raises(MissingVariable):
        fill(_content("#{값}", 값=path), {"data": {"x": {"y": 3}}, "customer": {"id": "c-1"}})


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "at least one channel"),
        ({"sms": {"text": ""}}, "text"),
        ({"sms": {"text": "a" * 4_001}}, "text"),
        ({"sms": {"text": "x"}, "variables": {"x": "data.x | roman"}}, "unknown format"),
        ({"sms": {"text": "".join(f"#{{v{i}}}" for i in range(41))}}, "at most 40"),
        ({"sms": {"text": "x"}, "alimtalk": {"text": "x"}}, "code"),
        ({"sms": {"text": "x"}, "email": {"text": "x"}}, "email"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused_with_the_reason(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TemplateContent.model_validate(written)


BOTH = TemplateContent.model_validate(
    {
        "variables": {"이름": "customer.name"},
        "alimtalk": {"code": "KA01", "text": "#{이름}님, #{시간}에 만나요. 😀"},
        "sms": {"text": "[길동] #{이름}님 #{시간}"},
    }
)


def _composed(customer: dict[str, Any] | None = None, **changes: Any) -> NewMessage:
    given_parts: dict[str, Any] = {
        "tenant": "saas",
        "message_id": MESSAGE,
        "customer": {"id": "c-1", "name": "지우", "phone": "010-9000-4000"} if customer is None else customer,
        "template_name": "pickup",
        "template": TemplateVersion("pickup", 3, BOTH, "approved"),
        "route": parse_route("alimtalk_first"),
        "due_at": NOON,
        "expires_at": NOON + dt.timedelta(hours=1),
        "now": NOON,
        "origin": Origin(),
    } | changes
    return compose(scope={"customer": given_parts["customer"], "data": {"시간": "17:00"}}, **given_parts)


def test_a_message_is_made_with_its_values_and_its_digits() -> None:
    message = _composed()
    assert (message.status, message.reason) == (Status.QUEUED, None)
    assert (message.recipient, message.variables) == ("01090004000", {"이름": "지우", "시간": "17:00"})
    assert message.template_version == 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"template": None}, "unknown_template"),
        ({"customer": {"id": "c-1", "name": "지우"}}, "missing_phone"),
        ({"customer": {"id": "c-1", "name": "지우", "phone": ""}}, "missing_phone"),
        ({"customer": {"id": "c-1", "name": "지우", "phone": "집 전화"}}, "invalid_phone"),
        ({"customer": {"id": "c-1", "phone": "010-9000-4000"}}, "missing_variable"),
        pytest.param(
            {"template": TemplateVersion("pickup", 1, BOTH, "draft"), "route": parse_route("alimtalk")},
            "template_not_approved",
            id="a draft by alimtalk-template_not_approved",
        ),
    ],
)
def test_a_message_that_cannot_be_is_still_visible_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    message = _composed(**changes)
    assert (message.status, message.reason) == (Status.FAILED, reason)
    assert message.detail
    assert message.customer == "c-1"


def test_a_template_that_kakao_has_not_approved_goes_by_text_message_alone() -> None:
    message = _composed(template=TemplateVersion("pickup", 1, BOTH, "submitted"))
    assert message.status is Status.QUEUED
    assert message.route == Route(("sms",), (3_600,))


def test_an_alimtalk_carries_its_code_and_the_values_it_uses() -> None:
    sent = render(BOTH, "alimtalk", {"이름": "지우", "시간": "17:00"}, message=MESSAGE, attempt=0, to="01090004000")
    assert (sent.channel, sent.text) == ("alimtalk", "지우님, 17:00에 만나요. 😀")
    assert (sent.template_code, sent.variables) == ("KA01", {"이름": "지우", "시간": "17:00"})


def test_a_text_message_becomes_sms_or_lms_by_its_words() -> None:
    def channel(name: str) -> str:
        return render(
            BOTH, "sms", {"이름": name, "시간": "17:00"}, message=MESSAGE, attempt=1, to="01090004000"
        ).channel

    assert channel("지우") == "sms"
    assert channel("가" * 45) == "lms"


def test_words_that_only_kakao_can_carry_fail_on_the_text_channel_alone() -> None:
    only_kakao = TemplateContent(alimtalk=BOTH.alimtalk)
    values_of_it = {"이름": "지우", "시간": "17:00"}
    assert render(only_kakao, "alimtalk", values_of_it, message=MESSAGE, attempt=0, to="01090004000")
    with pytest.raises(MessageError, match="U\\+1F600"):
        render(only_kakao, "sms", values_of_it, message=MESSAGE, attempt=1, to="01090004000")


def test_a_name_that_no_carrier_can_write_is_found_when_the_words_are_whole() -> None:
    with pytest.raises(MessageError, match="뷁"):
        render(BOTH, "sms", {"이름": "뷁", "시간": "17:00"}, message=MESSAGE, attempt=0, to="01090004000")


def test_words_for_a_channel_that_the_template_does_not_have_are_an_error() -> None:
    with pytest.raises(MessageError, match="no_words"):
        render(_content("글"), "alimtalk", {}, message=MESSAGE, attempt=0, to="01090004000")
