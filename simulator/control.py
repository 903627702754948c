"""The control API: what tests and demonstrations may ask for and find out. It has no authentication.

GET    /control/health     200 when the simulator answers
GET    /control/accounts   accounts, without secrets
PUT    /control/accounts   add an account, or change one (see `AccountSpec`)
PUT    /control/templates  {apiKey, templateId, status}: the verdict of Kakao's inspection
GET    /control/faults     the plan in force (see `FaultPlan`)
PUT    /control/faults     replace the plan; {} ends all faults
GET    /control/accepted   what was really accepted; ?count=true for the number only
DELETE /control/accepted   forget it
GET    /control/summary    accepted messages by type and status, and what became of reports
POST   /control/reports    {messageId or to, statusCode}: report a status now
*      /control/toss…      Toss Payments: see simulator.toss.control
*      /control/slack      Slack: see simulator.slack.api
"""

from dataclasses import asdict
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.accepted import AcceptedList
from simulator.faults import FaultPlan, Faults
from simulator.orders import Order, answer, read_order, refuse
from simulator.solapi.accounts import AccountSpec, account_view, register
from simulator.solapi.model import Message
from simulator.solapi.provider import Solapi
from simulator.solapi.sending.codes import STATUS_MESSAGES, is_final, is_refusal
from simulator.webhooks import Webhooks


class ReportOrder(Order):
    """A status to report: of one message, or of all messages to a number that have no final status yet."""

    message_id: str | None = None
    to: str | None = None
    status_code: str

    @field_validator("status_code")
    @classmethod
    def _is_known(cls, code: str) -> str:
        if code not in STATUS_MESSAGES or is_refusal(code):
            raise ValueError("not a documented status of an accepted message")
        return code

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.message_id is None) == (self.to is None):
            raise ValueError("give either messageId or to")
        return self


class TemplateVerdict(Order):
    """The end of a template's inspection."""

    api_key: str
    template_id: Annotated[str, Field(min_length=1)]
    status: Literal["PENDING", "INSPECTING", "APPROVED", "REJECTED"]


class Control:
    """The control API over the parts that it controls."""

    def __init__(self, accepted: AcceptedList, faults: Faults, webhooks: Webhooks, solapi: Solapi) -> None:
        self._accepted = accepted
        self._faults = faults
        self._webhooks = webhooks
        self._solapi = solapi

    def routes(self) -> list[Route]:
        """Everything under /control."""
        return [
            Route("/control/health", self._health, methods=["GET"]),
            Route("/control/accounts", self._show_accounts, methods=["GET"]),
            Route("/control/accounts", self._put_account, methods=["PUT"]),
            Route("/control/templates", self._put_template, methods=["PUT"]),
            Route("/control/faults", self._show_faults, methods=["GET"]),
            Route("/control/faults", self._put_faults, methods=["PUT"]),
            Route("/control/accepted", self._show_accepted, methods=["GET"]),
            Route("/control/accepted", self._clear_accepted, methods=["DELETE"]),
            Route("/control/summary", self._summary, methods=["GET"]),
            Route("/control/reports", self._report, methods=["POST"]),
        ]

    async def _health(self, request: Request) -> Response:
        return answer({"status": "ok"})

    async def _show_accounts(self, request: Request) -> Response:
        return answer({"accounts": [account_view(account) for account in self._solapi.accounts.values()]})

    async def _put_account(self, request: Request) -> Response:
        spec = await read_order(request, AccountSpec)
        if isinstance(spec, Response):
            return spec
        return answer(account_view(register(self._solapi.accounts, spec, self._solapi.clock())))

    async def _put_template(self, request: Request) -> Response:
        verdict = await read_order(request, TemplateVerdict)
        if isinstance(verdict, Response):
            return verdict
        account = self._solapi.accounts.get(verdict.api_key)
        template = account.templates.get(verdict.template_id) if account else None
        if account is None or template is None:
            return refuse(404, "no such template")
        template.status, template.updated = verdict.status, self._solapi.clock()
        return answer(template.as_dict(account.account_id))

    async def _show_faults(self, request: Request) -> Response:
        return answer(self._faults.plan.model_dump())

    async def _put_faults(self, request: Request) -> Response:
        plan = await read_order(request, FaultPlan)
        if isinstance(plan, Response):
            return plan
        self._faults.use(plan)
        return answer(plan.model_dump())

    async def _show_accepted(self, request: Request) -> Response:
        if request.query_params.get("count") == "true":
            return answer({"count": len(self._accepted)})
        return answer({"count": len(self._accepted), "accepted": self._accepted.as_dicts()})

    async def _clear_accepted(self, request: Request) -> Response:
        self._accepted.clear()
        return answer({"count": 0})

    async def _summary(self, request: Request) -> Response:
        return answer(self._accepted.summary() | {"reports": asdict(self._webhooks.counts)})

    async def _report(self, request: Request) -> Response:
        order = await read_order(request, ReportOrder)
        if isinstance(order, Response):
            return order
        messages = self._messages(order)
        for message in messages:
            self._solapi.delivery.conclude(message, order.status_code)
        return answer({"reported": len(messages)}) if messages else refuse(404, "no such message")

    def _messages(self, order: ReportOrder) -> list[Message]:
        accounts = self._solapi.accounts.values()
        if order.message_id:
            named = [account.by_id[order.message_id] for account in accounts if order.message_id in account.by_id]
            return [message for message in named if message.is_sent]
        return [
            message
            for account in accounts
            for message in account.messages
            if message.to == order.to and message.is_sent and not is_final(message.status_code)
        ]
