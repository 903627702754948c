"""The demo says what its people should hear without asking the engine. Here both are asked, for several days."""

from collections import Counter, defaultdict
from dataclasses import replace
from random import Random

import pytest

from local.demo.expectation import Expectation
from local.demo.stories import Announcement
from local.examples.files import read_examples
from shared.contracts.events import SubscriptionEvent
from shared.customers.store import Person
from shared.templates.template import TemplateVersion
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.planning import Plan, WorkflowVersion, react, speak
from shared.workflows.runs import Happening
from tests.whole.demo_day import START, UNTIL, DemoDay, draw

EXAMPLES = read_examples()
TEMPLATES = {
    example.tenant.id: {
        template.name: TemplateVersion(template.name, 1, template.content, template.approval or "draft")
        for template in example.templates
    }
    for example in EXAMPLES
}
WORKFLOWS: dict[str, list[WorkflowDefinition]] = {example.tenant.id: list(example.workflows) for example in EXAMPLES}


def _events(day: DemoDay, seed: int) -> list[SubscriptionEvent]:
    """All legal events, each act in an order of the seed; reactions come when their reason has been there."""
    random = Random(seed)
    bodies: list[bytes] = []
    for act in day.acts:
        ids = {event_id for _, event_id in act.legal}
        published = [publication.body for publication in act.publications if publication.id in ids]
        random.shuffle(published)
        bodies += [*published, *(reaction.publication.body for reaction in act.reactions)]
    return [SubscriptionEvent.model_validate_json(body) for body in bodies]


def _happening(event: SubscriptionEvent) -> Happening:
    scope = {"customer": event.customer.model_dump(), "data": event.fields, "event": {}}
    return Happening(event.tenant, event.source, event.id, event.type, event.time_utc, event.customer.id, scope)


def _heard(day: DemoDay, seed: int) -> tuple[Counter[tuple[str, str, str, str | None]], Counter[tuple[str, str]]]:
    """Who hears what by the engine's planner, with the reason of what fails; and the steps that wait for later days."""
    family: dict[tuple[str, str], list[Person]] = defaultdict(list)
    for one in day.families:
        first, *others = one.guardians
        family["childcare", first.id] = [
            {"id": person.id, "name": person.name, "phone": person.phone, "plan": None} for person in others
        ]
    plan = Plan()
    seen: set[tuple[str, str]] = set()
    people: dict[tuple[str, str], Person] = {}
    for event in _events(day, seed):
        if (event.tenant, event.id) in seen:
            continue
        seen.add((event.tenant, event.id))
        people[event.tenant, event.customer.id] = event.customer.model_dump()
        listening = [
            WorkflowVersion(1, definition)
            for definition in WORKFLOWS[event.tenant]
            if event.type in definition.event_types
        ]
        react(plan, _happening(event), listening, TEMPLATES[event.tenant], {}, family, START)
    heard = list(plan.messages)
    waiting: Counter[tuple[str, str]] = Counter()
    for ((tenant, name, key_text), index), timer in plan.timers.items():
        run = plan.runs[tenant, name, key_text]
        definition = next(one for one in WORKFLOWS[tenant] if one.name == name)
        if timer.due_at > UNTIL:
            waiting[tenant, name] += 1
            continue
        person = people[tenant, run.customer or ""]
        audience = [person, *family.get((tenant, run.customer or ""), ())]
        heard += speak(run, definition, index, timer.due_at, audience, TEMPLATES[tenant], START)
    return Counter((m.tenant, m.customer, m.template, m.reason) for m in heard), waiting


def _expected(expectation: Expectation, announced: set[str]) -> Counter[tuple[str, str, str, str | None]]:
    """What the demo expects to be made; what only the provider can refuse is made all the same."""
    made = [
        replace(telling, reason=None) if telling.reason and telling.reason.isdigit() else telling
        for telling in expectation.tellings
    ]
    return Counter(
        (telling.person.tenant, telling.person.id, telling.template, telling.reason)
        for telling in made
        if telling.person.id not in announced
    )


@pytest.mark.parametrize("seed", range(1, 7))
def test_the_engine_plans_what_the_businesses_expect_whatever_the_order_of_events(seed: int) -> None:
    day = draw(seed)
    announcements = [story for act in day.acts for story in act.stories if isinstance(story, Announcement)]
    announced = {person.id for announcement in announcements for person in announcement.people}
    heard, waiting = _heard(day, seed)
    assert heard == _expected(day.expectation, announced)
    assert waiting == +day.expectation.waiting
