"""What an attempt came to, in our words."""

from enum import StrEnum


class Outcome(StrEnum):
    """What a provider's code means for an attempt.

    `unconfirmed` is a failure that may yet turn out delivered (Kakao 3005: up to three days), so falling back on it
    could tell the customer twice. `expired` is no provider's word but ours: nobody could be asked for as long as a last
    report may take.
    """

    SENT = "sent"
    UNCONFIRMED = "unconfirmed"
    EXPIRED = "expired"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"
