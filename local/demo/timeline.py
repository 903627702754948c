"""One message of the day, chosen to be told of, and its story."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from local.demo.expectation import Expectation
from local.demo.observation import Message
from local.stack import Stack
from shared.messages.stories.stories import Story, story
from shared.platform.database import Database


@dataclass(frozen=True)
class Timeline:
    """The story of a message, with the name of its customer."""

    customer: str
    story: Story


def timeline(stack: Stack, expectation: Expectation, messages: Sequence[Message]) -> Timeline | None:
    """The story of a message worth telling of; None when nothing was delivered."""
    message = choose(expectation, messages)
    if message is None:
        return None
    names = {(each.person.tenant, each.person.id): each.person.name for each in expectation.tellings}
    return Timeline(names[message.tenant, message.customer], asyncio.run(_story(stack, message)))


def choose(expectation: Expectation, messages: Sequence[Message]) -> Message | None:
    """A delivered one, best a reminder, and best of those one that KakaoTalk could not deliver and a text could."""
    merits = {
        (telling.person.tenant, telling.person.id, telling.template): (len(telling.way), telling.due_at is not None)
        for telling in expectation.tellings
        if telling.reason is None
    }
    candidates = [
        (*merit, str(message.id), message)
        for message in messages
        if message.status == "delivered"
        and (merit := merits.get((message.tenant, message.customer, message.template))) is not None
    ]
    return max(candidates, key=lambda candidate: candidate[:-1])[-1] if candidates else None


async def _story(stack: Stack, message: Message) -> Story:
    database = Database(stack.role_database_urls["allim_operator"], pool_size=1)
    try:
        async with database.connection() as connection:
            return await story(connection, str(message.id))
    finally:
        await database.close()
