"""Handing messages to a provider as one batch, also to one that refuses a whole call for one of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from shared.contracts.reports import ProviderReport
from shared.messages.reports.reporting import refusal
from shared.providers import OutboundMessage, Prepared, ProviderAccount, ProviderRefused, TwoPhaseProvider

MAX_PARTS = 32
"""Asked about in search of the culprits: enough for three among 500. Is it the account that is refused, all are."""


async def hand_over(
    provider: TwoPhaseProvider, account: ProviderAccount, messages: Sequence[OutboundMessage]
) -> tuple[Prepared, list[ProviderReport]]:
    """Prepare one batch of all that the provider takes.

    Where it refuses the call as a whole, it is asked about halves of it, and halves of those, until each culprit stands
    alone; the others become the batch.

    Args:
        provider: what is handed over to it to find out can be taken back.
        account: whose.
        messages: at least one.

    Returns:
        The batch, and refusals of those that the provider refused whatever they came with.

    Raises:
        ProviderError: it could not be asked; nothing was sent.
    """
    refused: list[ProviderReport] = []
    sound: list[OutboundMessage] = []
    parts = deque([list(messages)])
    asked = 0
    while parts:
        part = parts.popleft()
        asked += 1
        try:
            prepared = await provider.prepare(account, part)
        except ProviderRefused as error:
            if len(part) > 1 and asked < MAX_PARTS:
                parts += (part[: len(part) // 2], part[len(part) // 2 :])
            else:
                refused += [_refusal(each, error) for each in part]
            continue
        if len(part) + len(refused) == len(messages):
            return prepared, refused
        sound += part
        if prepared.batch is not None:
            await provider.discard(account, prepared.batch)
    return await provider.prepare(account, sound) if sound else Prepared(None, (), ()), refused


def _refusal(message: OutboundMessage, error: ProviderRefused) -> ProviderReport:
    return refusal(message.message, message.attempt, message.channel, error.code, error.detail)
