"""What the provider says to a message: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode.

A device is a token of the form that apps get. How it ends chooses what becomes of it: with `ENDS` it is called so.
"""

import re
from typing import Any

ENDS = (
    "UNREGISTERED",
    "SENDER_ID_MISMATCH",
    "THIRD_PARTY_AUTH_ERROR",
    "DEVICE_QUOTA_EXCEEDED",
    "QUOTA_EXCEEDED",
    "UNAVAILABLE",
    "INTERNAL",
)
"""How a token may end. One that ends in anything else gets its message."""

LARGEST = 4_096
LONGEST_TOPIC, LONGEST_COLLAPSE_ID, LONGEST_TTL = 32, 64, 2_419_200
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,}:[A-Za-z0-9_-]{100,}")
_TTL = re.compile(r"(\d+)(\.\d{1,9})?s")
_TOPIC = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_TOPIC}}}")
_RESERVED = re.compile(r"(from|message_type|google.*|gcm.*)")
_FIELDS = {
    "message": {"token", "notification", "data", "android", "apns", "webpush", "fcm_options"},
    "message.notification": {"title", "body", "image"},
    "message.android": {
        "collapse_key",
        "priority",
        "ttl",
        "restricted_package_name",
        "data",
        "notification",
        "fcm_options",
    },
    "message.apns": {"headers", "payload", "fcm_options"},
    "message.webpush": {"headers", "data", "notification", "fcm_options"},
}
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


class FcmError(Exception):
    """A request is answered with an error.

    Args:
        status: of HTTP.
        word: Google's own for that.
        message: for people.
        details: as they stand in the answer.
    """

    def __init__(self, status: int, word: str, message: str, *details: dict[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.body = error(status, word, message, *details)


def error(status: int, word: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    """The body of an answer that is an error."""
    inner: dict[str, Any] = {"code": status, "message": message, "status": word}
    return {"error": inner | ({"details": list(details)} if details else {})}


def coded(code: str) -> dict[str, Any]:
    return {"@type": FCM_ERROR, "errorCode": code}


def _bad(field: str, description: str, message: str | None = None) -> FcmError:
    violation = {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{"field": field, "description": description}],
    }
    return FcmError(400, "INVALID_ARGUMENT", message or description, violation, coded("INVALID_ARGUMENT"))


def check(body: Any) -> dict[str, Any]:
    """The message of a request that can be taken.

    Raises:
        FcmError: it can't.
    """
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, dict):
        raise _bad("message", "Invalid JSON payload received. Expected an object.")
    for place, known in _FIELDS.items():
        given = _at(message, place)
        for name in given.keys() - known:
            said = f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field."
            raise _bad(place, said)
    token = message.get("token")
    if not token:
        raise _bad("message", "Recipient of the message is not set.")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        said = "The registration token is not a valid FCM registration token"
        raise _bad("message.token", "Invalid registration token", said)
    for place in ("message", "message.android", "message.webpush"):
        _check_data(place, _at(message, place).get("data"))
    for name, text in _at(message, "message.notification").items():
        if not isinstance(text, str):
            raise _bad(f"message.notification.{name}", f"Invalid value at 'message.notification.{name}' (TYPE_STRING)")
    _check_platforms(message)
    if _size(message) > LARGEST:
        raise FcmError(400, "INVALID_ARGUMENT", "Android message is too big", coded("INVALID_ARGUMENT"))
    return message


def _at(message: dict[str, Any], place: str) -> dict[str, Any]:
    found: Any = message
    for name in place.split(".")[1:]:
        found = found.get(name, {})
    if not isinstance(found, dict):
        raise _bad(place, "Invalid JSON payload received. Expected an object.")
    return found


def _check_data(place: str, data: Any) -> None:
    for name, value in (data or {}).items():
        if not isinstance(value, str):
            raise _bad(f"{place}.data[0].value", f"Invalid value at '{place}.data[0].value' (TYPE_STRING), {value}")
        if _RESERVED.fullmatch(name):
            raise _bad(f"{place}.data", f"Invalid data payload key: {name}")


def _check_platforms(message: dict[str, Any]) -> None:
    android = _at(message, "message.android")
    ttl = _TTL.fullmatch(str(android.get("ttl", "0s")))
    if ttl is None or int(ttl[1]) > LONGEST_TTL:
        raise _bad("message.android.ttl", "Invalid ttl")
    if android.get("priority", "NORMAL") not in ("NORMAL", "HIGH", "normal", "high"):
        raise _bad("message.android.priority", "Invalid priority")
    headers = _at(message, "message.apns").get("headers", {})
    if len(str(headers.get("apns-collapse-id", "")).encode()) > LONGEST_COLLAPSE_ID:
        raise _bad("message.apns.headers", "apns-collapse-id is too long")
    topic = _at(message, "message.webpush").get("headers", {}).get("Topic")
    if topic is not None and not _TOPIC.fullmatch(topic):
        raise _bad("message.webpush.headers", "Topic is no web push topic")
    link = _at(message, "message.webpush").get("fcm_options", {}).get("link")
    if link is not None and not str(link).startswith("https://"):
        raise _bad("message.webpush.fcm_options.link", "Invalid link: it must be an HTTPS URL")


def _size(message: dict[str, Any]) -> int:
    """What counts of it: the words and the data, names and values."""
    parts = [_at(message, "message.notification"), message.get("data") or {}]
    return sum(len(name.encode()) + len(str(value).encode()) for part in parts for name, value in part.items())


def end_of(token: str) -> FcmError | None:
    """What a device's message comes to; None: it is taken."""
    end = next((end for end in ENDS if token.endswith(end)), None)
    match end:
        case "UNREGISTERED":
            return FcmError(404, "NOT_FOUND", "Requested entity was not found.", coded(end))
        case "SENDER_ID_MISMATCH":
            return FcmError(403, "PERMISSION_DENIED", "SenderId mismatch", coded(end))
        case "THIRD_PARTY_AUTH_ERROR":
            return FcmError(401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service", coded(end))
        case "DEVICE_QUOTA_EXCEEDED":
            return _quota(f"device:{token[:11]}", "Device message rate exceeded")
        case "QUOTA_EXCEEDED":
            return _quota("project:1", "Message rate exceeded")
        case "UNAVAILABLE":
            return FcmError(503, "UNAVAILABLE", "The service is currently unavailable.", coded(end))
        case "INTERNAL":
            return FcmError(500, "INTERNAL", "Internal error encountered.", coded(end))
    return None


def _quota(subject: str, description: str) -> FcmError:
    failure = {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"subject": subject, "description": description}],
    }
    return FcmError(429, "RESOURCE_EXHAUSTED", description, coded("QUOTA_EXCEEDED"), failure)
