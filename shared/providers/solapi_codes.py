"""What SOLAPI's status codes mean to us.

The table follows https://developers.solapi.com/references/message-status-codes: by its families, with the exceptions
named, since codes are added within a family over time.
"""

from __future__ import annotations

from shared.contracts.outcomes import Outcome

FAMILIES: dict[str, Outcome] = {
    "1": Outcome.FAILED,  # refused at intake: 1026 duplicate, 1030 balance, 1043 template, 1062 sender not registered …
    "2": Outcome.FAILED,  # the platform failed: 2230 balance, 2254 spam filter …
    "3": Outcome.FAILED,  # the carrier or Kakao failed: 3010 bad number, 3104 not a KakaoTalk user …
    "4": Outcome.DELIVERED,
}

EXCEPTIONS: dict[str, Outcome] = {
    "2000": Outcome.SENT,  # accepted, which is not delivered
    "3000": Outcome.SENT,  # at the carrier, no report yet: not final
}

LASTING = frozenset({"3104", "3107"})
"""Who has no KakaoTalk, or has not used it for three days or blocked AlimTalk: not reached there for now."""


def outcome_of(code: str) -> Outcome:
    """The outcome that a code stands for. A code of no known family is not taken as final."""
    return EXCEPTIONS.get(code) or FAMILIES.get(code[:1], Outcome.SENT)
