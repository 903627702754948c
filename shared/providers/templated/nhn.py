"""NHN Cloud's AlimTalk templates:
https://docs.nhncloud.com/ko/Notification/KakaoTalk%20Bizmessage/ko/alimtalk-api-guide/.

Registering one asks for its inspection, and so does changing it. One that was rejected is inspected again when somebody
writes about it. What was changed or registered is read back, for the answer holds nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from shared.contracts.alimtalk import Approval
from shared.providers.base import Button, ProviderAccount, ProviderRefused, ProviderUndecided
from shared.providers.nhn.kakao import PATHS, NhnKakao, channel_of
from shared.providers.nhn.kakao_codes import NO_SUCH_TEMPLATE
from shared.providers.templated.base import InspectionComment, ProviderTemplate, TemplatePage, TemplateWords
from shared.providers.wire import as_documented, read_in_korea

STATUSES: Mapping[str, Approval] = {
    "TSC01": "submitted",
    "TSC02": "submitted",
    "TSC03": "approved",
    "TSC04": "rejected",
}
"""Asked for, looked at, approved, rejected. None waits to be asked for: registering one does."""

PAGE = 100
APPROVED_ALREADY = "template_approved"
ASKS_AGAIN = "수정했으니 다시 검수해 주세요."
"""What is written about a rejected template so that it is inspected again."""

_LINKS = {"mobile": "linkMo", "desktop": "linkPc", "android": "schemeAndroid", "ios": "schemeIos"}


class NhnTemplates:
    """The templates of every account's channel.

    Args:
        kakao: by which accounts are asked.
    """

    name = NhnKakao.name
    takes_our_codes = True

    def __init__(self, kakao: NhnKakao) -> None:
        self._service = kakao.service

    async def list_templates(self, account: ProviderAccount, page: str | None = None) -> TemplatePage:
        number = int(page or 1)
        asked = urlencode({"pageNum": number, "pageSize": PAGE})
        answer = await self._service.call(account, "GET", f"{_path(account)}?{asked}")
        with as_documented("NHN"):
            body = answer["templateListResponse"] or {}
            found = body.get("templates") or []
            more = bool(found) and int(body.get("totalCount") or 0) > number * PAGE
            # One in a state that nobody has documented yet is left out: nothing is known of it.
            listed = [_template(entry) for entry in found if entry["status"] in STATUSES]
            return TemplatePage(listed, str(number + 1) if more else None)

    async def read_template(self, account: ProviderAccount, code: str) -> ProviderTemplate | None:
        try:
            answer = await self._service.call(account, "GET", _path(account, code))
        except ProviderRefused as refusal:
            if refusal.code == NO_SUCH_TEMPLATE:
                return None
            raise
        with as_documented("NHN"):
            return _template(answer["templates"])

    async def create_template(
        self, account: ProviderAccount, words: TemplateWords, code: str | None
    ) -> ProviderTemplate:
        body = {"templateCode": code, **_wire(words)}
        await self._service.call(account, "POST", _path(account), orjson.dumps(body))
        return await self._there(account, str(code))

    async def update_template(self, account: ProviderAccount, code: str, words: TemplateWords) -> ProviderTemplate:
        await self._not_approved(account, code)
        await self._service.call(account, "PUT", _path(account, code), orjson.dumps(_wire(words)))
        return await self._there(account, code)

    async def submit_template(self, account: ProviderAccount, code: str) -> ProviderTemplate:
        there = await self._there(account, code)
        if there.status != "rejected":
            return there
        body = orjson.dumps({"comment": ASKS_AGAIN})
        await self._service.call(account, "POST", f"{_path(account, code)}/comments", body)
        return await self._there(account, code)

    async def delete_template(self, account: ProviderAccount, code: str) -> None:
        try:
            await self._not_approved(account, code)
            await self._service.call(account, "DELETE", _path(account, code))
        except ProviderRefused as refusal:
            if refusal.code != NO_SUCH_TEMPLATE:
                raise

    async def _there(self, account: ProviderAccount, code: str) -> ProviderTemplate:
        found = await self.read_template(account, code)
        if found is None:
            raise ProviderRefused(NO_SUCH_TEMPLATE, f"there is no template {code!r} (없는 템플릿입니다.)")
        return found

    async def _not_approved(self, account: ProviderAccount, code: str) -> None:
        """NHN itself changes and takes away what is approved, too, and messages are sent by it."""
        if (await self._there(account, code)).status == "approved":
            told = f"the template {code!r} is approved, and messages are sent by it (승인된 템플릿입니다.)"
            raise ProviderRefused(APPROVED_ALREADY, told)


def _path(account: ProviderAccount, code: str | None = None) -> str:
    path = f"{PATHS['alimtalk']}/senders/{quote(channel_of(account), safe='')}/templates"
    return path if code is None else f"{path}/{quote(code, safe='')}"


def _wire(words: TemplateWords) -> dict[str, Any]:
    """All of it each time, so that what was taken out is taken out there."""
    emphasis = "ITEM_LIST" if words.items or words.header else "TEXT" if words.title else "NONE"
    items = [{"title": title, "description": value} for title, value in words.items]
    given = {
        "templateName": words.name,
        "templateContent": words.text,
        "templateMessageType": words.message_type,
        "templateEmphasizeType": emphasis,
        "templateExtra": words.extra,
        "templateTitle": words.title,
        "templateSubtitle": words.subtitle,
        "templateHeader": words.header,
        "templateItem": {"list": items} if items else None,
        "securityFlag": words.security,
        "categoryCode": words.category,
        "buttons": _wire_buttons(words.buttons),
        "quickReplies": _wire_buttons(words.quick_replies),
    }
    return {name: value for name, value in given.items() if value is not None}


def _wire_buttons(buttons: Iterable[Button]) -> list[dict[str, Any]]:
    return [
        {
            "ordering": place,
            "type": button.kind,
            "name": button.name,
            **{wire: link for ours, wire in _LINKS.items() if (link := getattr(button, ours)) is not None},
        }
        for place, button in enumerate(buttons, start=1)
    ]


def _template(entry: Mapping[str, Any]) -> ProviderTemplate:
    if entry["status"] not in STATUSES:
        raise ProviderUndecided(
            "unexpected_answer", f"a template's status that NHN does not document: {entry['status']}"
        )
    asleep = entry.get("dormant") or entry.get("block")
    return ProviderTemplate(
        code=str(entry["templateCode"]),
        words=TemplateWords(
            name=str(entry["templateName"]),
            text=str(entry["templateContent"]),
            message_type=entry.get("templateMessageType") or "BA",
            buttons=_buttons(entry.get("buttons")),
            quick_replies=_buttons(entry.get("quickReplies")),
            title=entry.get("templateTitle") or None,
            subtitle=entry.get("templateSubtitle") or None,
            header=entry.get("templateHeader") or None,
            items=tuple(
                (str(item["title"]), str(item["description"]))
                for item in (entry.get("templateItem") or {}).get("list") or ()
            ),
            extra=entry.get("templateExtra") or None,
            category=entry.get("categoryCode") or None,
            security=bool(entry.get("securityFlag")),
        ),
        status="retired" if asleep else STATUSES[entry["status"]],
        comments=tuple(map(_comment, entry.get("comments") or ())),
        updated_at=read_in_korea(entry.get("updateDate") or entry.get("createDate")),
    )


def _buttons(wire: Any) -> tuple[Button, ...]:
    return tuple(
        Button(
            name=str(button["name"]),
            kind=button["type"],
            **{ours: button.get(field) or None for ours, field in _LINKS.items()},
        )
        for button in sorted(wire or (), key=lambda button: int(button.get("ordering") or 0))
    )


def _comment(wire: Mapping[str, Any]) -> InspectionComment:
    return InspectionComment(
        str(wire["id"]), str(wire["content"]), wire.get("userName") or None, read_in_korea(wire.get("createdAt"))
    )
