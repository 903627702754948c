"""AlimTalk templates: registered, which asks for their inspection, changed, written about, and taken away."""

import re
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request

from simulator.nhn.kakao.intake import KakaoError
from simulator.nhn.kakao.model import KakaoApp, Template
from simulator.nhn.kakao.provider import NhnKakao, add_comment

_REQUIRED = {"templateCode": 20, "templateName": 150, "templateContent": 1300}
_OPTIONAL = (
    *("templateMessageType", "templateEmphasizeType", "templateExtra", "templateTitle", "templateSubtitle"),
    *("templateHeader", "templateItem", "securityFlag", "categoryCode", "buttons", "quickReplies"),
)
_DEFAULT_PAGE = "15"


class TemplateApi:
    """What is asked of templates. `provider`: whose."""

    def __init__(self, provider: NhnKakao) -> None:
        self._provider = provider

    async def list(self, app: KakaoApp, request: Request) -> dict[str, Any]:
        query, sender_key = request.query_params, request.path_params["sender_key"]
        found = [
            template.shown()
            for template in app.templates.values()
            if template.sender_key == sender_key
            and template.code == query.get("templateCode", template.code)
            and template.status == query.get("templateStatus", template.status)
        ]
        return {"templateListResponse": {"templates": _page(query, found), "totalCount": len(found)}}

    async def show(self, app: KakaoApp, request: Request) -> dict[str, Any]:
        return {"templates": self._there(app, request).shown()}

    async def create(self, app: KakaoApp, request: Request) -> dict[str, Any]:
        body, sender_key = await _written(request), request.path_params["sender_key"]
        code = str(body["templateCode"])
        if app.sender_keys and sender_key not in app.sender_keys:
            raise KakaoError(-2017)
        mine = [template for template in app.templates.values() if template.sender_key == sender_key]
        if any(code == each.code or body["templateName"] == each.wire.get("templateName") for each in mine):
            raise KakaoError(-3001)
        wire = {name: value for name, value in body.items() if name != "templateCode"}
        app.templates[sender_key, code] = Template(sender_key, code, wire, "TSC01", self._provider.clock())
        return {}

    async def change(self, app: KakaoApp, request: Request) -> dict[str, Any]:
        template = self._there(app, request)
        if template.status not in ("TSC03", "TSC04"):
            raise KakaoError(-3012)
        body = await _written(request, code=template.code)
        template.wire = {name: value for name, value in body.items() if name != "templateCode"}
        template.status, template.updated = "TSC01", self._provider.clock()
        return {}

    async def delete(self, app: KakaoApp, request: Request) -> dict[str, Any]:
        template = self._there(app, request)
        del app.templates[template.sender_key, template.code]
        return {}

    async def comment(self, app: KakaoApp, request: Request) -> dict[str, Any]:
        """Also asks for the inspection of one that was rejected."""
        template, body = self._there(app, request), orjson.loads(await request.body())
        if template.status == "TSC03":
            raise KakaoError(-3100)
        if not body.get("comment"):
            raise KakaoError(-2001)
        now = self._provider.clock()
        add_comment(template, str(body["comment"]), "고객", "REQ" if template.status == "TSC04" else "INQ", now)
        if template.status == "TSC04":
            template.status, template.updated = "TSC02", now
        return {}

    def _there(self, app: KakaoApp, request: Request) -> Template:
        key = request.path_params["sender_key"], request.path_params["code"]
        if (template := app.templates.get(key)) is None:
            raise KakaoError(-3003)
        return template


async def _written(request: Request, code: str | None = None) -> dict[str, Any]:
    """What a template is to say. Raises KakaoError where it breaks a rule."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise KakaoError(-3002) from error
    given = {**body, **({"templateCode": code} if code else {})}
    for name, most in _REQUIRED.items():
        if not given.get(name):
            raise KakaoError(-2001)
        if len(str(given[name])) > most:
            raise KakaoError(-2000)
    for button in given.get("buttons") or []:
        if re.search(r"#\{", str(button.get("name"))):
            raise KakaoError(-3008)
        if button.get("type") == "AC" and button.get("name") != "채널 추가":
            raise KakaoError(-3026)
        links = [link for name in ("linkMo", "linkPc") if (link := button.get(name))]
        if not all(str(link).startswith(("http://", "https://", "#{")) for link in links):
            raise KakaoError(-3006)
    return {name: given[name] for name in (*_REQUIRED, *_OPTIONAL) if name in given}


def _page(query: QueryParams, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    number, size = int(query.get("pageNum", "1")), int(query.get("pageSize", _DEFAULT_PAGE))
    return entries[(number - 1) * size : number * size]
