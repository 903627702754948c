"""Whether anything stands in the way of a send, told all at once and before it begins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.campaigns.carriers import BAD_SENDER, SAID, Carrier, obstacle_to
from shared.campaigns.store import Readiness, read_readiness
from shared.credits.amounts import in_won
from shared.credits.errors import CreditError, credit_shortage, unknown_tenant
from shared.credits.plans.quota import Quota, read_quota
from shared.credits.prices.estimates import Estimate, Ways, estimate_for
from shared.law.advertising import breaches
from shared.messages.composing import nothing_left, usable_legs
from shared.messages.reasons import ACCOUNT_PAUSED, NO_PROVIDER_ACCOUNT
from shared.platform.clock import SEOUL
from shared.platform.database import Connection
from shared.platform.plurals import counted

Subject = Literal["template", "law", "sender", "recipients", "quota", "prices", "credit"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `code` is `ok`, or stable and says what is wrong; a warning stops nothing."""

    name: Subject
    verdict: Literal["ok", "warning", "failed"]
    code: str
    detail: str
    detail_ko: str


@dataclass(frozen=True, slots=True)
class Preflight:
    """`ready` when no check failed. `estimate` is None when a price is missing."""

    ready: bool
    checks: tuple[Check, ...]
    estimate: Estimate | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a tenant has before a send, of which the send itself then takes."""

    ready: Readiness
    quota: Quota


async def read_standing(connection: Connection, tenant: str, template: str, now: dt.datetime) -> Standing:
    """What a tenant has now to send a template with.

    Raises:
        CreditError: `unknown_tenant`.
    """
    found = await read_readiness(connection, tenant, template)
    if found is None:
        raise unknown_tenant(tenant)
    return Standing(found, await read_quota(connection, tenant, now))


async def preflight(
    connection: Connection,
    tenant: str,
    *,
    template: str,
    route: Sequence[str],
    ways: Ways,
    refused: int,
    now: dt.datetime,
    standing: Standing | None = None,
) -> Preflight:
    """Look at everything that could stop a send or cut it short; nothing is written.

    Args:
        connection: as a role that sees the tenant.
        tenant: the sender.
        template: the name of the template.
        route: the channels asked for, in order.
        ways: the messages that can be made.
        refused: how many could not be, for want of a valid number or of words that fit.
        now: the moment.
        standing: what the tenant had before they were queued; what it has now, unless told.

    Raises:
        CreditError: `unknown_tenant`.
    """
    standing = standing or await read_standing(connection, tenant, template, now)
    found = standing.ready
    checks = [_template(found, template, route), *_law(found, route, now), _sender(found, route, now)]
    checks.append(_recipients(sum(ways.values()), refused))
    checks += _fallback(found, route, ways)
    checks.append(_quota(standing.quota, sum(ways.values())))
    costs: Estimate | None = None
    try:
        costs = await estimate_for(connection, tenant, ways, now)
    except CreditError as error:
        checks.append(_failed("prices", error))
    else:
        checks += [_ok("prices", "every channel has a price", "모든 채널의 단가가 있습니다."), _credit(found, costs)]
    return Preflight(all(check.verdict != "failed" for check in checks), tuple(checks), costs)


def _template(found: Readiness, template: str, route: Sequence[str]) -> Check:
    if found.approval is None or found.content is None:
        return Check(
            "template",
            "failed",
            "unknown_template",
            f"there is no template {template!r}",
            f"{template} 템플릿이 없습니다.",
        )
    usable = usable_legs(route, found.content, found.approval)
    if len(usable) == len(route):
        return _ok("template", "the template can be sent on the whole route", "템플릿을 보낼 수 있습니다.")
    nothing = None if usable else nothing_left(route, template, found.content, found.approval)
    if nothing is not None and nothing.code != "template_not_approved":
        return Check("template", "failed", nothing.code, nothing.detail, nothing.detail_ko or nothing.detail)
    why = f"is {found.approval}" if found.has_alimtalk else "has no words for AlimTalk"
    why_ko = "카카오 승인을 받지 않아" if found.has_alimtalk else "알림톡 문구가 없어"
    if nothing is not None:
        return Check(
            "template",
            "failed",
            nothing.code,
            f"the template {why}, and the route has no other channel",
            f"{why_ko} 알림톡으로 보낼 수 없고, 다른 채널이 없습니다.",
        )
    left_out = [leg for leg in route if leg not in usable]
    if left_out == ["alimtalk"]:
        return Check(
            "template",
            "warning",
            "alimtalk_left_out",
            f"the template {why}: the route goes on without AlimTalk",
            f"{why_ko} 알림톡 없이 보냅니다.",
        )
    return Check(
        "template",
        "warning",
        "channels_left_out",
        f"the template has no words that may be sent for {', '.join(left_out)}: the route goes on without",
        f"{', '.join(left_out)} 문구가 없어 나머지 채널로만 보냅니다.",
    )


def _law(found: Readiness, route: Sequence[str], now: dt.datetime) -> list[Check]:
    if found.content is None or not found.content.is_advertising:
        return [_ok("law", "by its category and words it is no advertising", "광고성 정보가 아닙니다.")]
    words = found.content.words(route)
    against = [
        Check("law", one.verdict, one.code, one.detail, one.detail_ko) for one in breaches(words, found.business, now)
    ]
    return against or [_ok("law", "the advertising is marked as the law asks", "광고 표기 의무를 지켰습니다.")]


def _sender(found: Readiness, route: Sequence[str], now: dt.datetime) -> Check:
    if not found.carriers:
        return Check(
            "sender",
            "failed",
            NO_PROVIDER_ACCOUNT,
            "there is no active provider account",
            "사용 중인 발송 계정이 없습니다.",
        )
    today = now.astimezone(SEOUL).date()
    legs = [leg for leg in route if found.content is None or found.content.has_words(leg)]
    stopped = {leg: why for leg in legs if (why := obstacle_to(leg, found.carriers, today))}
    if stopped:
        why = next(iter(stopped.values()))
        ends = why == BAD_SENDER or (len(stopped) == len(legs) and why != ACCOUNT_PAUSED)
        return Check("sender", "failed" if ends else "warning", why, *SAID[why])
    carriers = [each for each in found.carriers if _sends(each, legs, today)]
    senders = ", ".join(dict.fromkeys(each.sender for each in carriers if each.sender))
    if not senders:
        return _ok("sender", "an account carries each channel", "모든 채널을 보낼 수 있는 계정이 있습니다.")
    return _ok("sender", f"sent from {senders}", f"발신번호 {senders}(으)로 보냅니다.")


def _sends(carrier: Carrier, legs: Sequence[str], today: dt.date) -> bool:
    return any(carrier.obstacle(leg, today) is None for leg in legs)


def _recipients(sendable: int, refused: int) -> Check:
    if not sendable:
        return Check(
            "recipients", "failed", "no_recipients", "there is nobody to send to", "보낼 수 있는 수신자가 없습니다."
        )
    if refused:
        return Check(
            "recipients",
            "warning",
            "recipients_refused",
            f"{refused:,} of {counted(sendable + refused, 'recipient')} can't be sent to",
            f"수신자 {sendable + refused:,}명 중 {refused:,}명에게는 보낼 수 없습니다.",
        )
    return _ok("recipients", counted(sendable, "recipient"), f"수신자 {sendable:,}명")


def _fallback(found: Readiness, route: Sequence[str], ways: Ways) -> list[Check]:
    """Whether some messages have fewer channels than the route: then a customer may not be told."""
    legs = usable_legs(route, found.content, found.approval) if found.content else ()
    fewer = sum(messages for channels, messages in ways.items() if len(channels) < len(legs))
    if not fewer:
        return []
    return [
        Check(
            "recipients",
            "warning",
            "no_fallback",
            f"{fewer:,} messages can't take every channel of the route (no address for it, characters that carriers "
            "can't carry, or too many): whom the others do not reach is not told",
            f"{fewer:,}건은 받을 주소가 없거나, 문자로 보낼 수 없는 글자가 있거나 너무 길어 일부 채널로만 보냅니다. "
            "그 채널로 닿지 않는 수신자에게는 전달되지 않습니다.",
        )
    ]


def _quota(quota: Quota, messages: int) -> Check:
    if (error := quota.shortage(messages)) is not None:
        return _failed("quota", error)
    return _ok(
        "quota",
        f"plan {quota.plan} has {counted(quota.left, 'message')} left until {quota.period.end}",
        f"{quota.plan} 요금제의 남은 발송 한도 {quota.left:,}건 ({quota.period.end} 전까지)",
    )


def _credit(found: Readiness, costs: Estimate) -> Check:
    if found.available >= costs.to_hold:
        return _ok(
            "credit",
            f"{in_won(found.available)} won are available, {in_won(costs.to_hold)} will be held at most",
            f"사용 가능 금액 {in_won(found.available)}원, 최대 보류 금액 {in_won(costs.to_hold)}원",
        )
    if found.available >= costs.at_most:
        return Check(
            "credit",
            "warning",
            "credit_tight",
            f"{in_won(found.available)} won pay for it all, but {in_won(costs.to_hold)} are held while it is under way",
            f"발송 중 최대 {in_won(costs.to_hold)}원이 보류되어 일부 메시지가 늦어지거나 실패할 수 있습니다.",
        )
    return _failed("credit", credit_shortage(costs.at_most, found.available))


def _ok(name: Subject, detail: str, detail_ko: str) -> Check:
    return Check(name, "ok", "ok", detail, detail_ko)


def _failed(name: Subject, error: CreditError) -> Check:
    return Check(name, "failed", error.code, error.detail, error.detail_ko or error.detail)
