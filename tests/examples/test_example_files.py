"""The examples themselves."""

from uuid import UUID

import pytest

from local.examples.files import EXAMPLES, Example, read_examples
from shared.contracts.events import SubscriptionEvent
from shared.customers.files.people import CustomerFile, Recipient
from shared.customers.phones import normalise_mobile
from shared.templates.limits import check_alimtalk, text_channel
from shared.templates.rendering import render
from shared.templates.template import TemplateContent, fill
from shared.workflows.runs import Happening, starts

BY_TENANT = {example.tenant.id: example for example in read_examples()}
TEMPLATES = [(example, template) for example in BY_TENANT.values() for template in example.templates]
NAMES = [f"{example.tenant.id}-{template.name}" for example, template in TEMPLATES]

LONG_VALUES = {"date": "11월 21일", "time": "17:30", "number": "1,290,000", "": "남궁하늘빛나"}


def _values(content: TemplateContent) -> dict[str, str]:
    """Values as long as real ones get."""
    formats = {name: content.variables.get(name, "").partition("|")[2].strip() for name in content.names}
    return {name: LONG_VALUES[format_name] for name, format_name in formats.items()}


def test_there_are_four_businesses() -> None:
    assert sorted(BY_TENANT) == ["childcare", "learning", "saas", "shop"]


@pytest.mark.parametrize(("example", "template"), TEMPLATES, ids=NAMES)
def test_the_words_fit_every_channel_that_the_template_has(example: Example, template: TemplateContent) -> None:
    values = _values(template)
    for leg in filter(None, ["alimtalk" if template.alimtalk else "", "sms" if template.sms else ""]):
        rendered = render(template, leg, values, message=UUID(int=1), attempt=0, to="01090004000")
        if leg == "alimtalk":
            check_alimtalk(rendered.text)
        assert "#{" not in rendered.text


def test_the_list_to_send_to_has_every_column_that_its_template_needs() -> None:
    content = next(template.content for template in BY_TENANT["saas"].templates if template.name == "maintenance")
    people = [row for row in CustomerFile(EXAMPLES / "saas" / "maintenance.csv") if isinstance(row, Recipient)]
    assert len(people) == 5
    for person in people:
        normalise_mobile(person.customer["phone"] or "")
        fill(content, {"customer": person.customer, "data": person.data})


def test_texts_of_both_kinds_are_there() -> None:
    texts = [template.sms for _, template in TEMPLATES if template.sms]
    assert {text_channel(sms.text, sms.subject) for sms in texts} == {"sms", "lms"}


@pytest.mark.parametrize("example", BY_TENANT.values(), ids=list(BY_TENANT))
def test_every_example_customer_has_a_number_that_can_be_reached(example: Example) -> None:
    for customer in example.customers:
        normalise_mobile(customer.phone or "")


def test_a_sign_up_with_nothing_but_a_customer_is_enough_for_the_welcome() -> None:
    event = SubscriptionEvent.model_validate(
        {
            "specversion": "1.0",
            "id": "evt-1",
            "source": "//shop.example/billing",
            "type": "subscription.signup",
            "time": "2026-11-21T10:00:00+09:00",
            "tenant": "saas",
            "data": {"customer": {"id": "c-1", "name": "홍길동", "phone": "010-9000-4000"}},
        }
    )
    scope = {"customer": event.customer.model_dump(), "data": event.fields}
    happening = Happening("saas", event.source, event.id, event.type, event.time_utc, event.customer.id, scope)
    started = [workflow for workflow in BY_TENANT["saas"].workflows if starts(workflow, happening)]
    assert [workflow.name for workflow in started] == ["welcome"]
    templates = {template.name: template for template in BY_TENANT["saas"].templates}
    assert [fill(templates[step.send], scope) for step in started[0].steps] == [{"이름": "홍길동"}]
    assert started[0].route.channels == ("alimtalk", "sms")
