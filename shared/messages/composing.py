"""Making a message: everything that can be known to be wrong is found here, before anything is sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.channels import BY_PHONE, LEGS
from shared.customers.reaching import Reach, address_of
from shared.messages.lawful import forbidden
from shared.messages.routing import Route
from shared.messages.status import Status
from shared.platform.errors import AllimError
from shared.templates.errors import MessageError, MissingVariable
from shared.templates.template import TemplateContent, TemplateVersion, fill


class Origin(NamedTuple):
    """What made a message: a step of a run and the event behind it, or nothing of the kind for a bulk send.

    unless: types of events after which the step is silent.
    """

    workflow: str | None = None
    workflow_version: int | None = None
    run_key: str | None = None
    run_revision: int | None = None
    step: int | None = None
    event_source: str | None = None
    event_id: str | None = None
    unless: tuple[str, ...] = ()


class NewMessage(NamedTuple):
    """A row of `messages` to be. `status` is queued, or failed with its reason. `recipient`: the digits of the phone,
    where its route needs one."""

    tenant: str
    id: UUID
    customer: str
    recipient: str | None
    template: str
    template_version: int
    variables: Mapping[str, str]
    route: Route
    status: Status
    reason: str | None
    detail: str | None
    due_at: dt.datetime
    expires_at: dt.datetime
    created_at: dt.datetime
    origin: Origin


def compose(
    *,
    tenant: str,
    message_id: UUID,
    customer: Mapping[str, Any],
    template_name: str,
    template: TemplateVersion | None,
    scope: Mapping[str, Any],
    route: Route,
    due_at: dt.datetime,
    expires_at: dt.datetime,
    now: dt.datetime,
    origin: Origin,
) -> NewMessage:
    """Make a message, or one that has failed with the reason: a message that can't be is still visible.

    Args:
        tenant: the sender.
        message_id: its id; derive it from what makes the message unique.
        customer: `id` of the recipient, and `phone` or `email` for a route that needs them.
        template_name: the template asked for.
        template: its active version, or None where the tenant has none of that name.
        scope: what the template's variables reach: `customer`, `data`.
        route: the channels asked for; those that the template has no approved words for are left out, and those that
            can't reach the customer.
        due_at: the moment it is for.
        expires_at: after that it is not sent any more.
        now: the moment of making.
        origin: what made it.
    """
    recipient: str | None = None
    variables: Mapping[str, str] = {}
    failures: list[MessageError] = []
    not_usable: MessageError | None = None
    if template is None:
        failures.append(
            MessageError(
                "unknown_template",
                f"the tenant has no template {template_name!r}",
                f"{template_name} 템플릿이 없습니다.",
            )
        )
    else:
        try:
            route = usable_route(route, template)
        except MessageError as error:
            not_usable = error
        try:
            recipient, route = _reaching(customer, route)
        except MessageError as error:
            failures.append(error)
        try:
            variables = fill(template.content, scope)
        except MissingVariable as missing:
            variables = missing.values
            failures.append(missing)
        except MessageError as error:
            failures.append(error)
        if not_usable is not None:
            failures.append(not_usable)
    failure = failures[0] if failures else None
    return NewMessage(
        tenant=tenant,
        id=message_id,
        customer=customer["id"],
        recipient=recipient,
        template=template_name,
        template_version=template.version if template else 0,
        variables=variables,
        route=route,
        status=Status.FAILED if failure else Status.QUEUED,
        reason=failure.code if failure else None,
        detail=failure.both if failure else None,
        due_at=due_at,
        expires_at=expires_at,
        created_at=now,
        origin=origin,
    )


def _reaching(customer: Mapping[str, Any], route: Route) -> tuple[str | None, Route]:
    """The phone that a message is written to, where a leg needs one, and the legs that reach the customer.

    What only the claim can tell, whether there is a device or an address has bounced, is asked there. Nothing is asked
    of the customer that the route does not need.

    Raises:
        MessageError: that of the first leg, when none does.
    """
    needs = {LEGS[leg].to for leg in route.channels}
    reach = Reach(
        customer["id"],
        customer.get("phone") if "phone" in needs else None,
        customer.get("email") if "email" in needs else None,
    )
    found: dict[str, str] = {}
    failure: AllimError | None = None
    for leg in route.channels:
        try:
            found[leg] = address_of(leg, reach)
        except AllimError as error:
            failure = failure or error
    if failure is not None and not found:
        raise MessageError(failure.code, failure.detail, failure.detail_ko) from failure
    return next((to for leg, to in found.items() if leg in BY_PHONE), None), route.only(found)


def recipient_now(leg: str, reach: Reach, *, customer_known: bool) -> str:
    """Whom a message is written to on a leg, asked once more before a provider hears of it, whoever made the row.

    Args:
        leg: of its route.
        reach: the number that the message names, and what is known of the customer now.
        customer_known: its tenant has the customer whom it is for.

    Raises:
        MessageError: `unknown_customer`, or as of `address_of`.
    """
    if not customer_known:
        raise MessageError("unknown_customer", "the tenant has no such customer", "발송 대상 고객을 찾을 수 없습니다.")
    try:
        return address_of(leg, reach)
    except AllimError as error:
        raise MessageError(error.code, error.detail, error.detail_ko) from error


def within_the_law(message: NewMessage, template: TemplateVersion | None, now: dt.datetime) -> NewMessage:
    """A message as it was made, or one that has failed with the reason where the law forbids that it leaves now."""
    if template is None or message.status is not Status.QUEUED:
        return message
    if (error := forbidden(template.content, message.route.channels, now)) is None:
        return message
    return message._replace(status=Status.FAILED, reason=error.code, detail=error.both)


def usable_route(route: Route, template: TemplateVersion) -> Route:
    """The part of `route` that `template` can be sent on: of a leg it has words, and AlimTalk takes approved ones only.

    Raises:
        MessageError: `template_not_approved` or `no_words`, when nothing of the route is left.
    """
    usable = usable_legs(route.channels, template.content, template.approval)
    if not usable:
        raise nothing_left(route.channels, template.name, template.content, template.approval)
    return route.only(usable)


def usable_legs(route: Sequence[str], content: TemplateContent, approval: str | None) -> tuple[str, ...]:
    """The legs of a route that a template can be sent on."""
    return tuple(leg for leg in route if content.has_words(leg) and (approval == "approved" or not LEGS[leg].approved))


def nothing_left(route: Sequence[str], name: str, content: TemplateContent, approval: str | None) -> MessageError:
    """Why a template can't be sent on any leg of a route."""
    if list(route) != ["alimtalk"] and not any(LEGS[leg].approved and content.has_words(leg) for leg in route):
        legs = ", ".join(route)
        return MessageError(
            "no_words",
            f"template {name!r} has no words for {legs}; add them, or take another route",
            f"{legs} 문구가 없는 템플릿입니다. 문구를 추가하거나 다른 경로를 쓰세요.",
        )
    why = f"is {approval}" if content.alimtalk else "has no words for it"
    return MessageError(
        "template_not_approved",
        f"template {name!r} can't be sent as AlimTalk: it {why}",
        "카카오 승인을 받지 않은 템플릿은 알림톡으로 보낼 수 없습니다."
        if content.alimtalk
        else "알림톡 문구가 없는 템플릿은 알림톡으로 보낼 수 없습니다.",
    )
