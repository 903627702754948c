"""The provider and its HTTP side. Every answer is HTTP 200; codes come as numbers and as texts, by turns."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.accepted import AcceptedList
from simulator.aligo import intake
from simulator.aligo.forms import Form, read_form
from simulator.aligo.intake import AligoError, Order
from simulator.aligo.lists import calls_of, details_of, page_of, talk_details_of, talks_of
from simulator.aligo.model import Account, AccountSpec, Call, Message
from simulator.alimtalk import codes
from simulator.alimtalk.templates import pattern_of
from simulator.clock import Clock
from simulator.fates import FATES, Stage
from simulator.faults import Faults

PATHS = ("/send/", "/send_mass/", "/list/", "/sms_list/", "/remain/", "/akv10/")
AFTER_ACCEPTANCE = (Stage.PLATFORM, Stage.CARRIER, Stage.KAKAO)
TALK = "AT"
_TALK_NAMES = {"3019": "K", "3020": "K", codes.OTHER_WORDS: "U"}
"""What this provider calls some of Kakao's codes."""

Handler = Callable[[Account, Form], Awaitable[dict[str, Any]]]


class Aligo:
    """All accounts and what they have in the air. Must be used on the event loop of the server."""

    name = "aligo"
    spec = AccountSpec

    def __init__(self, clock: Clock, accepted: AcceptedList, faults: Faults) -> None:
        self._clock = clock
        self._accepted = accepted
        self._faults = faults
        self._accounts: dict[str, Account] = {}
        self._mids = itertools.count(100_000_001)
        self._ids = itertools.count(900_000_001)

    def routes(self) -> list[Route]:
        """What this server plays of both addresses."""
        texts: dict[str, Handler] = {
            "/send/": self._send,
            "/send_mass/": self._send_mass,
            "/list/": self._list,
            "/sms_list/": self._sms_list,
            "/remain/": self._remain,
        }
        talks: dict[str, Handler] = {
            "/akv10/alimtalk/send/": self._talk,
            "/akv10/history/list/": self._history,
            "/akv10/history/detail/": self._detail,
            "/akv10/heartinfo/": self._heart,
        }
        return [
            *(self._route(path, handler, ("key", "user_id"), "result_code") for path, handler in texts.items()),
            *(self._route(path, handler, ("apikey", "userid"), "code") for path, handler in talks.items()),
        ]

    def register(self, spec: Any) -> dict[str, Any]:
        """Add an account or change one. Gives it without its secrets."""
        known = self._accounts.get(spec.user_id)
        account = self._accounts[spec.user_id] = Account(spec, spec.remaining)
        if known is not None:
            account.calls = known.calls
        return account.view()

    def views(self) -> list[dict[str, Any]]:
        """Every account, without its secrets."""
        return [account.view() for account in self._accounts.values()]

    def report(self, code: str, message_id: str | None, to: str | None, *, own: bool) -> int | None:
        """Let the carrier or Kakao say something of a message, or of all to a number. `own`: in this provider's word.

        Returns:
            Of how many; None where there is no such code.
        """
        fate = FATES.get(code)
        if not own and code != "4000" and (fate is None or fate.stage not in AFTER_ACCEPTANCE):
            return None
        only_talks = not own and fate is not None and fate.stage is Stage.KAKAO
        found = [
            message
            for account in self._accounts.values()
            for call in account.calls
            for message in call.messages
            if (message.type == TALK or not only_talks)
            and (message.message_id == message_id or (message.to == to and message.result in (None, codes.UNCERTAIN)))
        ]
        for message in found:
            named = _talked(codes.named(code, "0")) if message.type == TALK else _state(code)
            message.end, message.result = code if own else named, None
        self._settle(found)
        return len(found)

    def _route(self, path: str, handler: Handler, keys: tuple[str, str], code: str) -> Route:
        async def endpoint(request: Request) -> Response:
            account = None
            try:
                try:
                    form = read_form(request.headers.get("content-type", ""), await request.body())
                except ValueError as error:
                    raise AligoError(-100, "the form can't be read") from error
                account = self._caller(form, *keys)
                if self._faults.fails_inside(f"{request.method} {request.url.path}"):
                    raise AligoError(intake.NOT_READY, "서버 점검 중입니다.")
                body = {code: 1 if code == "result_code" else 0, "message": "success", **await handler(account, form)}
            except AligoError as error:
                body = {code: error.code, "message": error.message}
            if account is not None:
                account.answers += 1
                if account.answers % 2:
                    body[code] = str(body[code])
            return Response(orjson.dumps(body), media_type="application/json")

        return Route(path, endpoint, methods=["POST"])

    def _caller(self, form: Form, key: str, user: str) -> Account:
        account = self._accounts.get(str(form.get(user)))
        if account is None or form.get(key) != account.spec.api_key:
            raise AligoError(intake.NO_KEY, "인증오류입니다.")
        return account

    async def _send(self, account: Account, form: Form) -> dict[str, Any]:
        return self._sent(account, form, intake.texts_of(account, form, self._clock(), one_for_all=True))

    async def _send_mass(self, account: Account, form: Form) -> dict[str, Any]:
        return self._sent(account, form, intake.texts_of(account, form, self._clock(), one_for_all=False))

    def _sent(self, account: Account, form: Form, order: Order) -> dict[str, Any]:
        if form.get("testmode_yn") == "Y":
            return {"msg_id": next(self._mids), "success_cnt": len(order.each), "error_cnt": 0, "msg_type": order.type}
        call = self._call(account, order)
        for to, words in order.each:
            if intake.is_taken(to):
                message = self._message(call, to, words, intake.end_of(to))
                message.subject = order.title
                call.messages.append(message)
        self._take(account, call, len(order.each))
        return {
            "msg_id": call.mid,
            "success_cnt": len(call.messages),
            "error_cnt": call.errors,
            "msg_type": order.type,
        }

    async def _talk(self, account: Account, form: Form) -> dict[str, Any]:
        template, order = intake.talks_of(account, form)
        if form.get("testMode") == "Y":
            return {"info": {"type": TALK, "mid": next(self._mids), "scnt": len(order.each), "fcnt": 0}}
        call, words = self._call(account, order), pattern_of(template.content)
        for number, (to, text) in enumerate(order.each, 1):
            if not intake.is_taken(to):
                continue
            fits = words.fullmatch(text) and intake.has_buttons(template, form, number)
            end = codes.code_of(to, "0") if fits else codes.OTHER_WORDS
            message = self._message(call, to, text, None if end is None else _talked(end))
            message.template, message.sender_key = template.tpl_code, str(form["senderkey"])
            if form.get("failover") == "Y":
                message.failover = str(form[f"fmessage_{number}"])
            call.messages.append(message)
        self._take(account, call, len(order.each))
        info = {"type": TALK, "mid": call.mid, "scnt": len(call.messages), "fcnt": call.errors}
        return {"info": {**info, "current": str(account.remaining), "unit": 6.5, "total": 6.5 * len(call.messages)}}

    def _call(self, account: Account, order: Order) -> Call:
        if account.remaining < len(order.each):
            raise AligoError(intake.NOT_READY, "잔여 건수가 부족합니다.")
        return Call(next(self._mids), order.type, order.sender, order.each[0][1], self._clock(), [])

    def _message(self, call: Call, to: str, text: str, end: str | None) -> Message:
        named = str(next(self._ids))
        return Message(named, call.mid, call.type, call.sender, to, "", text, call.created, end)

    def _take(self, account: Account, call: Call, asked: int) -> None:
        if not call.messages:
            raise AligoError(-103, "수신번호 오류")
        call.errors = asked - len(call.messages)
        account.calls.append(call)
        account.remaining -= len(call.messages)
        self._accepted.add(call.messages)
        plan, loop = self._faults.plan, asyncio.get_running_loop()
        timely, late = self._faults.split_late(call.messages)
        loop.call_later(plan.report_delay_ms / 1000, self._settle, timely)
        if late:
            loop.call_later((plan.report_delay_ms + plan.report_late_ms) / 1000, self._settle, late)

    def _settle(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if message.result is None and message.end is not None:
                message.result, message.completed = message.end, self._clock()
                if message.failover is not None and message.result != "0":
                    words, message.failover = message.failover, None
                    call = Call(next(self._mids), "SMS", message.sender, words, self._clock(), [])
                    self._accepted.add([self._message(call, message.to, words, intake.end_of(message.to))])

    async def _list(self, account: Account, form: Form) -> dict[str, Any]:
        return page_of(calls_of(self._seen(account), form), form, "page_size", 30)

    async def _sms_list(self, account: Account, form: Form) -> dict[str, Any]:
        return page_of(details_of(self._seen(account), form), form, "page_size", 30)

    async def _history(self, account: Account, form: Form) -> dict[str, Any]:
        return page_of(talks_of(self._seen(account), form), form, "limit", 50)

    async def _detail(self, account: Account, form: Form) -> dict[str, Any]:
        return page_of(talk_details_of(self._seen(account), form), form, "limit", 50)

    def _seen(self, account: Account) -> list[Call]:
        late = self._faults.plan.list_delay_ms / 1000
        return [call for call in reversed(account.calls) if self._clock() - call.created >= late]

    async def _remain(self, account: Account, form: Form) -> dict[str, Any]:
        return {f"{kind}_CNT": account.remaining for kind in ("SMS", "LMS", "MMS")}

    async def _heart(self, account: Account, form: Form) -> dict[str, Any]:
        return {"list": {f"{kind}_CNT": account.remaining for kind in ("ALT", "SMS", "LMS")}}


def refusal(status: int, code: str, message: str) -> dict[str, Any]:
    """What stands in the way, as a web server before it says."""
    return {"message": message, "status": status}


def _talked(code: str) -> str:
    return _TALK_NAMES.get(code, code)


def _state(code: str) -> str:
    return intake.DELIVERED if code == "4000" else intake.FAILED
