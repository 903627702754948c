"""The HTTP side: https://api.solapi.com as it answers."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.clock import from_iso
from simulator.solapi import files, lookup, views
from simulator.solapi.auth import SignatureCheck
from simulator.solapi.errors import SolapiError, invalid, not_found
from simulator.solapi.model import COUNTRY, DEFAULT_PRICES, Account, Group, won
from simulator.solapi.provider import Solapi
from simulator.solapi.sending.codes import ACCEPTED
from simulator.solapi.sending.templates import PARTS, Template
from simulator.solapi.statistics import statistics

MOST_BYTES = 15 * 1024 * 1024

Answer = dict[str, Any]
Handler = Callable[[Account, Request], Awaitable[Answer]]


class SolapiApi:
    """Routes of the provider, each answering JSON."""

    def __init__(self, provider: Solapi) -> None:
        self._provider = provider
        self._signatures = SignatureCheck(provider.clock)

    def routes(self) -> list[Route]:
        """Everything under /messages, /cash, /storage, /kakao and /pricing."""
        group = "/messages/v4/groups/{group_id}"
        template = "/kakao/v2/templates/{template_id}"
        return [
            self._route("POST", "/messages/v4/send", self._send_one),
            self._route("POST", "/messages/v4/send-many/detail", self._send_many),
            self._route("GET", "/messages/v4/list", self._list),
            self._route("GET", "/messages/v4/list-old", self._list),
            self._route("GET", "/messages/v4/statistics", self._statistics),
            self._route("POST", "/messages/v4/groups", self._create_group),
            self._route("GET", "/messages/v4/groups", self._list_groups),
            self._route("PUT", f"{group}/messages", self._add),
            self._route("GET", f"{group}/messages", self._group_messages),
            self._route("POST", f"{group}/send", self._send_group),
            self._route("POST", f"{group}/schedule", self._schedule),
            self._route("DELETE", f"{group}/schedule", self._cancel_schedule),
            self._route("GET", group, self._show_group),
            self._route("DELETE", group, self._delete_group),
            self._route("GET", "/cash/v1/balance", self._balance),
            self._route("POST", "/storage/v1/files", self._store_file),
            self._route("GET", "/kakao/v2/templates", self._list_templates),
            self._route("POST", "/kakao/v2/templates", self._create_template),
            self._route("PUT", f"{template}/inspection", self._inspect_template),
            self._route("PUT", "/kakao/v1/templates/{template_id}/inspection", self._inspect_template),
            self._route("GET", template, self._show_template),
            self._route("PUT", template, self._change_template),
            self._route("DELETE", template, self._delete_template),
            Route("/pricing/v1/messaging/default", self._prices, methods=["GET"]),
        ]

    def _route(self, method: str, path: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                return _json(await handler(self._caller(request), request))
            except SolapiError as error:
                return _json({"errorCode": error.code, "errorMessage": error.message}, error.status)

        return Route(path, endpoint, methods=[method])

    def _caller(self, request: Request) -> Account:
        api_key = self._signatures.verify(request.headers.get("authorization"), self._secret_of)
        return self._provider.accounts[api_key]

    def _secret_of(self, api_key: str) -> str | None:
        account = self._provider.accounts.get(api_key)
        return account.api_secret if account else None

    def _group(self, account: Account, request: Request) -> Group:
        return self._provider.group(account, request.path_params["group_id"])

    async def _send_one(self, account: Account, request: Request) -> Answer:
        body = await _body(request)
        message = body.get("message")
        if not isinstance(message, dict) or isinstance(message.get("to"), list):
            raise invalid("message 는 하나의 수신번호를 가진 object 이어야 됩니다.")
        group = self._provider.create_group(account, body | (body.get("agent") or {}))
        [taken] = self._provider.add(group, [message])
        if taken.status_code == ACCEPTED:
            self._provider.send(group)
        return {"groupId": group.group_id, **views.result_view(taken)}

    async def _send_many(self, account: Account, request: Request) -> Answer:
        body = await _body(request)
        scheduled = _scheduled(body) if body.get("scheduledDate") else None
        group = self._provider.create_group(account, body | (body.get("agent") or {}))
        taken = self._provider.add(group, body.get("messages"))
        refused = [message for message in taken if message.status_code != ACCEPTED]
        accepted = [message for message in taken if message.status_code == ACCEPTED] if refused else taken
        if not accepted:
            group.status = "FAILED"
        elif scheduled is not None:
            self._provider.schedule(group, scheduled)
        else:
            self._provider.send(group)
        answer = {
            "failedMessageList": [views.result_view(message) for message in refused],
            "groupInfo": views.group_view(group),
        }
        if body.get("showMessageList"):
            answer["messageList"] = [views.item_view(message) for message in accepted]
        return answer

    async def _create_group(self, account: Account, request: Request) -> Answer:
        return views.group_view(self._provider.create_group(account, await _body(request)))

    async def _add(self, account: Account, request: Request) -> Answer:
        group, body = self._group(account, request), await _body(request)
        taken = self._provider.add(group, body.get("messages"))
        results = [views.result_view(message) for message in taken]
        return {"errorCount": sum(message.status_code != ACCEPTED for message in taken), "resultList": results}

    async def _send_group(self, account: Account, request: Request) -> Answer:
        group = self._group(account, request)
        self._provider.send(group)
        return views.group_view(group)

    async def _schedule(self, account: Account, request: Request) -> Answer:
        group = self._group(account, request)
        self._provider.schedule(group, _scheduled(await _body(request)))
        return views.group_view(group)

    async def _cancel_schedule(self, account: Account, request: Request) -> Answer:
        group = self._group(account, request)
        self._provider.cancel_schedule(group)
        return views.group_view(group)

    async def _show_group(self, account: Account, request: Request) -> Answer:
        return views.group_view(self._group(account, request))

    async def _delete_group(self, account: Account, request: Request) -> Answer:
        group = self._group(account, request)
        self._provider.delete(group)
        return views.group_view(group)

    async def _group_messages(self, account: Account, request: Request) -> Answer:
        group, query = self._group(account, request), request.query_params
        page, next_key = lookup.find_in_group(account, group.messages, query)
        return views.page_view(query.get("startKey"), lookup.limit_of(query), page, next_key)

    async def _list(self, account: Account, request: Request) -> Answer:
        query = request.query_params
        page, next_key = lookup.find(account, query)
        return views.page_view(query.get("startKey"), lookup.limit_of(query), page, next_key)

    async def _statistics(self, account: Account, request: Request) -> Answer:
        return statistics(account, request.query_params, self._provider.delivery.plan, self._provider.clock())

    async def _list_groups(self, account: Account, request: Request) -> Answer:
        query, limit = request.query_params, lookup.limit_of(request.query_params)
        groups = list(reversed(account.groups.values()))
        if query.get("criteria") == "groupId":
            groups = [group for group in groups if group.group_id == query.get("value")]
        start_key = query.get("startKey") or query.get("start_key")
        page, next_key = _page_of(groups, start_key, limit, lambda group: group.group_id)
        listed = {group.group_id: views.group_view(group) for group in page}
        return {"startKey": start_key, "limit": limit, "nextKey": next_key, "groupList": listed}

    async def _balance(self, account: Account, request: Request) -> Answer:
        return {"accountId": account.account_id, "balance": won(account.balance), "point": 0, "minimumCash": 0}

    async def _store_file(self, account: Account, request: Request) -> Answer:
        body = await _body(request)
        return files.store(account, body, self._provider.new_file_id(), self._provider.clock())

    async def _list_templates(self, account: Account, request: Request) -> Answer:
        query, limit = request.query_params, lookup.limit_of(request.query_params)
        channel = query.get("channelId") or query.get("pfId")
        like = query.get("name[like]") or query.get("name") or ""
        found = [
            template
            for template in account.templates.values()
            if (not channel or template.pf_id == channel)
            and template.template_id == query.get("templateId", template.template_id)
            and template.status == query.get("status", template.status)
            and like in template.name
        ]
        start_key = query.get("startKey")
        page, next_key = _page_of(found, start_key, limit, lambda template: template.template_id)
        listed = [template.as_dict(account.account_id) for template in page]
        return {"startKey": start_key, "limit": limit, "nextKey": next_key, "templateList": listed}

    async def _create_template(self, account: Account, request: Request) -> Answer:
        body, now = await _body(request), self._provider.clock()
        pf_id = body.get("channelId") or body.get("pfId")
        if not pf_id or not body.get("name") or not body.get("content"):
            raise invalid("channelId, name, content 는 필수 입력 값입니다.")
        template = Template(
            template_id=self._provider.new_id("KA01TP"),
            pf_id=pf_id,
            name=body["name"],
            content=body["content"],
            status="PENDING",
            buttons=body.get("buttons") or [],
            parts={part: body[part] for part in PARTS if part in body},
            created=now,
            updated=now,
        )
        account.templates[template.template_id] = template
        return template.as_dict(account.account_id)

    async def _show_template(self, account: Account, request: Request) -> Answer:
        return _template(account, request).as_dict(account.account_id)

    async def _inspect_template(self, account: Account, request: Request) -> Answer:
        if account.inspection not in request.url.path:
            raise not_found("요청하신 경로를 찾을 수 없습니다.")
        template = _template(account, request, "PENDING", "REJECTED")
        template.inspect(self._provider.clock())
        return template.as_dict(account.account_id)

    async def _change_template(self, account: Account, request: Request) -> Answer:
        template, body = _template(account, request, "PENDING", "REJECTED"), await _body(request)
        template.rewrite(body, self._provider.clock())
        return template.as_dict(account.account_id)

    async def _delete_template(self, account: Account, request: Request) -> Answer:
        template = _template(account, request, "PENDING", "REJECTED")
        del account.templates[template.template_id]
        return template.as_dict(account.account_id) | {"status": "DELETED"}

    async def _prices(self, request: Request) -> Response:
        country = request.query_params.get("countryId", COUNTRY)
        if country != COUNTRY:
            error = not_found("해당 국가의 단가를 찾을 수 없습니다.")
            return _json({"errorCode": error.code, "errorMessage": error.message}, error.status)
        return _json({"countryName": "Korea, South", "countryId": COUNTRY, **DEFAULT_PRICES})


def _json(answer: Answer, status: int = 200) -> Response:
    return Response(orjson.dumps(answer), status, media_type="application/json")


async def _body(request: Request) -> dict[str, Any]:
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > MOST_BYTES:
        raise SolapiError(413, "PayloadTooLarge", "하나의 요청의 총 데이터 크기는 15MB를 넘을 수 없습니다.")
    content = await request.body()
    if len(content) > MOST_BYTES:
        raise SolapiError(413, "PayloadTooLarge", "하나의 요청의 총 데이터 크기는 15MB를 넘을 수 없습니다.")
    try:
        body = orjson.loads(content) if content else {}
    except orjson.JSONDecodeError as error:
        raise invalid("JSON 형식이 아닙니다.") from error
    if not isinstance(body, dict):
        raise invalid("요청은 object 이어야 됩니다.")
    return body


def _scheduled(body: dict[str, Any]) -> float:
    try:
        return from_iso(str(body.get("scheduledDate")))
    except ValueError as error:
        raise invalid("scheduledDate 가 ISO 8601 형식이 아닙니다.") from error


def _template(account: Account, request: Request, *allowed: str) -> Template:
    template = account.templates.get(request.path_params["template_id"])
    if template is None:
        raise not_found("템플릿을 찾을 수 없습니다.")
    if allowed and template.status not in allowed:
        raise SolapiError(400, "NotOperationalStatus", f"현재 상태는 {template.status} 입니다.")
    return template


def _page_of(
    items: list[Any], start_key: str | None, limit: int, key: Callable[[Any], str]
) -> tuple[list[Any], str | None]:
    keys = [key(item) for item in items]
    if start_key and start_key not in keys:
        raise invalid("유효하지 않은 startKey 입니다.")
    first = keys.index(start_key) if start_key else 0
    return items[first : first + limit], keys[first + limit] if len(keys) > first + limit else None
