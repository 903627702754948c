"""A message as SOLAPI is handed one: https://developers.solapi.com/references/messages, and for Brand Messages the
vendor's examples (https://github.com/solapi/solapi-nodejs, examples/javascript/common/src/kakao/send/bms)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.providers.base import OutboundMessage, ProviderAccount

TYPES = {"alimtalk": "ATA", "sms": "SMS", "lms": "LMS", "mms": "MMS", "brand": "BMS_FREE"}
"""By channel. A Brand Message is free: its words are not a template's."""

CUSTOM_FIELD = "allim"
"""Our message, attempt and channel in one custom field: a value holds at most 100 characters."""

FILE_TYPES = {"mms": "MMS", "brand": "BMS"}
"""What the picture of a message is stored as: one stored for another use is refused."""


def written(
    account: ProviderAccount, name: str, message: OutboundMessage, pictures: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    """A message for the wire.

    Args:
        account: by which it goes.
        name: what it is called there, and comes back as.
        message: what it says.
        pictures: the ids of stored files, by what they are stored as and the picture's name.
    """
    wire: dict[str, Any] = {
        "to": message.to,
        "from": account.sender,
        "type": TYPES[message.channel],
        "customFields": {CUSTOM_FIELD: name},
        "autoTypeDetect": False,
    }
    picture = message.picture and pictures[FILE_TYPES[message.channel], message.picture.name]
    if message.channel == "alimtalk":
        variables = {f"#{{{name}}}": value for name, value in message.variables.items()}
        wire["kakaoOptions"] = _kakao(account, templateId=message.template_code, variables=variables)
        return wire
    wire["text"] = message.text
    if message.channel == "brand":
        wire["kakaoOptions"] = _kakao(account, bms=_bubble(message, picture))
        return wire
    if message.subject is not None:
        wire["subject"] = message.subject
    if picture:
        wire["imageId"] = picture
    return wire


def _kakao(account: ProviderAccount, **options: Any) -> dict[str, Any]:
    # Our router falls back; SOLAPI's own fallback, on by default, would tell the customer twice.
    return {"pfId": account.kakao_channel, **options, "disableSms": True}


def _bubble(message: OutboundMessage, picture: str | None) -> dict[str, Any]:
    """To friends of the channel (I): the other ways of choosing, M and N, are for channels that Kakao has let."""
    bubble: dict[str, Any] = {"targeting": "I", "chatBubbleType": "IMAGE" if picture else "TEXT", "adult": False}
    if picture:
        bubble["imageId"] = picture
    if message.buttons:
        bubble["buttons"] = [
            {
                "linkType": "WL",
                "name": button.name,
                "linkMobile": button.mobile,
                "linkPc": button.desktop or button.mobile,
            }
            for button in message.buttons
        ]
    return bubble
