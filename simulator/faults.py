"""What goes wrong on the way to a provider and back, on demand and repeatably."""

import re
from collections.abc import Iterable, Mapping
from random import Random
from types import MappingProxyType
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

T = TypeVar("T")
Rate = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[float, Field(ge=0, le=600_000)]


class Drop(BaseModel):
    """Which requests are hit: a share of them, or the next few.

    Attributes:
        rate: the share of requests, 0 to 1. Either this or `count`.
        count: how many of the next requests; what is left of it is what `GET /control/faults` shows.
        on: a regular expression looked for in "METHOD /path"; only requests where it is found are counted or dropped.
    """

    model_config = ConfigDict(extra="forbid")

    rate: Rate | None = None
    count: Annotated[int, Field(ge=0)] | None = None
    on: str = ""

    @field_validator("on")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.rate is None) == (self.count is None):
            raise ValueError("give either rate or count")
        return self

    def strikes(self, request: str, random: Random) -> bool:
        """Whether this request is hit; counts it if so."""
        if not re.search(self.on, request):
            return False
        if self.rate is not None:
            return random.random() < self.rate
        if not self.count:
            return False
        self.count -= 1
        return True


class FaultPlan(BaseModel):
    """All that may go wrong. The default is that nothing does.

    Attributes:
        seed: starts the random choices, so that the same requests in the same order meet the same faults.
        latency_ms: each answer is at least this late.
        error_rate: share of requests answered 500 without having been looked at.
        too_many: requests answered 429 without having been looked at.
        retry_after: seconds, as that answer's header says; without one it says nothing.
        outage: every request is answered 503 without having been looked at.
        drop_before: connections dropped before the request has been looked at.
        accept_then_drop: connections dropped after the request has been carried out in full, without an answer.
        report_delay_ms: time from sending a message to its final status, or from a payment's event to its webhook.
        report_repeat_rate: share of reports, events of payments among them, that come a second time.
        report_reorder: also report 3000 (at the carrier), and shuffle all reports, so that it may come after the final.
        report_late_rate: share of messages whose final status, and of events that, take `report_late_ms` longer.
        report_late_ms: see `report_late_rate`.
        report_drop_rate: share of reports and events that never come, though a look-up shows the status.
        report_forge_rate: share of calls to a webhook before which a stranger makes the same one without the secret.
        report_misspelt_rate: share of NHN's reports in which `recipientGroupingKey` is misspelt, as in its guide.
        list_delay_ms: so late a message is shown by lists: NHN's, SENS's and Aligo's.
        fail_inside: requests answered 200 with a failure inside, without having been looked at; NHN, Aligo.
        accept_then_fail: requests carried out in full and answered 200 with a failure inside; NHN.
        bill_twice: so many delivered messages the statistics count, and charge, twice.
        forget_in_bill: so many delivered messages they leave out.
    """

    model_config = ConfigDict(extra="forbid")

    seed: int = 0
    latency_ms: Milliseconds = 0
    error_rate: Rate = 0
    too_many: Drop | None = None
    retry_after: Annotated[int, Field(ge=0)] | None = None
    outage: bool = False
    drop_before: Drop | None = None
    accept_then_drop: Drop | None = None
    report_delay_ms: Milliseconds = 100
    report_repeat_rate: Rate = 0
    report_reorder: bool = False
    report_late_rate: Rate = 0
    report_late_ms: Milliseconds = 0
    report_drop_rate: Rate = 0
    report_forge_rate: Rate = 0
    report_misspelt_rate: Rate = 0
    list_delay_ms: Milliseconds = 0
    fail_inside: Drop | None = None
    accept_then_fail: Drop | None = None
    bill_twice: Annotated[int, Field(ge=0)] = 0
    forget_in_bill: Annotated[int, Field(ge=0)] = 0


class Faults:
    """The plan in force, with its random choices. Requests and reports draw from separate streams."""

    def __init__(self) -> None:
        self.use(FaultPlan())

    def use(self, plan: FaultPlan) -> None:
        """Put a plan into force and start its random choices anew."""
        self.plan = plan
        self._requests = Random(plan.seed)  # noqa: S311 - repeatable on purpose, guards nothing
        self._reports = Random(plan.seed + 1)  # noqa: S311 - as above

    def drops_before(self, request: str) -> bool:
        """Whether to drop the connection of a request ("METHOD /path") before looking at it."""
        drop = self.plan.drop_before
        return drop is not None and drop.strikes(request, self._requests)

    def drops_after(self, request: str) -> bool:
        """Whether to carry out a request ("METHOD /path") and drop its connection instead of answering."""
        drop = self.plan.accept_then_drop
        return drop is not None and drop.strikes(request, self._requests)

    def is_too_many(self, request: str) -> bool:
        """Whether to answer a request ("METHOD /path") with 429."""
        drop = self.plan.too_many
        return drop is not None and drop.strikes(request, self._requests)

    def errs(self) -> bool:
        """Whether to answer a request with 500."""
        return self.plan.error_rate > 0 and self._requests.random() < self.plan.error_rate

    def fails_inside(self, request: str) -> bool:
        """Whether to answer a request ("METHOD /path") with a failure inside, and not look at it."""
        drop = self.plan.fail_inside
        return drop is not None and drop.strikes(request, self._requests)

    def fails_after(self, request: str) -> bool:
        """Whether to carry a request ("METHOD /path") out and answer with a failure inside."""
        drop = self.plan.accept_then_fail
        return drop is not None and drop.strikes(request, self._requests)

    def misspells(self) -> bool:
        """Whether the next report has a misspelt field."""
        return self.plan.report_misspelt_rate > 0 and self._reports.random() < self.plan.report_misspelt_rate

    def forges(self) -> bool:
        """Whether a stranger calls before the next call."""
        return self.plan.report_forge_rate > 0 and self._reports.random() < self.plan.report_forge_rate

    def split_late(self, messages: list[T]) -> tuple[list[T], list[T]]:
        """Part messages into those whose final status is in time and those where it is late."""
        if not self.plan.report_late_rate:
            return messages, []
        timely: list[T] = []
        late: list[T] = []
        for message in messages:
            (late if self._reports.random() < self.plan.report_late_rate else timely).append(message)
        return timely, late

    def disturb(self, reports: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Lose, repeat and shuffle reports.

        Returns:
            The reports to send now, and those to send a second time a little later.
        """
        plan, random = self.plan, self._reports
        if plan.report_drop_rate:
            reports = [report for report in reports if random.random() >= plan.report_drop_rate]
        repeated: list[dict[str, Any]] = []
        if plan.report_repeat_rate:
            repeated = [report for report in reports if random.random() < plan.report_repeat_rate]
        if plan.report_reorder:
            random.shuffle(reports)
        return reports, repeated


class FaultBoard:
    """What goes wrong with each provider.

    Args:
        providers: their names.
        shared: providers whose faults are those of another one.
    """

    def __init__(self, providers: Iterable[str], shared: Mapping[str, str] = MappingProxyType({})) -> None:
        self._of = {name: Faults() for name in providers}
        self._shared = shared
        self.plan = FaultPlan()
        self.own: dict[str, FaultPlan] = {}

    @property
    def providers(self) -> Iterable[str]:
        """The names that a plan may be for."""
        return [*self._of, *self._shared]

    def of(self, provider: str) -> Faults:
        """A provider's, for as long as the simulator runs."""
        return self._of[provider]

    def use(self, plan: FaultPlan, provider: str | None = None) -> None:
        """Put a plan into force: for one provider, or for all of them in place of whatever any of them had."""
        if provider is not None:
            provider = self._shared.get(provider, provider)
            self.own[provider] = plan
            self._of[provider].use(plan)
            return
        self.plan, self.own = plan, {}
        for faults in self._of.values():
            faults.use(plan)  # the same one, so that a count is that of all
