"""What the provider says to a call that hands over AlimTalk: https://api.ncloud-docs.com/docs/sens-alimtalk-send."""

from typing import Any

from simulator.alimtalk import codes
from simulator.alimtalk.templates import pattern_of
from simulator.fates import FATES, Stage
from simulator.sens.intake import bad, recipients_of
from simulator.sens.model import Message, Service, TemplateSpec

TAKEN, NO_SUCH_RECIPIENT = "A000", "A002"
DELIVERED = "0000"
LONGEST = 1_000


def check(service: Service, body: Any) -> tuple[TemplateSpec, list[dict[str, Any]]]:
    """The template and the recipients of a call that is taken. Raises SensError: 400 for the whole call."""
    if not isinstance(body, dict):
        raise bad("the body is no object")
    if body.get("plusFriendId") not in service.spec.channels:
        raise bad("plusFriendId")
    template = service.template(body.get("templateCode"))
    if template is None:
        raise bad("templateCode")
    recipients = recipients_of(body)
    for entry in recipients:
        content = entry.get("content")
        if not content or not isinstance(content, str) or len(content) > LONGEST:
            raise bad("content: 1 to 1,000 characters")
        if entry.get("useSmsFailover") and not (entry.get("failoverConfig") or {}).get("content", content):
            raise bad("failoverConfig")
    return template, recipients


def refusal_of(number: str) -> str | None:
    """The code of a recipient who is refused in a call that is taken."""
    fate = FATES.get(number[-4:])
    return NO_SUCH_RECIPIENT if fate is not None and fate.stage is Stage.INTAKE else None


def end_of(template: TemplateSpec, entry: dict[str, Any]) -> str | None:
    """What a message comes to: other words than approved are found only now."""
    buttons = entry.get("buttons") or []
    if not pattern_of(template.content).fullmatch(entry["content"]) or len(buttons) != len(template.buttons):
        return codes.OTHER_WORDS
    return codes.code_of(entry["to"], DELIVERED)


def taken_view(message: Message) -> dict[str, Any]:
    """A recipient in the answer to the call."""
    return {
        "messageId": message.message_id,
        "countryCode": "82",
        "to": message.to,
        "content": message.content,
        **_request(message),
        "useSmsFailover": message.failover is not None,
    }


def entry_of(message: Message, written: str, completed: str | None) -> dict[str, Any]:
    """A message in a list, which does not show its words."""
    done = message.result is not None
    is_good = message.result == DELIVERED
    return {
        "requestId": message.request,
        "messageId": message.message_id,
        "requestTime": written,
        "completeTime": completed,
        "plusFriendId": message.channel,
        "templateCode": message.template,
        "countryCode": "82",
        "to": message.to,
        **_request(message),
        "messageStatusCode": message.result,
        "messageStatusName": None if message.refusal else ("success" if is_good else "fail") if done else "processing",
        "messageStatusDesc": None if not done else "성공" if is_good else "실패",
        "useSmsFailover": message.failover is not None,
    }


def _request(message: Message) -> dict[str, Any]:
    return {
        "requestStatusCode": message.refusal or TAKEN,
        "requestStatusName": "fail" if message.refusal else "success",
        "requestStatusDesc": "유효하지 않은 수신번호" if message.refusal else "성공",
    }
