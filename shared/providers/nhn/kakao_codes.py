"""What the codes of NHN Cloud's KakaoTalk service mean to us.

Source: https://docs.nhncloud.com/ko/Notification/KakaoTalk%20Bizmessage/ko/error-code/. Negative ones answer requests,
the others say what became of a message.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.contracts.alimtalk import NOT_REACHED
from shared.contracts.outcomes import Outcome
from shared.providers.nhn.envelope import Codes

KEY_USED = "-1005"
"""The same idempotency key within ten minutes. The first call's answer is not given again."""

ALL_REFUSED = "-1031"
"""Every recipient was refused, each for a reason of its own."""

NO_SUCH_IMAGE = "-8002"
NO_SUCH_TEMPLATE = "-3003"

CODES = Codes(
    not_now=frozenset(
        {
            *(-1000, -1001, -4004, -4005),  # the app key, the secret; no such service, or one that was ended
            *(-1006, -1014, -1027, -1030, -2017),  # the channel: its key, asleep, blocked, nobody verified, none at all
        }
    ),
    not_sure=frozenset({-7000, -9999}),  # Kakao failed behind it; the system failed
    ours={
        -1028: "a new channel may not fill in a value that is more than 14 characters longer than its variable "
        "(새 채널은 변수보다 14자 넘게 긴 값을 넣을 수 없습니다.)",
        -1027: "Kakao has blocked the channel (카카오톡 채널이 차단되었습니다.)",
    },
)

DELIVERED = "1000"

UNCONFIRMED = frozenset(
    {
        "3005",  # sent, and nobody has said that it arrived: it may, for three days
        *("4000", "4001", "4122"),  # no result was found, or none that is known
        *("9998", "9999"),  # somebody is looking into it
    }
)

UNDER_WAY = frozenset({"4161"})


OUR_MISTAKES = frozenset(
    {
        *("1001", "1004", "1028", "1030", "1033"),
        *("3011", "3013", "3014", "3015", "3016", "3017", "3023", "3024"),  # 3016: not what was approved
        *(str(code) for code in range(3025, 3059) if code != 3049),
        *("4100", "4101", "4102", "4110", "4120", "4130", "4131", "4132", "4133", "4134", "4138", "4144"),
    }
)
"""What was sent breaks a rule, or is not what was approved: it will fail for everybody."""

FAILED = (
    NOT_REACHED
    | OUR_MISTAKES
    | {
        *("1002", "1003", "1006", "1007", "1011", "1012", "1013", "1014", "1015", "1016", "1020"),  # the channel
        *("1021", "1022", "1023", "1024", "1025", "1027"),  # the channel: blocked, closed, taken away
        *("2001", "2003", "2005", "3000", "3006", "3008", "3010", "3012"),  # 3008 the number; Kakao failed
        "3022",  # not at these hours: a Brand Message leaves from 08:00 until 20:50
        *("4103", "4104", "4121", "4137", "4139", "4140", "4141", "4142", "4143", "4156"),
    }
)

FAILED_STATUSES = frozenset({"FAILED", "CANCEL"})

KNOWN = FAILED | UNCONFIRMED | UNDER_WAY | {DELIVERED}

MISTAKE = (
    "what was sent is not what Kakao approved, or breaks one of its rules; put the template right "
    "(승인된 템플릿과 다르거나 규칙에 맞지 않습니다. 템플릿을 고쳐 주세요.)"
)

DETAILS: Mapping[str, str] = {"3022": "not at these hours (브랜드 메시지는 08:00부터 20:50까지만 보낼 수 있습니다.)"}
"""For people, beside NHN's own words."""


def outcome_of(code: str, status: str = "") -> Outcome:
    """What a code means, with the status that stands beside it, if any. Only one code is a delivery."""
    if code == DELIVERED:
        return Outcome.DELIVERED
    if code in UNCONFIRMED:
        return Outcome.UNCONFIRMED
    return Outcome.FAILED if code in FAILED or (status in FAILED_STATUSES and code not in UNDER_WAY) else Outcome.SENT
