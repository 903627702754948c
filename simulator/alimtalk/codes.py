"""Kakao's own codes of AlimTalk, as most providers give them on, by the codes of the fates."""

from simulator.fates import FATES, Fate, Stage

UNCERTAIN = "3005"
"""It may still arrive, for up to three days."""

OTHER_WORDS = "3016"

_NAMES = {
    "3101": "1007",  # the channel's profile
    "3102": "3018",
    "3103": OTHER_WORDS,
    "3104": "3019",  # no KakaoTalk
    "3105": "3015",  # no such template
    "3106": "1021",
    "3107": "3020",  # blocked
    "3108": "3022",  # not at these hours
}
_CANT_BE_SENT = "3018"


def code_of(number: str, delivered: str) -> str | None:
    """What an AlimTalk to a number comes to; None while nothing is known.

    Args:
        number: digits.
        delivered: the provider's own code of a delivery.
    """
    fate: Fate | None = FATES.get(number[-4:])
    if fate is None or fate.stage is Stage.DELIVERED:
        return delivered
    return None if fate.stage is Stage.WAITING else named(fate.code, delivered)


def named(code: str, delivered: str) -> str:
    """What a fate's code is called by Kakao."""
    return delivered if code == "4000" else _NAMES.get(code, _CANT_BE_SENT)
