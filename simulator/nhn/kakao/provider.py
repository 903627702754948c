"""The service itself: what is taken is carried to its end, told to webhooks, and found again by lists."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from itertools import count
from typing import Any

from simulator.accepted import AcceptedList
from simulator.clock import KST, Clock
from simulator.faults import Faults
from simulator.nhn.kakao.codes import DELIVERED, RESULTS, SUCCESS, result_named
from simulator.nhn.kakao.intake import Call
from simulator.nhn.kakao.model import KakaoApp, KakaoSpec, KakaoVerdict, Message, Resent, Template, app_view, register
from simulator.nhn.model import written
from simulator.webhooks import Webhooks

_HOOK_FORM = "%Y-%m-%dT%H:%M:%S"


class NhnKakao:
    """All apps and what they have in the air. Must be used on the event loop of the server."""

    name = "nhn_kakao"
    spec = KakaoSpec
    verdict = KakaoVerdict

    def __init__(self, clock: Clock, accepted: AcceptedList, faults: Faults, webhooks: Webhooks) -> None:
        self.clock = clock
        self.faults = faults
        self.apps: dict[str, KakaoApp] = {}
        self._accepted = accepted
        self._webhooks = webhooks
        self._serial = count(1)

    def send(self, app: KakaoApp, call: Call) -> tuple[str, list[tuple[int, int]]]:
        """Take a call. Gives the request's id, and each recipient's number in it and code."""
        now = self.clock()
        request = f"K{written(now, '%Y%m%d%H%M%S')}{next(self._serial):010d}"
        messages = [
            Message(
                app=app,
                request=request,
                seq=seq,
                kind=call.kind,
                to=each.to,
                sender_key=call.sender_key,
                template_code=call.template_code,
                text=each.text,
                image=call.image,
                group_key=call.group_key,
                recipient_key=each.recipient_key,
                created=now,
                end=each.end,
                resends=each.resends,
                updated=now,
            )
            for seq, each in enumerate(call.recipients, start=1)
            if each.code == SUCCESS
        ]
        app.messages += messages
        app.by_request[request] = messages
        self._accepted.add(messages)
        self._begin(messages)
        return request, [(seq, each.code) for seq, each in enumerate(call.recipients, start=1)]

    def report(self, code: str, message_id: str | None, to: str | None, *, own: bool) -> int | None:
        """Let Kakao say something of a message, or of all to a number; `own`: whether in this service's code.

        Returns:
            Of how many; None where there is no such code.
        """
        result = result_named(code, own=own)
        if result is None:
            return None
        found = [
            message
            for app in self.apps.values()
            for message in app.messages
            if message.message_id == message_id or (message.to == to and message.result is None)
        ]
        for message in found:
            message.end, message.result = result, None
        self._settle(found)
        return len(found)

    def register(self, spec: Any) -> dict[str, Any]:
        """Add an app or change one. Gives it without its secrets."""
        return app_view(register(self.apps, spec, self.clock()))

    def views(self) -> list[dict[str, Any]]:
        """Every app, without its secrets."""
        return [app_view(app) for app in self.apps.values()]

    def inspect(self, verdict: Any) -> dict[str, Any] | None:
        """Kakao says what it thinks of a template, and NHN calls. Gives it as lists show it; None: there is none."""
        app, now = self.apps.get(verdict.app_key), self.clock()
        found = [each for each in app.templates.values() if each.code == verdict.template_code] if app else []
        if app is None or not found:
            return None
        [template] = found
        template.status, template.updated = verdict.status, now
        if verdict.comment is not None:
            kind = {"TSC03": "APR", "TSC04": "REJ"}.get(verdict.status, "REP")
            add_comment(template, verdict.comment, "검수자", kind, now)
        shown = template.shown()
        names = ("senderKey", "templateCode", "kakaoTemplateCode", "status", "comments", "updateDate")
        hook = {name: shown[name] for name in names} | {"hookId": self._hook_id(now)}
        self._webhooks.report(app.of_templates, [hook])
        return shown

    def _begin(self, messages: list[Message]) -> None:
        loop, plan = asyncio.get_running_loop(), self.faults.plan
        timely, late = self.faults.split_late(messages)
        loop.call_later(plan.report_delay_ms / 1000, self._settle, timely)
        if late:
            loop.call_later((plan.report_delay_ms + plan.report_late_ms) / 1000, self._settle, late)

    def _settle(self, messages: Iterable[Message]) -> None:
        now = self.clock()
        by_app: dict[int, list[Message]] = {}
        for message in messages:
            if message.result is None and message.end is not None:
                message.result, message.updated = message.end, now
                by_app.setdefault(id(message.app), []).append(message)
                if message.resends and message.result != DELIVERED:
                    self._accepted.add([Resent(message)])
        for settled in by_app.values():
            self._webhooks.report(settled[0].app, [self._hook(message, now) for message in settled])

    def _hook(self, message: Message, now: float) -> dict[str, Any]:
        key = "recipientGropuingKey" if self.faults.misspells() else "recipientGroupingKey"
        path = f"/{message.kind}/messages/{message.request}/{message.seq}"
        return {
            "kakaoMessageType": f"{message.type}_NORMAL",
            "requestId": message.request,
            "recipientSeq": message.seq,
            "requestDate": written(message.created, _HOOK_FORM),
            "createDate": written(message.created, _HOOK_FORM),
            "receiveDate": written(now, _HOOK_FORM),
            "recipientNo": message.to,
            "resultCode": message.result,
            "senderGroupingKey": message.group_key,
            key: message.recipient_key,
            "isAddedChannel": True if message.kind == "brand" else None,
            "_links": {"self": {"href": path}},
            "hookId": self._hook_id(now),
        }

    def _hook_id(self, now: float) -> str:
        return f"{datetime.fromtimestamp(now, KST):%Y%m%d%H%M%S}{next(self._serial):010d}"


def add_comment(template: Template, text: str, by: str, kind: str, now: float) -> None:
    """Somebody writes about a template."""
    template.comments.append(
        {
            "id": len(template.comments) + 1,
            "content": text,
            "userName": by,
            "createdAt": written(now, "%Y-%m-%d %H:%M:%S"),
            "attachment": [],
            "status": kind,
        }
    )


def entry_of(message: Message) -> dict[str, Any]:
    """A message as lists show it."""
    return {
        "requestId": message.request,
        "recipientSeq": message.seq,
        "plusFriendId": "@channel",
        "senderKey": message.sender_key,
        "templateCode": message.template_code,
        "recipientNo": message.to,
        "content": message.text,
        "requestDate": written(message.created),
        "createDate": written(message.created),
        "receiveDate": written(message.updated) if message.result else None,
        "resendStatus": "RSC01",
        "resendStatusName": "기본",
        "messageStatus": "COMPLETED",
        "resultCode": message.result,
        "resultCodeName": RESULTS[message.result] if message.result else None,
        "senderGroupingKey": message.group_key or None,
        "recipientGroupingKey": message.recipient_key or None,
    }


def update_of(message: Message) -> dict[str, Any]:
    """A message as the list of results by their update shows it: without names of the customer's."""
    whole = entry_of(message)
    names = ("requestId", "recipientSeq", "requestDate", "createDate", "receiveDate", "resendStatus")
    more = ("resendStatusName", "messageStatus", "resultCode", "resultCodeName")
    return {name: whole[name] for name in (*names, *more)} | {"resendResultCode": None, "resendRequestId": None}
