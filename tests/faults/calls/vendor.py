"""A provider of any class, in memory: what it has taken is true, whatever its answers become."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast
from uuid import UUID

from shared.contracts.channels import CHANNELS
from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.messages.reports.reporting import refusal
from shared.providers import (
    Accepted,
    BatchState,
    OutboundMessage,
    Prepared,
    Provider,
    ProviderAccount,
    ProviderAmbiguous,
    ProviderRefused,
    ProviderUndecided,
    Said,
    Settlement,
    Submission,
    Submitted,
    Word,
)
from tests.faults.boundaries import Hook

MOST_A_CALL = 2
CULPRIT = "01090001062"
"""A call with it is refused whole."""

LOOK_UP_AFTER = dt.timedelta(minutes=2)
LOST = ProviderUndecided("no_answer", "the answer was lost")


class Taken(NamedTuple):
    """A message that the vendor has taken, and will bring to a phone."""

    batch: str
    key: str
    message: OutboundMessage


class Vendor:
    """The provider itself, which outlives every process that calls it.

    Args:
        settlement: its class.

    Attributes:
        taken: all that it has taken, in order.
        loses: of the next calls that send, whether each is lost before it was looked at or after.
        outcome: what it reports of each message, and by which code; None for nothing.
        gone: devices and addresses that exist no more; a message that would reach no other is refused.
    """

    def __init__(self, settlement: Settlement) -> None:
        self.settlement = settlement
        self.taken: list[Taken] = []
        self.held: dict[str, Sequence[OutboundMessage]] = {}
        self.loses: list[str] = []
        self.outcome: tuple[Outcome, str] | None = (Outcome.DELIVERED, "4000")
        self.gone: set[str] = set()
        self.calls = 0
        self._names = itertools.count(1)

    def wire(self, hook: Hook) -> Provider:
        """The way to it of one process."""
        wire = _TwoPhases(self, hook) if self.settlement is Settlement.TWO_PHASE else _OneCall(self, hook)
        return cast(Provider, wire)

    def times(self) -> Counter[UUID]:
        """How often it was given each message."""
        return Counter(taken.message.message for taken in self.taken)

    def take(self, key: str, messages: Sequence[OutboundMessage]) -> str:
        batch = f"B{next(self._names)}"
        self.taken += [Taken(batch, key, message) for message in messages]
        return batch

    def reports(self, batch: str) -> list[ProviderReport]:
        if self.outcome is None:
            return []
        outcome, code = self.outcome
        return [
            ProviderReport(
                message=message.message,
                attempt=message.attempt,
                channel=message.channel,
                provider_message_id=f"{batch}/{message.message}",
                code=code,
                outcome=outcome,
            )
            for name, _, message in self.taken
            if name == batch
        ]

    def words(self, batch: str) -> list[Said]:
        """The same, of a vendor with which nothing of ours travels."""
        to = {message.message: message.to for _, _, message in self.taken}
        return [
            Word(batch, to[each.message], each.provider_message_id, each.channel, each.code, each.outcome)
            for each in self.reports(batch)
        ]

    def submitted(self, batch: str, refused: Sequence[OutboundMessage] = ()) -> Submitted:
        messages = [message for name, _, message in self.taken if name == batch]
        reached = {target for each in (*messages, *refused) for target in targets(each)}
        return Submitted(
            batch,
            [Accepted(each.message, f"{batch}/{each.message}") for each in messages],
            [refusal(each.message, each.attempt, each.channel, "GONE", "nobody is there") for each in refused],
            sorted(reached & self.gone),
        )


def targets(message: OutboundMessage) -> set[str]:
    """Whom a message is brought to."""
    return set(message.devices or [message.to])


class _Wire:
    name, channels = "solapi", frozenset(CHANNELS)

    def __init__(self, vendor: Vendor, hook: Hook) -> None:
        self.vendor, self.settlement = vendor, vendor.settlement
        self._hook = hook

    async def batch_reports(self, _: ProviderAccount, batch: str) -> list[Said]:
        reports = self.vendor.reports(batch)
        return list(reports) if self.settlement is not Settlement.MATCHED else self.vendor.words(batch)

    async def _losing(self, do: Any) -> Any:
        """Do what sends, unless it or its answer is lost."""
        self.vendor.calls += 1
        lost = self.vendor.loses.pop(0) if self.vendor.loses else ""
        await self._hook("before call")
        if lost == "before":
            raise LOST
        done = do()
        await self._hook("after call")
        if lost == "after":
            raise LOST
        return done

    def proof_of(self, headers: Mapping[str, str]) -> str:
        return headers.get("proof", "")


class _OneCall(_Wire):
    look_up_after = LOOK_UP_AFTER

    def calls(self, messages: Sequence[OutboundMessage]) -> list[Sequence[OutboundMessage]]:
        return [messages[at : at + MOST_A_CALL] for at in range(0, len(messages), MOST_A_CALL)]

    async def submit(self, _: ProviderAccount, submission: Submission) -> Submitted:
        key = str(submission.dispatch)

        def send() -> str:
            if any(message.to == CULPRIT for message in submission.messages):
                raise ProviderRefused("1062", "sender not registered")
            if self.settlement is Settlement.KEYED and key in {taken.key for taken in self.vendor.taken}:
                raise ProviderUndecided("-1005", "the key was used")
            return self.vendor.take(key, [each for each in submission.messages if each not in lost])

        lost = [each for each in submission.messages if targets(each) <= self.vendor.gone]
        return self.vendor.submitted(await self._losing(send), lost)

    async def find(self, _: ProviderAccount, submission: Submission) -> Submitted | None:
        if self.settlement is not Settlement.MATCHED:
            names = {taken.batch for taken in self.vendor.taken if taken.key == str(submission.dispatch)}
            return self.vendor.submitted(names.pop()) if names else None
        wanted = Counter((message.to, message.text) for message in submission.messages)
        alike = [taken for taken in self.vendor.taken if (taken.message.to, taken.message.text) in wanted]
        if not alike:
            return None
        found = Counter((taken.message.to, taken.message.text) for taken in alike)
        if found != wanted or len({taken.batch for taken in alike}) > 1:
            raise ProviderAmbiguous("ambiguous", f"{len(alike)} look like the {len(submission.messages)} sent")
        return self.vendor.submitted(alike[0].batch)


class _TwoPhases(_Wire):
    async def prepare(self, _: ProviderAccount, messages: Sequence[OutboundMessage]) -> Prepared:
        if any(message.to == CULPRIT for message in messages):
            raise ProviderRefused("1062", "sender not registered")
        batch = f"G{len(self.vendor.held) + 1}"
        self.vendor.held[batch] = messages
        return Prepared(batch, [Accepted(each.message, f"{batch}/{each.message}") for each in messages], [])

    async def send(self, _: ProviderAccount, batch: str) -> None:
        def send() -> None:
            if batch not in self.vendor.held:
                raise ProviderRefused("gone", "sent before, or taken back")
            self.vendor.taken += [Taken(batch, batch, message) for message in self.vendor.held.pop(batch)]

        await self._losing(send)

    async def discard(self, _: ProviderAccount, batch: str) -> None:
        self.vendor.held.pop(batch, None)

    async def batch_state(self, _: ProviderAccount, batch: str) -> BatchState:
        if batch in self.vendor.held:
            return BatchState.WAITING
        return BatchState.SENT if any(taken.batch == batch for taken in self.vendor.taken) else BatchState.ABSENT
