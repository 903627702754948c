"""How long a template is once it is filled, and how it differs from what was approved."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.channels import CHANNELS
from shared.platform.errors import AllimError
from shared.providers.templated.base import TemplateWords
from shared.templates.compiling.compiling import compiled
from shared.templates.compiling.drift import content_of, differences, words_of
from shared.templates.compiling.fallback import of_fallback
from shared.templates.compiling.limits import MOST_GROWTH
from shared.templates.limits import check_alimtalk
from shared.templates.parts.texts import parse_text
from shared.templates.template import TemplateContent

MOST = CHANNELS["alimtalk"].longest
pieces = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["이름", "주문번호", "주소"])), min_size=1, max_size=4)
values = st.fixed_dictionaries({name: st.integers(1, 200) for name in ("이름", "주문번호", "주소")})


def _template(text: str, **more: Any) -> TemplateContent:
    return TemplateContent.model_validate({"alimtalk": {"code": "K", "text": text, **more}, "sms": {"text": "접수"}})


def _rules(content: TemplateContent, filled: dict[str, str] | None = None) -> set[str]:
    return {finding.rule for finding in compiled(content, filled)}


@given(pieces, values, st.integers(0, 300))
def test_what_is_too_long_once_filled_is_what_could_not_be_sent(
    parts: list[tuple[int, str]], lengths: dict[str, int], below: int
) -> None:
    text = "".join(f"{'가' * fixed} #{{{name}}}" for fixed, name in parts)
    extra: dict[str, Any] = {"message_type": "EX", "extra": "나" * below} if below else {}
    content = _template(text, **extra)
    filled = {name: "다" * length for name, length in lengths.items()}
    try:
        check_alimtalk(parse_text(text).filled(filled), below=below)
        fits = True
    except AllimError:
        fits = False
    assert ("length.text" not in _rules(content, filled)) == fits


@given(pieces, values)
def test_a_template_of_which_nothing_is_said_holds_whatever_providers_let_variables_be(
    parts: list[tuple[int, str]], lengths: dict[str, int]
) -> None:
    text = "".join(f"{'가' * fixed} #{{{name}}}" for fixed, name in parts)
    content = _template(text)
    allowed = {name: min(length, len(f"#{{{name}}}") + MOST_GROWTH) for name, length in lengths.items()}
    filled = {name: "다" * length for name, length in allowed.items()}
    if not {"length.text", "length.filled"} & _rules(content):
        assert len(parse_text(text).filled(filled)) <= MOST
    assert "variable.growth" not in _rules(content, filled)


@given(st.integers(1, 60))
def test_a_value_may_be_fourteen_characters_longer_than_its_variable_is_written(length: int) -> None:
    grown = "variable.growth" in _rules(_template("[빵집] #{이름}님"), {"이름": "가" * length})
    assert grown == (length > len("#{이름}") + 14)


def test_a_list_and_the_button_that_adds_the_channel_leave_less_for_the_text() -> None:
    items = [{"title": "가", "description": "나"}] * 2
    assert "length.text" not in _rules(_template("가" * 700, items=items))
    assert "length.text" in _rules(_template("가" * 701, items=items))
    channel = {"message_type": "AD", "buttons": [{"name": "채널 추가", "kind": "AC"}]}
    assert "length.text" not in _rules(_template("가" * 960, **channel))
    assert "length.text" in _rules(_template("가" * 961, **channel))


def test_a_text_message_over_two_thousand_bytes_is_told() -> None:
    content = TemplateContent.model_validate({"sms": {"text": "가" * 1_001}})
    assert _rules(content) == {"fallback.too_long"}


WHOLE: dict[str, Any] = {
    "text": "#{이름}님, 주문 #{번호} 접수",
    "message_type": "MI",
    "extra": "문의는 고객센터로",
    "title": "#{금액}원",
    "subtitle": "결제 금액",
    "buttons": [{"name": "채널 추가", "kind": "AC"}, {"name": "보기", "mobile": "https://a.example/#{번호}"}],
    "quick_replies": [{"name": "확인", "kind": "BK"}],
    "category_code": "004001",
    "security": True,
}


def _words(**more: Any) -> TemplateWords:
    words = words_of("order", _template(**{**WHOLE, **more}))
    assert words is not None
    return words


def test_a_template_that_is_read_back_is_the_same() -> None:
    assert content_of(_words(), "K") == _template(**WHOLE).alimtalk
    assert list(differences(_words(), _words(category_code="004002"))) == []


@pytest.mark.parametrize(
    ("theirs", "rules"),
    [
        ({"text": "#{이름}님, 주문 #{번호} 접수 완료"}, {"drift.text"}),
        ({"text": "#{성함}님, 주문 #{번호} 접수"}, {"drift.text", "drift.variables"}),
        ({"buttons": WHOLE["buttons"][:1]}, {"drift.buttons"}),
        ({"quick_replies": []}, {"drift.buttons"}),
        ({"title": "#{금액} 원"}, {"drift.part"}),
        ({"extra": "문의는 매장으로"}, {"drift.part"}),
        ({"security": False}, {"drift.part"}),
    ],
    ids=["text", "variables", "buttons", "replies", "title", "extra", "security"],
)
def test_each_difference_from_what_was_approved_is_told(theirs: dict[str, Any], rules: set[str]) -> None:
    assert {finding.rule for finding in differences(_words(), _words(**theirs))} == rules


def test_a_file_that_says_nothing_of_its_buttons_differs_in_none() -> None:
    assert list(differences(_words(buttons=[], quick_replies=[]), _words(), says_buttons=False)) == []


def test_a_difference_of_texts_shows_where_they_part() -> None:
    [finding] = differences(_words(text="접수되었습니다"), _words(text="접수 되었습니다"))
    assert "“되었습니다”" in finding.detail
    assert "“ 되었습니다”" in finding.detail


def test_a_template_without_words_for_phones_has_nothing_to_compile() -> None:
    for part in ({"push": {"title": "주문", "text": "도착"}}, {"email": {"subject": "주문", "text": "영수증"}}):
        assert list(of_fallback(TemplateContent.model_validate(part))) == []
