"""The provider itself: what is taken is carried to its end, told to webhooks, and found again by lists."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from itertools import count
from typing import Any

from simulator.accepted import AcceptedList
from simulator.clock import KST, Clock
from simulator.faults import Faults
from simulator.nhn.codes import DELIVERED, DUPLICATE, RESULTS, SUCCESS, result_named
from simulator.nhn.intake import Call, NhnError
from simulator.nhn.model import App, AppSpec, Message, app_view, register, written
from simulator.webhooks import Webhooks

_HOUR = 3600.0


class Nhn:
    """All apps and what they have in the air. Must be used on the event loop of the server."""

    name = "nhn"
    spec = AppSpec

    def __init__(self, clock: Clock, accepted: AcceptedList, faults: Faults, webhooks: Webhooks) -> None:
        self.clock = clock
        self.faults = faults
        self.apps: dict[str, App] = {}
        self._accepted = accepted
        self._webhooks = webhooks
        self._serial = count(1)

    def send(self, app: App, kind: str, call: Call) -> tuple[str, list[tuple[int, int]]]:
        """Take a call.

        Returns:
            The request's id, and each recipient's number in it and code.

        Raises:
            NhnError: the month's quota does not hold it.
        """
        now = self.clock()
        month = written(now, "%Y-%m")
        taken = [recipient for recipient in call.recipients if recipient.code == SUCCESS]
        if app.sent_in[month] + len(taken) > app.monthly_quota:
            raise NhnError(-2052)
        app.sent_in[month] += len(taken)
        request = f"{written(now, '%Y%m%d%H%M%S')}{next(self._serial):010d}"
        results, messages = [], []
        for seq, recipient in enumerate(call.recipients, start=1):
            results.append((seq, recipient.code))
            if recipient.code == SUCCESS:
                messages.append(
                    Message(
                        app=app,
                        request=request,
                        seq=seq,
                        kind=kind,
                        to=recipient.to,
                        send_no=call.send_no,
                        title=call.title,
                        text=call.text,
                        sender_key=call.sender_key,
                        recipient_key=recipient.recipient_key,
                        created=now,
                        end=recipient.end,
                        files=call.files,
                        updated=now,
                    )
                )
        twins = [message for message in messages if app.blocks_duplicates and self._is_twin(app, message)]
        for message in twins:
            message.end = DUPLICATE
        app.messages += messages
        app.by_request[request] = messages
        self._accepted.add(message for message in messages if message not in twins)
        self._begin(messages)
        return request, results

    def report(self, code: str, message_id: str | None, to: str | None, *, own: bool) -> int | None:
        """Let the carrier say something of a message, or of all to a number; `own`: whether in this provider's code.

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
            message.end = result
            message.result = None
        self._settle(found)
        return len(found)

    def register(self, spec: Any) -> dict[str, Any]:
        """Add an app or change one. Gives it without its secrets."""
        return app_view(register(self.apps, spec))

    def views(self) -> list[dict[str, Any]]:
        """Every app, without its secrets."""
        return [app_view(app) for app in self.apps.values()]

    def _is_twin(self, app: App, message: Message) -> bool:
        like = _content(message)
        return any(_content(each) == like and message.created - each.created < _HOUR for each in app.messages)

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
                message.status = "3" if message.end == DELIVERED else "5" if message.end == DUPLICATE else "0"
                by_app.setdefault(id(message.app), []).append(message)
        for settled in by_app.values():
            hooks = [self._hook(message, now) for message in settled]
            self._webhooks.report(settled[0].app, hooks)

    def _hook(self, message: Message, now: float) -> dict[str, Any]:
        key = "recipientGropuingKey" if self.faults.misspells() else "recipientGroupingKey"
        form = "%Y-%m-%dT%H:%M:%S"
        status = {DELIVERED: "COMPLETED", DUPLICATE: "DUPLICATED"}.get(str(message.result), "FAILED")
        return {
            "hookId": f"{datetime.fromtimestamp(now, KST):%Y%m%d%H%M%S}{next(self._serial):010d}",
            "senderType": f"NORMAL_{message.type}",
            "requestId": message.request,
            "recipientSeq": message.seq,
            "requestDate": written(message.created, form),
            "receiveDate": written(now, form),
            "sendNo": message.send_no,
            "recipientNo": message.to,
            "messageStatus": status,
            key: message.recipient_key,
            "senderGroupingKey": message.sender_key,
            "resultCode": message.result,
            "messageCount": 1,
            "_links": {"self": {"href": f"/sender/{message.kind}/{message.request}?recipientSeq={message.seq}"}},
        }


def _content(message: Message) -> tuple[object, ...]:
    return message.kind, message.send_no, message.to, message.title, message.text, message.files


def entry_of(message: Message) -> dict[str, Any]:
    """A message as lists show it."""
    names = {"0": "실패", "1": "요청", "3": "성공", "5": "중복"}
    return {
        "requestId": message.request,
        "requestDate": written(message.created),
        "resultDate": written(message.updated) if message.result else None,
        "templateId": None,
        "title": message.title or None,
        "body": message.text,
        "sendNo": message.send_no,
        "countryCode": "82",
        "recipientNo": message.to,
        "msgStatus": message.status,
        "msgStatusName": names[message.status],
        "resultCode": message.result,
        "resultCodeName": RESULTS[message.result] if message.result else None,
        "telecomCode": 10001,
        "telecomCodeName": "SKT",
        "recipientSeq": message.seq,
        "sendType": "0" if message.kind == "sms" else "1",
        "messageType": message.type,
        "messageCount": 1,
        "adYn": "N",
        "senderGroupingKey": message.sender_key,
        "recipientGroupingKey": message.recipient_key,
    }


def update_of(message: Message) -> dict[str, Any]:
    """A message as the list of results by their update shows it."""
    whole = entry_of(message)
    names = ("messageType", "requestId", "recipientSeq", "resultCode", "resultCodeName", "requestDate", "resultDate")
    more = ("telecomCode", "telecomCodeName", "senderGroupingKey", "recipientGroupingKey")
    return {name: whole[name] for name in (*names, *more)} | {"updateDate": written(message.updated)}
