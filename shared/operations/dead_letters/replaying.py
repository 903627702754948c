"""Dead letters go to their topics once more. Handlers are idempotent, so a letter that goes twice does no harm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from shared.operations.dead_letters.letters import as_published, topic_of
from shared.operations.dead_letters.store import Which, take_open
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.pubsub import Outgoing, Publisher
from shared.platform.signals.dead_letters import mark_replayed

LETTERS_AT_A_TIME = 20
"""A letter has up to 10 MB."""


@dataclass(slots=True)
class Replayed:
    """What became of letters: `published` by topic, and how many were `left` because a replay can't help them."""

    published: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    left: int = 0


async def replay(
    database: Database, publisher: Publisher, clock: Clock, which: Which, on_progress: Callable[[int], None]
) -> Replayed:
    """Publish open letters to the topics that they came from, and mark them.

    A letter is locked while it is published, so two who replay at once share the work. After a crash between publishing
    and marking it is still open, and is published again. When it fails again before it is marked, that waits for the
    mark, and then opens it.

    Args:
        which: the letters; of these, the open ones.
        on_progress: called with the number of letters looked at since the last call.
    """
    done = Replayed()
    after = UUID(int=0)
    while True:
        async with database.transaction() as connection:
            taken = await take_open(connection, which, after=after, limit=LETTERS_AT_A_TIME)
            if not taken:
                return done
            outgoing: dict[str, list[tuple[UUID, Outgoing]]] = defaultdict(list)
            for letter in taken:
                topic = topic_of(letter.source, letter.reason, letter.attributes)
                if topic is None:
                    done.left += 1
                else:
                    again = as_published(str(letter.id), letter.body, letter.attributes)
                    outgoing[topic].append((letter.id, again))
            for topic, letters in outgoing.items():
                await publisher.publish(topic, [again for _, again in letters])
                await mark_replayed(connection, [id_ for id_, _ in letters], clock.now())
        for topic, letters in outgoing.items():
            done.published[topic] += len(letters)
        on_progress(len(taken))
        after = taken[-1].id
