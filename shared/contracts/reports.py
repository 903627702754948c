"""What a provider says of messages, in our words."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.contracts.outcomes import Outcome
from shared.contracts.values import Moment, TenantId, storable

MAX_REPORTS = 10_000


Code = Annotated[str, Field(max_length=100), AfterValidator(storable)]
ProviderId = Annotated[str, Field(max_length=200), AfterValidator(storable)]


class ProviderReport(BaseModel):
    """One word of a provider on one attempt. `message` and `attempt` are ours, carried there and back.

    lasting: the customer can't be reached on that channel for now, whatever is sent: there is no KakaoTalk there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    message: UUID
    attempt: Annotated[int, Field(ge=0, le=32_767)]
    channel: Code
    provider_message_id: ProviderId
    code: Code
    outcome: Outcome
    detail: str | None = None
    at: Moment | None = None
    lasting: bool = False


class ReportBatch(BaseModel):
    """Reports on messages of one tenant, as one webhook call or one look-up brought them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: TenantId
    provider: Code
    account: Code
    reports: Annotated[tuple[ProviderReport, ...], Field(min_length=1, max_length=MAX_REPORTS)]
