import datetime as dt
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.text import clean, for_carriers
from shared.messages.composing import NewMessage, Origin, compose
from shared.messages.routing import Route, parse_route
from shared.messages.status import Status
from shared.templates.errors import ContentError, MessageError, MissingVariable
from shared.templates.fit import Fit
from shared.templates.parts.texts import parse_text
from shared.templates.rendering import render
from shared.templates.template import TemplateContent, TemplateVersion, fill

NOON = dt.datetime(2026, 11, 21, 3, tzinfo=dt.UTC)
MESSAGE = UUID(int=7)

names = st.text(alphabet=st.sampled_from("가나다abc_ .:-%"), min_size=1, max_size=6).map(str.strip).filter(bool)
plain = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="#{}"), max_size=12)
values = (
    st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=12).map(clean).filter(str.strip)
) | st.sampled_from(["#{다른}", "{{이름}}", "%s", "%(x)s", "\\1", "{0}", "%"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
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


@pytest.mark.parametrize(
    "text", ["{{이름}}님, {{ 시간 }}에", "#{ 이름 }님, #{시간\xa0}에", "#{이\u1105\u1173\u11b7}님, #{시간}에"]
)
@pytest.mark.parametrize("key", ["이름", "#{이름}", "{{ 이름 }}", " #{ 이름 } ", "이\u1105\u1173\u11b7"])
def test_every_notation_is_the_same_template(text: str, key: str) -> None:
    assert _content(text, **{key: " customer.name "}) == _content("#{이름}님, #{시간}에", 이름="customer.name")


def test_a_variable_is_mapped_once() -> None:
    with pytest.raises(ValidationError, match="maps 이름 twice"):
        _content("#{이름}", **{"이름": "customer.name", "#{이름}": "data.name"})


def test_a_templates_own_words_are_clean() -> None:
    content = _content("[길\u1103\u1169\u11bc]\xa0안내\r\n#{이름}\ufeff")
    assert content.texts == ["[길동] 안내\n#{이름}"]
    sent = render(content, "sms", {"이름": "a" * 75}, message=MESSAGE, attempt=0, to="01090004000")
    assert (len(sent.text.encode("cp949")), sent.channel) == (87, "sms")


def test_a_subject_is_one_line_and_a_sign_has_no_style_on_a_text_message() -> None:
    content = TemplateContent.model_validate({"sms": {"text": "#{값}", "subject": "#{값}"}})
    sent = render(content, "sms", {"값": "♥\ufe0f\n가"}, message=MESSAGE, attempt=0, to="01090004000")
    assert (sent.subject, sent.text) == ("♥ 가", "♥\n가")


def test_alimtalk_is_given_every_variable_that_is_mapped() -> None:
    content = TemplateContent.model_validate(
        {
            "variables": {"이름": "customer.name", "주문": "data.order_id"},
            "alimtalk": {"code": "KA01", "text": "#{이름}님, #{상품} 배송을 시작합니다."},
        }
    )
    scope = {"customer": {"name": "지우"}, "data": {"상품": "책", "order_id": 7}}
    filled = fill(content, scope)
    sent = render(content, "alimtalk", filled, message=MESSAGE, attempt=0, to="01090004000")
    assert sent.variables == {"이름": "지우", "상품": "책", "주문": "7"}
    with pytest.raises(MissingVariable, match="주문"):
        fill(content, {**scope, "data": {"상품": "책"}})


def test_a_template_survives_being_stored() -> None:
    content = _content("#{이름}님 #{금액}원", 이름="customer.name", 금액="data.amount | number")
    assert TemplateContent.model_validate(content.model_dump(mode="json")) == content


@pytest.mark.parametrize(
    ("expression", "value", "written"),
    [
        ("data.x", "글", "글"),
        ("data.x", 0, "0"),
        ("data.x", 12_900.0, "12900"),
        ("data.x", True, "true"),
        ("data.x | number", "12,900", "12,900"),
        ("data.x|number", 12900.7, "12,900.7"),
        ("data.x | date", "2026-11-26", "11월 26일"),
        ("data.x | time", "2026-11-21T08:05:00Z", "17:05"),
        ("data.x", "\u1112\u1169\u11bc\xa0길동\u200b\r\n", "홍 길동\n"),
        ("data.x | number", "\ufeff12,900\xa0", "12,900"),
    ],
)
def test_a_field_is_clean_and_written_in_its_format(expression: str, value: Any, written: str) -> None:
    assert fill(_content("#{값}", 값=expression), {"data": {"x": value}}) == {"값": written}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("data.x | time", "내일"),
        ("data.x | time", "내일 " * 50_000),
        ("data.x | date", 20_261_121),
        ("data.x | number", "12,900달러"),
        ("data.x | number", True),
        ("data.x | number", "9" * 5_000),
        ("data.x", [1]),
        ("data.x", {"deep": 1}),
        ("data.x", float("nan")),
        ("data", "anything"),
        ("customer", "anything"),
    ],
)
def test_a_field_that_does_not_suit_its_format_is_an_error_that_names_the_variable(expression: str, value: Any) -> None:
    with pytest.raises(MessageError) as failed:
        fill(_content("#{값}", 값=expression), {"data": {"x": value}, "customer": {"id": "c-1"}})
    assert failed.value.code == "bad_variable"
    assert "#{값}" in failed.value.detail
    assert "#{값}" in (failed.value.detail_ko or "")
    assert len(failed.value.detail) < 400


def test_each_field_that_does_not_suit_is_named() -> None:
    with pytest.raises(MessageError, match=r"#\{하나\} from data.하나: .*; #\{둘\} from data.둘: "):
        fill(
            _content("#{하나} #{둘}", 하나="data.하나 | number", 둘="data.둘 | date"), {"data": {"하나": "?", "둘": 1}}
        )


@pytest.mark.parametrize("value", [None, "", "  ", "\xa0\u200b", "\u3164"])
def test_a_variable_that_no_field_fills_is_named_not_left_blank(value: Any) -> None:
    with pytest.raises(MissingVariable) as missing:
        fill(_content("#{이름} #{값} #{다른}", 값="data.x | number"), {"data": {"이름": "지우", "x": value}})
    assert missing.value.names == ["값", "다른"]
    assert "#{값}, #{다른}" in missing.value.detail
    assert "#{값}, #{다른}" in (missing.value.detail_ko or "")


@pytest.mark.parametrize("path", ["data.", ".", "", "data.x.y.z", "data..x"])
def test_a_path_that_leads_nowhere_fills_nothing(path: str) -> None:
    with pytest.raises(MissingVariable):
        fill(_content("#{값}", 값=path), {"data": {"x": {"y": 3}}, "customer": {"id": "c-1"}})


@given(st.sampled_from(["", "| date", "| time", "| number"]), json_values)
def test_whatever_a_field_holds_a_message_is_written_or_has_failed_with_a_code(format_name: str, value: Any) -> None:
    content = TemplateContent.model_validate(
        {
            "variables": {"값": f"data.x {format_name}"},
            "alimtalk": {"code": "KA01", "text": "#{값}"},
            "sms": {"text": "[길동] #{값}", "subject": "#{값}"},
        }
    )
    try:
        variables = fill(content, {"data": {"x": value}})
    except MessageError:
        return
    for leg in ("alimtalk", "sms"):
        try:
            sent = render(content, leg, variables, message=MESSAGE, attempt=0, to="01090004000")
        except MessageError:
            continue
        assert sent.text.endswith(for_carriers(variables["값"]) if leg == "sms" else variables["값"])
        sent.text.encode("utf-8")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "at least one channel"),
        ({"sms": {"text": ""}}, "text"),
        ({"sms": {"text": "a" * 4_001}}, "text"),
        ({"sms": {"text": "x"}, "variables": {"x": "data.x | roman"}}, "unknown format"),
        ({"sms": {"text": "".join(f"#{{v{i}}}" for i in range(41))}}, "at most 40"),
        ({"sms": {"text": "x"}, "alimtalk": {"code": "KA01"}}, "text"),
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


def test_an_alimtalk_that_says_its_buttons_is_given_what_they_and_its_texts_hold_and_no_more() -> None:
    content = TemplateContent.model_validate(
        {
            "variables": {"이름": "customer.name", "주문": "data.order_id", "매장": "data.shop"},
            "alimtalk": {
                "code": "KA01",
                "text": "#{이름}님, 준비되었습니다.",
                "title": "#{번호}번",
                "subtitle": "대기 번호",
                "buttons": [{"name": "주문 보기", "mobile": "https://shop.example/o/{{주문}}"}],
            },
            "sms": {"text": "#{매장}"},
        }
    )
    values = fill(content, {"customer": {"name": "지우"}, "data": {"order_id": 7, "번호": 12, "shop": "빵집"}})
    sent = render(content, "alimtalk", values, message=MESSAGE, attempt=0, to="01090004000")
    assert sent.variables == {"이름": "지우", "번호": "12", "주문": "7"}
    assert sent.subject == "12번"
    assert [(button.kind, button.mobile) for button in sent.buttons] == [("WL", "https://shop.example/o/7")]


def test_what_stands_below_an_alimtalk_counts_with_it() -> None:
    written = {"alimtalk": {"code": "KA01", "text": "#{값}", "message_type": "EX", "extra": "나" * 400}}
    content = TemplateContent.model_validate(written)
    assert render(content, "alimtalk", {"값": "가" * 600}, message=MESSAGE, attempt=0, to="01090004000")
    with pytest.raises(ContentError, match="1,001 characters"):
        render(content, "alimtalk", {"값": "가" * 601}, message=MESSAGE, attempt=0, to="01090004000")
    assert Fit(content, ["alimtalk"]).channels({"값": "가" * 600}) == ("alimtalk",)
    with pytest.raises(ContentError, match="1,001 characters"):
        Fit(content, ["alimtalk"]).channels({"값": "가" * 601})


def test_an_alimtalk_is_called_at_each_account_what_its_provider_calls_it() -> None:
    words = {"code": "order-paid", "codes": {"aligo": "TS_0001"}, "text": "주문이 완료되었습니다."}
    content = TemplateContent.model_validate({"alimtalk": words})
    assert content.alimtalk is not None
    assert [content.alimtalk.code_at(account) for account in ("main", "aligo")] == ["order-paid", "TS_0001"]
