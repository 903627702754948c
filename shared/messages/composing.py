"""Making a message: everything that can be known to be wrong is found here, before anything is sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.channels import LEGS
from shared.customers.phones import InvalidPhone, normalise_mobile
from shared.messages.lawful import forbidden
from shared.messages.routing import Route
from shared.messages.status import Status
from shared.templates.errors import MessageError, MissingVariable
from shared.templates.template import TemplateVersion, fill


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
    """A row of `messages` to be. `status` is queued, or failed with its reason."""

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
        customer: `id` and `phone` of the recipient.
        template_name: the template asked for.
        template: its active version, or None where the tenant has none of that name.
        scope: what the template's variables reach: `customer`, `data`.
        route: the channels asked for; those that the template has no approved words for are left out.
        due_at: the moment it is for.
        expires_at: after that it is not sent any more.
        now: the moment of making.
        origin: what made it.
    """
    recipient: str | None = None
    variables: Mapping[str, str] = {}
    failures: list[MessageError] = []
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
            recipient = _recipient(customer)
        except MessageError as error:
            failures.append(error)
        try:
            variables = fill(template.content, scope)
        except MissingVariable as missing:
            variables = missing.values
            failures.append(missing)
        except MessageError as error:
            failures.append(error)
        try:
            route = usable_route(route, template)
        except MessageError as error:
            failures.append(error)
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


def _recipient(customer: Mapping[str, Any]) -> str:
    phone = customer.get("phone")
    if not phone:
        raise MessageError("missing_phone", "the customer has no phone number", "고객의 전화번호가 없습니다.")
    try:
        return normalise_mobile(phone)
    except InvalidPhone as error:
        raise MessageError(error.code, error.detail, error.detail_ko) from error


def recipient_now(recipient: str | None, *, customer_known: bool) -> str:
    """Whom a message is written to, asked once more before a provider hears of it, whoever made the row.

    Args:
        recipient: the number that the message names.
        customer_known: its tenant has the customer whom it is for.

    Raises:
        MessageError: `missing_phone`, `invalid_phone`, `unknown_customer`.
    """
    if not customer_known:
        raise MessageError("unknown_customer", "the tenant has no such customer", "발송 대상 고객을 찾을 수 없습니다.")
    return _recipient({"phone": recipient})


def within_the_law(message: NewMessage, template: TemplateVersion | None, now: dt.datetime) -> NewMessage:
    """A message as it was made, or one that has failed with the reason where the law forbids that it leaves now."""
    if template is None or message.status is not Status.QUEUED:
        return message
    if (error := forbidden(template.content, message.route.channels, now)) is None:
        return message
    return message._replace(status=Status.FAILED, reason=error.code, detail=error.both)


def usable_route(route: Route, template: TemplateVersion) -> Route:
    """The part of `route` that `template` can be sent on: AlimTalk takes approved words only.

    Raises:
        MessageError: `template_not_approved`, when nothing of the route is left.
    """
    approved = has_approved_words(has_alimtalk=template.content.alimtalk is not None, approval=template.approval)
    usable = usable_legs(route.channels, approved=approved)
    if not usable:
        why = f"is {template.approval}" if template.content.alimtalk else "has no words for it"
        raise MessageError(
            "template_not_approved",
            f"template {template.name!r} can't be sent as AlimTalk: it {why}",
            "카카오 승인을 받지 않은 템플릿은 알림톡으로 보낼 수 없습니다."
            if template.content.alimtalk
            else "알림톡 문구가 없는 템플릿은 알림톡으로 보낼 수 없습니다.",
        )
    if usable == route.channels:  # as most are, for every message
        return route
    deadlines = dict(zip(route.channels, route.deadlines, strict=True))
    return replace(route, channels=usable, deadlines=tuple(deadlines[leg] for leg in usable))


def has_approved_words(*, has_alimtalk: bool, approval: str | None) -> bool:
    """Whether a template has words for AlimTalk that Kakao has approved."""
    return has_alimtalk and approval == "approved"


def usable_legs(route: Sequence[str], *, approved: bool) -> tuple[str, ...]:
    """The legs of a route that a template can be sent on. `approved`: whether it has approved words."""
    return tuple(route) if approved else tuple(leg for leg in route if not LEGS[leg].approved)
