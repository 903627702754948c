"""From sent to settled: final statuses, refunds, the provider's own fallback, and the reports of it all."""

import asyncio
from itertools import count
from typing import Any

from simulator.clock import Clock, iso
from simulator.faults import FaultPlan, Faults
from simulator.solapi.model import Group, Message
from simulator.solapi.sending.codes import AT_CARRIER, DELIVERED, STATUS_MESSAGES, is_final
from simulator.solapi.sending.intake import KAKAO_TYPES, after_kakao, falls_back, text_type
from simulator.webhooks import Webhooks


class Delivery:
    """Carries sent messages to their end. Must be used on the event loop of the server."""

    def __init__(self, clock: Clock, faults: Faults, webhooks: Webhooks) -> None:
        self._clock = clock
        self._faults = faults
        self._webhooks = webhooks
        self._event_ids = count(1)

    @property
    def plan(self) -> FaultPlan:
        """What goes wrong with the provider now."""
        return self._faults.plan

    def start(self, group: Group, messages: list[Message]) -> None:
        """Let messages of one group, just sent, run their course."""
        loop, plan = asyncio.get_running_loop(), self._faults.plan
        timely, late = self._faults.split_late(messages)
        loop.call_later(plan.report_delay_ms / 1000, self._settle, group, timely)
        if late:
            loop.call_later(plan.report_delay_ms / 1000, self._settle, group, late, AT_CARRIER)
            loop.call_later((plan.report_delay_ms + plan.report_late_ms) / 1000, self._settle, group, late)

    def conclude(self, message: Message, code: str) -> None:
        """Report a status that the control API asks for.

        A status that is not final is reported but does not undo a final one.
        """
        now = self._clock()
        if is_final(code) or not is_final(message.status_code):
            _change(message, code, now)
            self._complete(message.group, now)
        report = self._reports(message.group, [message], now)[0]
        report["data"] |= {"statusCode": code, "statusMessage": STATUS_MESSAGES[code]}
        self._webhooks.report(message.group.account, [report])

    def _settle(self, group: Group, messages: list[Message], code: str | None = None) -> None:
        now = self._clock()
        settled = []
        for message in messages:
            if is_final(message.status_code):
                continue
            end = code or message.outcome
            if end not in (DELIVERED, AT_CARRIER):
                end = _failure(message, end)
            _change(message, end, now)
            if end != AT_CARRIER:
                settled.append(message)
        self._complete(group, now)
        if group.account.webhook_url and settled:
            reports = self._reports(group, settled, now)
            if self._faults.plan.report_reorder:
                reports += [_as_at_carrier(report, next(self._event_ids)) for report in reports]
            self._webhooks.report(group.account, reports)

    def _complete(self, group: Group, now: float) -> None:
        if group.completed is None and group.delivered + group.failed == group.accepted:
            group.completed = now
            group.status = "COMPLETE"
            group.note(now, "메시지 발송이 완료됐습니다.")

    def _reports(self, group: Group, messages: list[Message], now: float) -> list[dict[str, Any]]:
        stamp, serial = iso(now), self._event_ids
        group_id, account_id = group.group_id, group.account.account_id
        return [
            {
                "eventDataId": f"E{next(serial):019d}",
                "data": {
                    "messageId": message.message_id,
                    "groupId": group_id,
                    "accountId": account_id,
                    "type": message.type,
                    "to": message.to,
                    "from": message.raw.get("from"),
                    "statusCode": message.status_code,
                    "statusMessage": STATUS_MESSAGES[message.status_code],
                    "replacement": message.replacement,
                    "networkCode": None,
                    "dateProcessed": stamp,
                    "dateReported": stamp,
                    "dateReceived": stamp,
                    "customFields": message.raw.get("customFields") or {},
                },
                "retryCount": 0,
            }
            for message in messages
        ]


def _change(message: Message, code: str, now: float) -> None:
    """Set a status. A failure gives the money back; a delivery after all takes it again."""
    group, old = message.group, message.status_code
    was_failed = is_final(old) and old != DELIVERED
    has_failed = is_final(code) and code != DELIVERED
    group.delivered += (code == DELIVERED) - (old == DELIVERED)
    group.failed += has_failed - was_failed
    if has_failed != was_failed:
        sign = 1 if has_failed else -1
        amount = message.paid
        group.account.balance += sign * amount
        group.refunded += sign
        group.refunded_sum += sign * amount
    message.status_code = code
    message.updated = now


def _failure(message: Message, code: str) -> str:
    """The status that a failure leads to: another one where the provider's own fallback steps in."""
    at_kakao = message.type in KAKAO_TYPES and code.startswith("3")
    return _replace(message) if at_kakao and falls_back(message.raw) else code


def _replace(message: Message) -> str:
    """Turn a failed KakaoTalk message into the provider's own text message. Answers the status it ends with."""
    group, account = message.group, message.group.account
    message.type = text_type(message.text, bool(message.raw.get("subject")))
    message.replacement = True
    price = account.price(message.type)
    account.balance += message.paid - price
    group.replaced += 1
    group.replaced_sum += price - message.paid
    message.paid = price
    return after_kakao(message.to)


def _as_at_carrier(report: dict[str, Any], serial: int) -> dict[str, Any]:
    data = report["data"] | {"statusCode": AT_CARRIER, "statusMessage": STATUS_MESSAGES[AT_CARRIER]}
    return {"eventDataId": f"E{serial:019d}", "data": data, "retryCount": 0}
