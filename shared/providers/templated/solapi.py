"""SOLAPI's AlimTalk templates: `/kakao/v2/templates`, as its own SDK calls them.

Inspection is documented under `/kakao/v1` alone; where `/kakao/v2` has it too, that is asked first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from shared.contracts.alimtalk import Approval
from shared.providers.base import Button, ProviderAccount, ProviderRefused
from shared.providers.solapi.adapter import Solapi, moment_of
from shared.providers.templated.base import InspectionComment, ProviderTemplate, TemplatePage, TemplateWords
from shared.providers.wire import as_documented

STATUSES: Mapping[str, Approval] = {
    "PENDING": "draft",
    "INSPECTING": "submitted",
    "APPROVED": "approved",
    "REJECTED": "rejected",
}

PAGE = 100
NO_SUCH_TEMPLATE = "ResourceNotFound"
_PATH = "/kakao/v2/templates"
_LINKS = {"mobile": "linkMo", "desktop": "linkPc", "android": "linkAnd", "ios": "linkIos"}


class SolapiTemplates:
    """The templates of every account's channel.

    Args:
        solapi: by which accounts are asked.
    """

    name = Solapi.name
    takes_our_codes = False

    def __init__(self, solapi: Solapi) -> None:
        self._solapi = solapi

    async def list_templates(self, account: ProviderAccount, page: str | None = None) -> TemplatePage:
        query = {"channelId": account.kakao_channel or "", "limit": PAGE} | ({"startKey": page} if page else {})
        answer = await self._solapi.call(account, "GET", f"{_PATH}?{urlencode(query)}")
        with as_documented("SOLAPI"):
            # One in a state that nobody has documented yet is left out: nothing is known of it.
            listed = [_template(entry) for entry in answer["templateList"] if entry["status"] in STATUSES]
            return TemplatePage(listed, answer.get("nextKey") or None)

    async def read_template(self, account: ProviderAccount, code: str) -> ProviderTemplate | None:
        try:
            return await self._one(account, "GET", code)
        except ProviderRefused as refusal:
            if refusal.code == NO_SUCH_TEMPLATE:
                return None
            raise

    async def create_template(
        self, account: ProviderAccount, words: TemplateWords, code: str | None
    ) -> ProviderTemplate:
        body = {"channelId": account.kakao_channel, **wire_of(words)}
        answer = await self._solapi.call(account, "POST", _PATH, body)
        with as_documented("SOLAPI"):
            return _template(answer)

    async def update_template(self, account: ProviderAccount, code: str, words: TemplateWords) -> ProviderTemplate:
        return await self._one(account, "PUT", code, wire_of(words))

    async def submit_template(self, account: ProviderAccount, code: str) -> ProviderTemplate:
        there = await self._one(account, "GET", code)
        if there.status not in ("draft", "rejected"):
            return there
        path = f"templates/{quote(code, safe='')}/inspection"
        try:
            answer = await self._solapi.call(account, "PUT", f"/kakao/v2/{path}", {})
        except ProviderRefused as refusal:
            if refusal.code != NO_SUCH_TEMPLATE:
                raise
            answer = await self._solapi.call(account, "PUT", f"/kakao/v1/{path}", {})
        with as_documented("SOLAPI"):
            return _template(answer)

    async def delete_template(self, account: ProviderAccount, code: str) -> None:
        try:
            await self._solapi.call(account, "DELETE", f"{_PATH}/{quote(code, safe='')}")
        except ProviderRefused as refusal:
            if refusal.code != NO_SUCH_TEMPLATE:
                raise

    async def _one(self, account: ProviderAccount, method: str, code: str, body: Any = None) -> ProviderTemplate:
        answer = await self._solapi.call(account, method, f"{_PATH}/{quote(code, safe='')}", body)
        with as_documented("SOLAPI"):
            return _template(answer)


def wire_of(words: TemplateWords) -> dict[str, Any]:
    """A template as SOLAPI takes it: all of it each time, so that what was taken out is taken out there."""
    emphasis = "ITEM_LIST" if words.items or words.header else "TEXT" if words.title else "NONE"
    return {
        "name": words.name,
        "content": words.text,
        "messageType": words.message_type,
        "emphasizeType": emphasis,
        "emphasizeTitle": words.title,
        "emphasizeSubtitle": words.subtitle,
        "header": words.header,
        "item": {"list": [{"title": title, "description": value} for title, value in words.items]}
        if words.items
        else None,
        "extra": words.extra,
        "securityFlag": words.security,
        "buttons": list(map(_wire_button, words.buttons)),
        "quickReplies": list(map(_wire_button, words.quick_replies)),
        **({"categoryCode": words.category} if words.category else {}),
    }


def _wire_button(button: Button) -> dict[str, str]:
    links = {wire: link for ours, wire in _LINKS.items() if (link := getattr(button, ours)) is not None}
    return {"buttonType": button.kind, "buttonName": button.name, **links}


def _template(entry: Mapping[str, Any]) -> ProviderTemplate:
    return ProviderTemplate(
        code=str(entry["templateId"]),
        words=TemplateWords(
            name=str(entry["name"]),
            text=str(entry["content"]),
            message_type=entry.get("messageType") or "BA",
            buttons=_buttons(entry.get("buttons")),
            quick_replies=_buttons(entry.get("quickReplies")),
            title=entry.get("emphasizeTitle") or None,
            subtitle=entry.get("emphasizeSubtitle") or None,
            header=entry.get("header") or None,
            items=tuple((str(item["title"]), str(item["description"])) for item in _listed(entry.get("item"))),
            extra=entry.get("extra") or None,
            category=entry.get("categoryCode") or None,
            security=bool(entry.get("securityFlag")),
        ),
        status=STATUSES[entry["status"]],
        comments=tuple(map(_comment, entry.get("comments") or ())),
        updated_at=moment_of(entry.get("dateUpdated")),
    )


def _listed(item: Any) -> Iterable[Mapping[str, Any]]:
    return (item or {}).get("list") or ()


def _buttons(wire: Any) -> tuple[Button, ...]:
    return tuple(
        Button(
            name=str(button["buttonName"]),
            kind=button["buttonType"],
            **{ours: button.get(field) or None for ours, field in _LINKS.items()},
        )
        for button in wire or ()
    )


def _comment(wire: Mapping[str, Any]) -> InspectionComment:
    """Comments have no id there: who said what and when is what tells them apart."""
    text, by, at = str(wire["content"]), wire.get("memberId"), wire.get("dateCreated")
    key = hashlib.sha256(f"{at}\n{by}\n{text}".encode()).hexdigest()[:32]
    return InspectionComment(key, text, "Kakao" if wire.get("isAdmin") else by, moment_of(at))
