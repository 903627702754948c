"""Groups and messages as the API shows them.

The fields are those of the samples in https://github.com/solapi/documents and of the models in the SDKs.
"""

from collections.abc import Iterable
from typing import Any

from simulator.clock import iso
from simulator.solapi.model import COUNTRY, Account, Group, Message, won
from simulator.solapi.sending.codes import INVALID_FIELDS, STATUS_MESSAGES, is_final, is_refusal

_PRICED = ("sms", "lms", "mms", "ata", "cta", "cti", "nsa", "rcs_sms", "rcs_lms", "rcs_mms", "rcs_tpl")


def group_view(group: Group) -> dict[str, Any]:
    """A group with its counts, money and log."""
    account = group.account
    pending = group.accepted - group.delivered - group.failed if group.sent else 0
    charge: dict[str, dict[str, int]] = {kind: {} for kind in _PRICED}
    for kind, number in group.types.items():
        charge[kind.lower()] = {COUNTRY: number}
    return {
        "count": {
            "total": len(group.messages),
            "sentTotal": group.accepted if group.sent else 0,
            "sentFailed": group.failed,
            "sentSuccess": group.delivered,
            "sentPending": pending,
            "sentReplacement": group.replaced,
            "refund": group.refunded,
            "registeredFailed": group.refused,
            "registeredSuccess": group.accepted,
        },
        "countForCharge": charge,
        "balance": {
            "requested": won(group.charged_sum),
            "replacement": won(group.replaced_sum),
            "refund": won(group.refunded_sum),
            "sum": won(group.charged_sum + group.replaced_sum - group.refunded_sum),
        },
        "point": {"requested": 0, "replacement": 0, "refund": 0, "sum": 0},
        "app": {"profit": dict.fromkeys(_PRICED, 0), "appId": group.app_id, "version": None},
        "serviceMethod": "MT",
        "sdkVersion": group.sdk_version,
        "osPlatform": group.os_platform,
        "log": group.log,
        "status": group.status,
        "scheduledDate": iso(group.scheduled),
        "dateSent": iso(group.sent),
        "dateCompleted": iso(group.completed),
        "isRefunded": group.refunded > 0,
        "flagUpdated": False,
        "prepaid": True,
        "strict": False,
        "masterAccountId": None,
        "allowDuplicates": group.allow_duplicates,
        "_id": group.group_id,
        "groupId": group.group_id,
        "accountId": account.account_id,
        "apiVersion": "4",
        "customFields": group.custom_fields,
        "hint": None,
        "price": {COUNTRY: price_view(account)} if group.sent else {},
        "dateCreated": iso(group.created),
        "dateUpdated": iso(group.updated),
    }


def price_view(account: Account) -> dict[str, float]:
    """Won a message, by type."""
    return {kind: won(price) for kind, price in account.prices.items()}


def result_view(message: Message) -> dict[str, Any]:
    """A message as the answer to its being handed over: in `resultList`, and in `failedMessageList`."""
    view = {
        "to": message.to,
        "from": message.raw.get("from"),
        "type": message.type,
        "statusMessage": STATUS_MESSAGES[message.status_code],
        "country": message.raw.get("country") or COUNTRY,
        "messageId": message.message_id,
        "statusCode": message.status_code,
        "accountId": message.group.account.account_id,
    }
    fields = message.raw.get("customFields")
    if fields and message.status_code != INVALID_FIELDS:
        view["customFields"] = fields
    return view


def item_view(message: Message) -> dict[str, Any]:
    """A message in `messageList`, which `showMessageList` asks for."""
    return {
        "messageId": message.message_id,
        "statusCode": message.status_code,
        "statusMessage": STATUS_MESSAGES[message.status_code],
        "customFields": message.raw.get("customFields") or {},
    }


def message_view(message: Message) -> dict[str, Any]:
    """A message as a look-up shows it."""
    raw, group, code = message.raw, message.group, message.status_code
    final = is_final(code)
    return {
        "_id": message.message_id,
        "messageId": message.message_id,
        "groupId": group.group_id,
        "accountId": group.account.account_id,
        "to": message.to,
        "from": raw.get("from"),
        "type": message.type,
        "country": raw.get("country") or COUNTRY,
        "text": message.text,
        "subject": raw.get("subject"),
        "imageId": raw.get("imageId"),
        "kakaoOptions": raw.get("kakaoOptions") or {},
        "customFields": raw.get("customFields") or {},
        "autoTypeDetect": raw.get("autoTypeDetect", True),
        "status": _status(message, final),
        "statusCode": code,
        "reason": STATUS_MESSAGES[code] if final else None,
        "replacement": message.replacement,
        "resendCount": 0,
        "currentQueue": None,
        "queues": [],
        "log": [],
        "networkCode": None,
        "networkName": "ETC",
        "dateProcessed": iso(group.sent),
        "dateReported": iso(message.updated) if group.sent and final else None,
        "dateReceived": iso(message.updated) if group.sent and final else None,
        "dateCreated": iso(message.created),
        "dateUpdated": iso(message.updated),
    }


def page_view(start_key: str | None, limit: int, page: Iterable[Message], next_key: str | None) -> dict[str, Any]:
    """A page of messages: `messageList` is an object keyed by message id, not a list."""
    return {
        "startKey": start_key,
        "nextKey": next_key,
        "limit": limit,
        "messageList": {message.message_id: message_view(message) for message in page},
    }


def _status(message: Message, final: bool) -> str:
    if final:
        return "FAILED" if is_refusal(message.status_code) else "COMPLETE"
    return "SENDING" if message.group.sent else "PENDING"
