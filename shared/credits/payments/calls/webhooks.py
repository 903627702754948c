"""What a call of Toss says, before anything is believed or looked up: anybody may make one.

It only says which order to look at. That is written down, and `looking` asks Toss: who takes the calls needs neither
the merchant's key nor a right to touch money.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field

import orjson

from shared.credits.payments.calls.look_up_store import known_order, tell
from shared.credits.payments.errors import malformed, no_order, wrong_secret
from shared.platform.clock import Clock
from shared.platform.database import Database

DEPOSIT_CALLBACK = "DEPOSIT_CALLBACK"
"""The one call that doesn't name its type, and that carries the secret of its payment."""

_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{6,64}")
_EVENT_TYPE = re.compile(r"[A-Z_]{1,50}")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that names an order. `secret`: what only Toss and we know of a deposit's payment."""

    event_type: str
    order_id: str
    secret: str = field(repr=False)


class PaymentCalls:
    """Takes calls of Toss.

    Args:
        database: a role that knows of orders, and may say which ones are to be looked at.
        clock: the time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def receive(self, body: bytes) -> None:
        """Take a call. It is signed by nothing, so it only says where to look.

        Raises:
            CreditError: `malformed`, `unknown_order`, `wrong_secret`.
        """
        call = read_call(body)
        if call is None:
            return
        async with self._database.connection() as connection:
            order = await known_order(connection, call.order_id)
            if order is None:
                raise no_order(call.order_id)
            if call.event_type == DEPOSIT_CALLBACK and not hmac.compare_digest(
                call.secret.encode(), (order.deposit_secret or "").encode()
            ):
                raise wrong_secret()
            await tell(connection, order.tenant, call.order_id, self._clock.now())


def read_call(body: bytes) -> Call | None:
    """Read a call. None: it names no order; the payment's own event, or a look-up, tells what it means for credit.

    Raises:
        CreditError: `malformed`. Nothing of such a call may reach a statement.
    """
    try:
        call = orjson.loads(body)
        event_type = str(call.get("eventType") or DEPOSIT_CALLBACK)
        data = call["data"] if event_type != DEPOSIT_CALLBACK else call
        order_id = data.get("orderId")
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
        raise malformed("not what Toss sends") from error
    if event_type == "BILLING_DELETED" or (event_type == "CANCEL_STATUS_CHANGED" and order_id is None):
        return None
    if not _EVENT_TYPE.fullmatch(event_type):
        raise malformed("no eventType of Toss", field="eventType")
    if not isinstance(order_id, str) or not _ORDER_ID.fullmatch(order_id):
        raise malformed("no orderId of ours", field="orderId")
    return Call(event_type, order_id, str(call.get("secret")))
