from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.channels import LEGS
from shared.templates.errors import ContentError
from shared.templates.fit import Fit
from shared.templates.rendering import render
from shared.templates.template import TemplateContent

TEMPLATES = [
    TemplateContent.model_validate({"alimtalk": {"code": "x", "text": "#{가}님 100% #{나}"}}),
    TemplateContent.model_validate({"sms": {"text": "#{가}#{가} #{나}"}}),
    TemplateContent.model_validate({"sms": {"text": "#{가}", "subject": "#{나}"}}),
    TemplateContent.model_validate({"sms": {"text": "안녕 😀 #{가} #{나}"}}),
    TemplateContent.model_validate({"sms": {"text": "♥\ufe0f #{가}\r\n#{나}"}}),
    TemplateContent.model_validate({"alimtalk": {"code": "x", "text": "고정"}, "sms": {"text": "나" * 40 + "#{가}"}}),
    TemplateContent.model_validate({"push": {"title": "#{가}", "text": "#{나}"}, "sms": {"text": "#{가}"}}),
    TemplateContent.model_validate(
        {"mms": {"text": "#{나}", "image": "a.jpg"}, "email": {"subject": "#{나}", "text": "#{가}"}}
    ),
]
values = st.one_of(
    st.text(alphabet="가나다똠 a%{}😀♥\ufe0f\u200d", max_size=30),
    st.integers(30, 1_100).map(lambda size: "한" * size),
    st.integers(60, 2_100).map(lambda size: "a" * size),
)


def _rendered(content: TemplateContent, legs: list[str], variables: dict[str, str]) -> list[str]:
    """What rendering every leg says, the error's code where none can be."""
    channels, code = [], ""
    for leg in legs:
        try:
            channels.append(render(content, leg, variables, message=UUID(int=0), attempt=0, to="").channel)
        except ContentError as error:
            code = error.code
    return channels or [code]


@given(st.sampled_from(TEMPLATES), values, values)
def test_measuring_says_what_writing_would(content: TemplateContent, one: str, other: str) -> None:
    legs = [leg for leg in LEGS if content.has_words(leg)]
    variables = {"가": one, "나": other}
    try:
        measured = list(Fit(content, legs).channels(variables))
    except ContentError as error:
        measured = [error.code]
    assert measured == _rendered(content, legs, variables)
