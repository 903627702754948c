"""What becomes of a message while whoever should take it is away."""

from __future__ import annotations

from simulator.pubsub.delivery.backlog import Backlog, Memory, Policy
from simulator.pubsub.faults import Faults
from simulator.pubsub.messages import Message

HOUR = 3600.0


def is_taken_in_the_end(policy: Policy, *, away: float) -> bool:
    """Whether a message that is refused for so many seconds is taken after that, or given up before.

    An answer takes no time here: in a real outage each try lasts as long as the function's patience, which helps.
    """
    backlog = Backlog(policy, Memory(limit=1 << 20), Faults(), lambda delivery, topic: True)
    backlog.add(Message("1", b"{}", {}, "", 0, "", 2), 0.0)
    now = 0.0
    while now < away:
        delivery = backlog.take(now)
        assert delivery is not None
        backlog.refuse(delivery, now)
        due = backlog.next_due()
        if due is None:
            return False
        now = due
    delivery = backlog.take(now)
    assert delivery is not None
    backlog.acknowledge(delivery, now)
    return True
