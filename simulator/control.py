"""The control API: what tests and demonstrations may ask for and find out. It has no authentication.

GET    /control/health     200 when the simulator answers, and where its mail server listens
GET    /control/accounts   accounts, without secrets
PUT    /control/accounts   {"provider": …} and what that provider's accounts have: add one, or change one. SOLAPI's
                           unless told
PUT    /control/templates  {apiKey, templateId, status, comment?, content?}: the verdict of Kakao's inspection, and what
                           somebody changes at the provider's console. With {"provider": "nhn_kakao", appKey,
                           templateCode, status, comment?} that of a template there
GET    /control/faults     the plan in force (see `FaultPlan`), and under `providers` those that some have of their own
PUT    /control/faults     replace the plan of all providers, or with {"provider": …} of one; {} ends all faults
GET    /control/accepted   what was really accepted; ?count=true for the number only
DELETE /control/accepted   forget it
GET    /control/summary    accepted messages by type and status, and what became of reports
POST   /control/reports    {messageId or to, statusCode}: report a status now. `provider` tells whose code it is
*      /control/toss…      Toss Payments: see simulator.toss.control
*      /control/slack      Slack: see simulator.slack.api
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, Protocol, Self, runtime_checkable

import orjson
from pydantic import BaseModel, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.accepted import AcceptedList
from simulator.faults import FaultBoard, FaultPlan
from simulator.orders import Order, answer, read_order, refuse, understood
from simulator.solapi.provider import Solapi
from simulator.webhooks import WebhookCounts


class Carrier(Protocol):
    """A provider of messages, as far as it is controlled.

    Attributes:
        name: by which orders name it.
        spec: an account of it, as `PUT /control/accounts` takes one.
    """

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> type[BaseModel]: ...

    def register(self, spec: Any) -> dict[str, Any]:
        """Add an account, or change one. Gives it without its secrets."""

    def views(self) -> list[dict[str, Any]]:
        """Every account, without its secrets."""

    def report(self, code: str, message_id: str | None, to: str | None, *, own: bool) -> int | None:
        """Report a status now.

        Args:
            code: the provider's `own`, or one by which the fates of all are called.
            message_id, to: of one message, or of all to a number that have no final status.

        Returns:
            Of how many messages; None where the provider has no such code.
        """


@runtime_checkable
class Inspected(Protocol):
    """A provider whose templates are inspected.

    Attributes:
        verdict: an end of an inspection, as `PUT /control/templates` takes one.
    """

    @property
    def verdict(self) -> type[BaseModel]: ...

    def inspect(self, verdict: Any) -> dict[str, Any] | None:
        """A template as it is after the verdict; None where there is none."""


class ReportOrder(Order):
    """A status to report: of one message, or of all messages to a number that have no final status yet."""

    provider: str | None = None
    message_id: str | None = None
    to: str | None = None
    status_code: str

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
    comment: str | None = None
    content: str | None = None


class Control:
    """The control API over the parts that it controls.

    Args:
        accepted: what all providers have accepted.
        board: what goes wrong with each.
        counts: what became of the reports of all.
        solapi: whose templates are inspected, and whom an order means that names none.
        others: the other providers of messages.
        smtp_port: where the mail server listens, once it does.
    """

    def __init__(
        self,
        accepted: AcceptedList,
        board: FaultBoard,
        counts: WebhookCounts,
        solapi: Solapi,
        others: Sequence[Carrier],
        *,
        smtp_port: Callable[[], int],
    ) -> None:
        self._accepted = accepted
        self._board = board
        self._counts = counts
        self._solapi = solapi
        self._smtp_port = smtp_port
        self._carriers: Mapping[str, Carrier] = {carrier.name: carrier for carrier in (solapi, *others)}

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
        return answer({"status": "ok", "smtpPort": self._smtp_port()})

    async def _show_accounts(self, request: Request) -> Response:
        return answer({"accounts": [view for carrier in self._carriers.values() for view in carrier.views()]})

    async def _put_account(self, request: Request) -> Response:
        provider, body = await _addressed(request)
        carrier = self._carriers.get(provider or self._solapi.name)
        if carrier is None:
            return _no_provider(provider, self._carriers)
        spec = understood(body, carrier.spec)
        return spec if isinstance(spec, Response) else answer(carrier.register(spec))

    async def _put_template(self, request: Request) -> Response:
        provider, body = await _addressed(request)
        if provider is not None and provider != self._solapi.name:
            return self._inspect(provider, body)
        verdict = understood(body, TemplateVerdict)
        if isinstance(verdict, Response):
            return verdict
        account = self._solapi.accounts.get(verdict.api_key)
        template = account.templates.get(verdict.template_id) if account else None
        if account is None or template is None:
            return refuse(404, "no such template")
        if verdict.content is not None:
            template.rewrite({"content": verdict.content}, self._solapi.clock())
        template.judge(verdict.status, verdict.comment, self._solapi.clock())
        return answer(template.as_dict(account.account_id))

    def _inspect(self, provider: str, body: bytes) -> Response:
        carrier = self._carriers.get(provider)
        if not isinstance(carrier, Inspected):
            return _no_provider(
                provider, (name for name, each in self._carriers.items() if isinstance(each, Inspected))
            )
        verdict = understood(body, carrier.verdict)
        if isinstance(verdict, Response):
            return verdict
        shown = carrier.inspect(verdict)
        return refuse(404, "no such template") if shown is None else answer(shown)

    async def _show_faults(self, request: Request) -> Response:
        own = {name: plan.model_dump() for name, plan in self._board.own.items()}
        return answer(self._board.plan.model_dump() | ({"providers": own} if own else {}))

    async def _put_faults(self, request: Request) -> Response:
        provider, body = await _addressed(request)
        if provider is not None and provider not in self._board.providers:
            return _no_provider(provider, self._board.providers)
        plan = understood(body, FaultPlan)
        if isinstance(plan, Response):
            return plan
        self._board.use(plan, provider)
        return answer(plan.model_dump())

    async def _show_accepted(self, request: Request) -> Response:
        if request.query_params.get("count") == "true":
            return answer({"count": len(self._accepted)})
        return answer({"count": len(self._accepted), "accepted": self._accepted.as_dicts()})

    async def _clear_accepted(self, request: Request) -> Response:
        self._accepted.clear()
        return answer({"count": 0})

    async def _summary(self, request: Request) -> Response:
        return answer(self._accepted.summary() | {"reports": asdict(self._counts)})

    async def _report(self, request: Request) -> Response:
        order = await read_order(request, ReportOrder)
        if isinstance(order, Response):
            return order
        if order.provider is not None and order.provider not in self._carriers:
            return _no_provider(order.provider, self._carriers)
        asked = [each for each in self._carriers.values() if order.provider in (None, each.name)]
        reported = [
            each.report(order.status_code, order.message_id, order.to, own=order.provider is not None) for each in asked
        ]
        if all(number is None for number in reported):
            details = [{"field": "statusCode", "message": "not a documented status of an accepted message"}]
            return refuse(422, "the request does not fit", details)
        total = sum(number or 0 for number in reported)
        return answer({"reported": total}) if total else refuse(404, "no such message")


async def _addressed(request: Request) -> tuple[str | None, bytes]:
    """The provider that an order is for, if it names one, and the rest of the order."""
    body = await request.body()
    try:
        order = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None, body
    if not isinstance(order, dict) or "provider" not in order:
        return None, body
    return str(order.pop("provider")), orjson.dumps(order)


def _no_provider(name: str | None, known: Iterable[str]) -> Response:
    details = [{"field": "provider", "message": f"none is called {name!r}; known: {', '.join(known)}"}]
    return refuse(422, "the request does not fit", details)
