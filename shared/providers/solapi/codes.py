"""What SOLAPI's status codes mean to us: https://developers.solapi.com/references/message-status-codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from shared.contracts.outcomes import Outcome
from shared.platform.logs import log

DELIVERED = "4000"

ON_THE_WAY = frozenset(
    {
        "2000",  # accepted, which is not delivered
        "3000",  # at the carrier, no report yet
    }
)

REFUSED = frozenset(
    {
        *("1010", "1011", "1012"),  # a field is missing, or of another form
        *("1013", "1014"),  # a subject that an SMS can't have, or that is too long
        *("1020", "1021", "1022", "1023"),  # the account; 1023 no such picture
        *("1024", "1025", "1026", "1027", "1028", "1029"),  # 1026 twice to a number; 1027 to 1029 characters
        *("1030", "1031", "1032", "1033", "1034"),  # 1030 balance, 1031 length, 1032 customFields, 1034 no picture
        *("1041", "1042", "1043", "1044", "1045", "1046", "1047", "1048", "1049", "1050", "1051", "1052", "1053"),
        # … the channel, the template, and the buttons: which, how many, and their names
        *("1058", "1060", "1061", "1062", "1064"),  # 1060 blocked, 1061 opted out, 1062 sender, 1064 blocked by KISA
    }
)
"""At intake: nothing was taken."""

FAILED = frozenset(
    {
        *("2011", "2024", "2060", "2061", "2062", "2063", "2064"),  # the platform: 2060 to 2064 blocked, by whom
        *("2230", "2254"),  # balance; the platform's filter of spam
        *("3010", "3011", "3012", "3013", "3014", "3024"),  # the number, the server, the sender's number
        *("3031", "3032"),  # can't be sent there; no subscriber
        *("3040", "3041", "3042", "3043", "3044", "3045", "3046", "3047", "3048"),  # 3040 its time is over; the phone
        *("3050", "3051", "3052", "3053", "3054", "3055", "3056", "3057", "3058", "3059"),  # 3054, 3055 spam
        "3060",  # the recipient is no adult, or has not said so
        *("3101", "3102", "3103", "3104", "3105", "3106", "3107", "3108"),  # Kakao: 3104 no KakaoTalk, 3108 the hour
    }
)
"""Taken, and failed for good."""

NO_SUCH_PICTURE = "1023"

LASTING = frozenset({"3104", "3107"})
"""Who has no KakaoTalk, or has not used it for three days or blocked AlimTalk: not reached there for now."""


def outcome_of(code: str) -> Outcome:
    """The outcome that a code stands for. One that is in no table is a refusal where its family says so (1…), else it
    is taken for neither a failure, after which the customer might be told twice, nor a delivery."""
    if code == DELIVERED:
        return Outcome.DELIVERED
    is_over = code in FAILED or (len(code) == 4 and code.startswith("1"))
    return Outcome.FAILED if is_over else Outcome.SENT


def tell_unknown(codes: Iterable[str]) -> None:
    """Write down which codes came that no table has, and how often: somebody has to learn what they mean."""
    tables = REFUSED | FAILED | ON_THE_WAY | {DELIVERED}
    for code, number in Counter(code for code in codes if code not in tables).items():
        fields = {"provider": "solapi", "code": code[:100], "count": number}
        log("providers").warning("a status code that no table has: %s", code[:100], extra={"fields": fields})
