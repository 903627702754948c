"""What becomes of a recipient: the last four digits of the number choose it.

The digits are SOLAPI's documented status codes (https://developers.solapi.com/references/message-status-codes) for
every provider, so that one number means one thing wherever it is sent to. A number that ends in anything else is
delivered.
"""

from dataclasses import dataclass
from enum import Enum


class Stage(Enum):
    """Where on its way a message meets its fate."""

    INTAKE = "refused by the provider when it is handed over"
    PLATFORM = "failed inside the provider, on every channel"
    CARRIER = "failed on every channel"
    KAKAO = "failed on KakaoTalk only, delivered as a text message"
    WAITING = "at the carrier until the control API says otherwise"
    DELIVERED = "delivered on every channel"


@dataclass(frozen=True, slots=True)
class Fate:
    """The end of a recipient's messages: a status code, and the stage that decides it."""

    code: str
    stage: Stage


DELIVERED = Fate("4000", Stage.DELIVERED)

_CODES = {
    Stage.INTAKE: "1026 1030 1060 1061 1062",
    Stage.PLATFORM: "2011 2024 2060 2061 2062 2063 2064 2230 2254",
    Stage.CARRIER: (
        "3010 3011 3012 3013 3014 3024 3031 3032 3040 3041 3042 3043 3044 3045 3046 3047 3048"
        " 3050 3051 3052 3053 3054 3055 3056 3057 3058 3059 3060"
    ),
    Stage.KAKAO: "3101 3102 3103 3104 3105 3106 3107 3108",
    Stage.WAITING: "3000",
}
FATES = {code: Fate(code, stage) for stage, codes in _CODES.items() for code in codes.split()}
"""The fates by a number's last four digits. What is not here is `DELIVERED`."""


def fate_of(number: str) -> Fate:
    """The fate of a recipient.

    Args:
        number: a telephone number, digits only.
    """
    return FATES.get(number[-4:], DELIVERED)
