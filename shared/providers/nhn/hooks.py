"""What NHN Cloud's webhooks tell beside the results of messages: who refuses advertising, what becomes of templates.

Templates: https://docs.nhncloud.com/ko/Notification/KakaoTalk%20Bizmessage/ko/webhook-api-guide/; opt-outs:
https://docs.nhncloud.com/ko/Notification/SMS/ko/webhook/.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared.providers.nhn.envelope import RESULT_UPDATE, hooks_of
from shared.providers.wire import read_in_korea

UNSUBSCRIBE = "UNSUBSCRIBE"


class OptOut(NamedTuple):
    """Somebody called the free number by which a sender's advertising is refused.

    phone: whose.
    number: which was called.
    at: when, where it says so.
    """

    phone: str
    number: str
    at: dt.datetime | None


class HookComment(NamedTuple):
    """What somebody wrote about a template.

    key: tells it from every other one.
    kind: what it is: INQ a question, APR an approval, REJ a rejection, REP an answer, REQ a request.
    """

    key: str
    text: str
    kind: str
    by: str | None
    at: dt.datetime | None


class TemplateHook(NamedTuple):
    """What became of a template.

    channel: the sender key of whom it is of.
    code: by which messages name it.
    status: TSC01 asked for, TSC02 looked at, TSC03 approved, TSC04 rejected.
    comments: those that it tells of.
    at: when it changed, where it says so.
    """

    channel: str
    code: str
    status: str
    comments: Sequence[HookComment]
    at: dt.datetime | None


def opt_outs(body: bytes) -> list[OptOut]:
    """Those that a call of the SMS service tells; none where it is about something else. Raises ValueError when NHN
    can't have sent it."""
    event, hooks = hooks_of(body)
    if event != UNSUBSCRIBE:
        return []
    return [
        OptOut(
            "".join(filter(str.isdecimal, _text(hook, "recipientNo"))),
            _text(hook, "unsubscribeNo"),
            read_in_korea(hook.get("createdDateTime")),
        )
        for hook in hooks
    ]


def template_hooks(body: bytes) -> list[TemplateHook]:
    """Those that a call of the KakaoTalk service tells; none where it is about messages. The guide does not say what
    their event is called: what names a template and its status is one. Raises ValueError when NHN
    can't have sent it."""
    event, hooks = hooks_of(body)
    if event == RESULT_UPDATE:
        return []
    return [
        TemplateHook(
            _text(hook, "senderKey"),
            _text(hook, "templateCode"),
            _text(hook, "status"),
            [_comment(each) for each in hook.get("comments") or () if isinstance(each, dict)],
            read_in_korea(hook.get("updateDate")),
        )
        for hook in hooks
        if "templateCode" in hook and "status" in hook
    ]


def _comment(wire: Mapping[str, Any]) -> HookComment:
    by = wire.get("userName")
    at = read_in_korea(wire.get("createdAt"))
    return HookComment(_text(wire, "id"), _text(wire, "content"), str(wire.get("status") or ""), by, at)


def _text(hook: Mapping[str, Any], name: str) -> str:
    if hook.get(name) is None:
        raise ValueError(f"a hook without {name}")
    return str(hook[name])
