"""The inbox of a business' own app, as a provider like any other: it takes messages at once, and is nobody's but ours.

A message is there once, by its id, so that a lost answer is simply asked for again. That it was read comes back as a
report, from where the app says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence, Set
from typing import Protocol
from uuid import UUID

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.providers.base import (
    Accepted,
    OneCall,
    OutboundMessage,
    ProviderAccount,
    Said,
    Settlement,
    Submission,
    Submitted,
)

UNKNOWN_CUSTOMER = "unknown_customer"


class Inboxes(Protocol):
    """Where messages are kept."""

    async def keep(self, tenant: str, messages: Sequence[OutboundMessage]) -> Set[UUID]:
        """Put messages into their customers' inboxes, each once. Gives those that are there now."""


class InApp:
    """The inbox for every account.

    Args:
        inboxes: where its messages are kept.
    """

    name = "inapp"
    settlement: OneCall = Settlement.COLLAPSE
    look_up_after = dt.timedelta(0)
    channels = frozenset({"inapp"})

    def __init__(self, inboxes: Inboxes) -> None:
        self._inboxes = inboxes

    def calls(self, messages: Sequence[OutboundMessage]) -> list[list[OutboundMessage]]:
        return [list(messages)]

    async def submit(self, account: ProviderAccount, submission: Submission) -> Submitted:
        kept = await self._inboxes.keep(account.tenant, submission.messages)
        accepted = [Accepted(each.message, str(each.message)) for each in submission.messages if each.message in kept]
        refused = [_refusal(each) for each in submission.messages if each.message not in kept]
        return Submitted(str(submission.dispatch), accepted, refused)

    async def find(self, account: ProviderAccount, submission: Submission) -> Submitted | None:
        return None

    async def batch_reports(self, account: ProviderAccount, batch: str) -> Sequence[Said]:
        return ()

    def proof_of(self, headers: Mapping[str, str]) -> str:
        return ""

    def parse_webhook(self, body: bytes) -> list[ProviderReport]:
        raise ValueError("the inbox calls nobody")

    def webhook_entries(self, call: object) -> list[object]:
        return []


def _refusal(message: OutboundMessage) -> ProviderReport:
    return ProviderReport(
        message=message.message,
        attempt=message.attempt,
        channel=message.channel,
        provider_message_id="",
        code=UNKNOWN_CUSTOMER,
        outcome=Outcome.FAILED,
        detail="the tenant has no such customer any more (삭제된 고객입니다.)",
    )
