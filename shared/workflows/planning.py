"""What an event or a due step makes: decided here, from values, without a database."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from shared.customers.store import Person
from shared.messages.composing import NewMessage, Origin, compose, within_the_law
from shared.platform.clock import month_of
from shared.platform.ids import derived_id
from shared.templates.template import TemplateVersion
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.outcomes import Outcome, came_to
from shared.workflows.runs import BadAnchor, Happening, Run, apply, key_of

RunKey = tuple[str, str, str]
"""Tenant, workflow, key."""
EventKey = tuple[str, str, str]
"""Tenant, source, id."""


class WorkflowVersion(NamedTuple):
    """A definition as it is heard.

    in_force: it is the newest, and heard by every run. An older one is heard by the runs that began with it.
    begins: runs begin with it: it is in force, and its workflow is not off.
    """

    version: int
    definition: WorkflowDefinition
    in_force: bool = True
    begins: bool = True


class Timer(NamedTuple):
    tenant: str
    workflow: str
    key: str
    step: int
    due_at: dt.datetime


@dataclass(slots=True)
class Plan:
    """What is to be written.

    runs: each replaces its row.
    retimed: runs whose waiting steps are replaced by `timers`.
    months: of the events that were heard.
    outcomes: what an event came to, in each workflow that heard it; nothing of one whose messages tell all.
    bad_anchors: events that start or move a run to no moment; these become dead letters too.
    """

    runs: dict[RunKey, Run] = field(default_factory=dict)
    retimed: set[RunKey] = field(default_factory=set)
    timers: dict[tuple[RunKey, int], Timer] = field(default_factory=dict)
    messages: list[NewMessage] = field(default_factory=list)
    months: set[dt.date] = field(default_factory=set)
    outcomes: dict[EventKey, list[Outcome]] = field(default_factory=dict)
    bad_anchors: dict[EventKey, str] = field(default_factory=dict)


def run_keys(happening: Happening, workflows: Iterable[WorkflowVersion]) -> list[RunKey]:
    """The remembered runs that an event may speak of."""
    keys = [
        (happening.tenant, workflow.definition.name, key_of(workflow.definition, happening))
        for workflow in workflows
        if workflow.definition.key is not None
    ]
    return [(tenant, name, key) for tenant, name, key in keys if key is not None]


def react(
    plan: Plan,
    happening: Happening,
    workflows: Iterable[WorkflowVersion],
    templates: Mapping[str, TemplateVersion],
    stored: Mapping[RunKey, Run],
    audiences: Mapping[tuple[str, str], Sequence[Person]],
    now: dt.datetime,
    *,
    suspended: bool = False,
) -> None:
    """Add to `plan` what one event makes. Events of a batch are given one after another.

    Args:
        plan: grows; a run that an earlier event of the batch changed is taken from it.
        happening: the event.
        workflows: those of its tenant that listen to its type.
        templates: the tenant's active ones, by name.
        stored: the runs as the database has them.
        audiences: by tenant and customer, the others in the customer's groups.
        now: steps due by then speak at once.
        suspended: whether its tenant may not send now, which changes what is told of it and nothing else.
    """
    plan.months.add(month_of(happening.time))
    reactions = [_react(plan, happening, workflow, templates, stored, audiences, now) for workflow in workflows]
    outcomes = [outcome for outcome in reactions if outcome is not None]
    if suspended:
        outcomes = [replace(outcome, suspended=True) for outcome in outcomes]
    if not all(outcome.only_spoke for outcome in outcomes):
        plan.outcomes[happening.tenant, happening.source, happening.id] = outcomes


def _react(
    plan: Plan,
    happening: Happening,
    workflow: WorkflowVersion,
    templates: Mapping[str, TemplateVersion],
    stored: Mapping[RunKey, Run],
    audiences: Mapping[tuple[str, str], Sequence[Person]],
    now: dt.datetime,
) -> Outcome | None:
    """None: it is another version's matter, or nobody's while its workflow is off."""
    definition = workflow.definition
    key = key_of(definition, happening)
    if key is None:
        return Outcome(definition.name, "no_key", detail=definition.key) if workflow.begins else None
    run_key = (happening.tenant, definition.name, key)
    before = plan.runs.get(run_key) or stored.get(run_key) or Run(*run_key, version=workflow.version)
    if not workflow.begins and not before.active:
        return None
    if not workflow.in_force and before.version != workflow.version:
        return None
    try:
        after = apply(before, definition, happening)
    except BadAnchor as error:
        event_key = (happening.tenant, happening.source, happening.id)
        plan.bad_anchors[event_key] = f"workflow {definition.name}: {error.detail}"
        return Outcome(definition.name, "bad_anchor", detail=error.detail)
    outcome = came_to(before, after, definition, happening, now)
    if after == before or (after.revision == 0 and definition.key is None):
        return outcome
    if after.revision != before.revision and after.version != workflow.version:
        # Its steps are laid anew, and a timer is a step's number in the version that the run names.
        after = after._replace(version=workflow.version)
    if definition.keeps_runs:
        plan.runs[run_key] = after
    if after.revision == before.revision:
        return outcome
    others = audiences.get((happening.tenant, happening.customer), ())
    people = [happening.scope["customer"], *others]
    return _retime(plan, outcome, after, definition, happening, people, templates, now)


def _retime(
    plan: Plan,
    outcome: Outcome,
    run: Run,
    definition: WorkflowDefinition,
    happening: Happening,
    people: Sequence[Person],
    templates: Mapping[str, TemplateVersion],
    now: dt.datetime,
) -> Outcome:
    """Lay the run's steps along its new timeline: those due speak, those to come wait, those already past are left.

    Returns:
        The outcome, with what became of the steps.
    """
    run_key = (run.tenant, run.workflow, run.key)
    plan.retimed.add(run_key)
    for key in [key for key in plan.timers if key[0] == run_key]:
        del plan.timers[key]
    if not run.active or run.anchor_at is None or run.anchored_as_of is None:
        return outcome
    past, spoke = 0, len(plan.messages)
    waiting: dict[str, dt.datetime] = {}
    for index, step in enumerate(definition.steps):
        due_at = run.anchor_at + step.at
        if due_at < run.anchored_as_of:
            past += 1
        elif due_at <= now and run.customer == happening.customer:
            plan.messages += speak(run, definition, index, due_at, people, templates, now)
        else:
            waiting[str(index + 1)] = due_at
            plan.timers[run_key, index] = Timer(*run_key, index, due_at)
            # Also of a workflow that otherwise keeps none: an event's own time may lie ahead, by another clock.
            plan.runs[run_key] = run
    made = plan.messages[spoke:]
    failed = Counter(message.reason for message in made if message.reason is not None)
    return replace(outcome, spoke=len(made), failed=dict(failed), waiting=waiting, past=past)


def speak(
    run: Run,
    definition: WorkflowDefinition,
    index: int,
    due_at: dt.datetime,
    people: Sequence[Person],
    templates: Mapping[str, TemplateVersion],
    now: dt.datetime,
) -> list[NewMessage]:
    """The messages of one step: one to each person of the audience, or none where its `unless` was seen.

    Args:
        run: an active run.
        definition: the version that the run names.
        index: which step.
        due_at: its moment.
        people: the customer, then the others of the groups.
        templates: the tenant's active ones, by name.
        now: the moment of making.
    """
    step = definition.steps[index]
    if any(run.seen(event_type) for event_type in step.unless):
        return []
    origin = Origin(
        workflow=definition.name,
        workflow_version=run.version,
        run_key=run.key if definition.keeps_runs else None,
        run_revision=run.revision if definition.keeps_runs else None,
        step=index,
        event_source=run.event_source,
        event_id=run.event_id,
        unless=tuple(step.unless),
    )
    audience = people if definition.audience == "group" else people[:1]
    template = templates.get(step.send)
    messages = (
        compose(
            tenant=run.tenant,
            message_id=derived_id(due_at, run.tenant, definition.name, run.key, index, person["id"]),
            customer=person,
            template_name=step.send,
            template=template,
            scope={"customer": person, "data": run.fields},
            route=definition.routes[index],
            due_at=due_at,
            expires_at=due_at + definition.valid_for,
            now=now,
            origin=origin,
        )
        for person in audience
    )
    return [within_the_law(message, template, now) for message in messages]
