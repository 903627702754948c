"""What a call of Toss says, before anything is believed or looked up: anybody may make one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from shared.credits.payments.errors import malformed

DEPOSIT_CALLBACK = "DEPOSIT_CALLBACK"
"""The one call that doesn't name its type, and that carries the secret of its payment."""

TRANSMISSION_ID = "tosspayments-webhook-transmission-id"
MAX_TRANSMISSION_ID = 200

_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{6,64}")
_EVENT_TYPE = re.compile(r"[A-Z_]{1,50}")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that names an order.

    transmission: names the delivery; None where Toss did not say.
    secret: what only Toss and we know of a deposit's payment.
    """

    event_type: str
    order_id: str
    transmission: str | None
    secret: str = field(repr=False)


def read_call(headers: Mapping[str, str], body: bytes) -> Call | None:
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
    transmission = headers.get(TRANSMISSION_ID)
    if transmission and not (
        len(transmission) <= MAX_TRANSMISSION_ID and transmission.isascii() and transmission.isprintable()
    ):
        raise malformed(f"a transmission id has at most {MAX_TRANSMISSION_ID} printable characters")
    return Call(event_type, order_id, transmission or None, str(call.get("secret")))
