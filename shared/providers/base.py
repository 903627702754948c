"""What every provider is to us. A provider is one module; it knows the wire, and nothing of the database.

ProviderError
├── ProviderUnavailable   it could not take the request now; nothing of it was done; a later try may work
│   └── ProviderBusy      it asks for a pause, and did not look at the request
├── ProviderRefused       it understood and said no; trying again won't help
└── ProviderUndecided     the answer was lost: it may have done it or not; ask before anything else
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol
from uuid import UUID

from shared.platform.errors import AllimError

if TYPE_CHECKING:
    from shared.contracts.reports import ProviderReport

PAUSE, SHORTEST_PAUSE, LONGEST_PAUSE = dt.timedelta(seconds=10), dt.timedelta(seconds=1), dt.timedelta(minutes=10)
"""Where a provider asks for fewer requests: unless it says for how long, and what we make of too little or too much."""


class ProviderError(AllimError):
    """A provider would not, could not, or may have. `code` is its own word where there is one."""

    default_status: ClassVar[int] = 503


class ProviderUnavailable(ProviderError):  # noqa: N818 - it names the state
    """Nothing was done; a later try may work."""


class ProviderBusy(ProviderUnavailable):
    """It asks for a pause.

    Args:
        code, detail: as of any error.
        retry_after: its header of that name, in seconds; without a number in it we choose.
    """

    def __init__(self, code: str, detail: str, retry_after: str | None) -> None:
        super().__init__(code, detail)
        asked = float(retry_after) if retry_after and retry_after.isdecimal() else PAUSE.total_seconds()
        self.again_in = min(max(dt.timedelta(seconds=min(asked, 1e6)), SHORTEST_PAUSE), LONGEST_PAUSE)


class ProviderRefused(ProviderError):  # noqa: N818
    """Understood and refused; trying again won't help."""


class ProviderUndecided(ProviderError):  # noqa: N818
    """The answer was lost; ask the provider before anything else."""


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """A tenant's account: its registered sender number, its KakaoTalk channel, and the opened credentials."""

    tenant: str
    id: str
    provider: str
    sender: str
    kakao_channel: str | None
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A message in the words of one channel, ready for the wire.

    message, attempt: ours; they travel with the message and come back in its reports.
    channel: `alimtalk`, `sms` or `lms`.
    to: digits only.
    text: what the customer will read.
    template_code, variables: for AlimTalk, the approved template and the values of its variables.
    """

    message: UUID
    attempt: int
    channel: str
    to: str
    text: str
    subject: str | None = None
    template_code: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


class Accepted(NamedTuple):
    message: UUID
    provider_message_id: str


class Prepared(NamedTuple):
    """A batch that the provider holds and has not been told to send.

    batch: the provider's id for it; None when every message was refused.
    """

    batch: str | None
    accepted: Sequence[Accepted]
    refused: Sequence[ProviderReport]


class BatchState(StrEnum):
    """What the provider says of a batch: it waits to be told, it was told, or there is no such batch."""

    WAITING = "waiting"
    SENT = "sent"
    ABSENT = "absent"


class Settlement(StrEnum):
    """What a lost answer means with a provider: by it we decide what became of a batch, and never send blindly again.

    TWO_PHASE: a batch is handed over first and sent afterwards, once only, and its state can be asked for.
    """

    TWO_PHASE = "two_phase"


class Provider(Protocol):
    """A provider whose batches are settled in two phases. Every method raises a ProviderError.

    Attributes:
        name: as accounts name it.
        settlement: what a lost answer means.
    """

    name: str
    settlement: Settlement

    async def prepare(self, account: ProviderAccount, messages: Sequence[OutboundMessage]) -> Prepared:
        """Hand a batch over. Nothing is sent or charged yet, so an error here is always safe to try again."""

    async def send(self, account: ProviderAccount, batch: str) -> None:
        """Tell the provider to send a batch. It can happen once only; doing it again is refused, not repeated."""

    async def discard(self, account: ProviderAccount, batch: str) -> None:
        """Take back a batch that was not sent, so that nobody can send it any more. An absent one is so already.

        Raises ProviderRefused when it was sent.
        """

    async def batch_state(self, account: ProviderAccount, batch: str) -> BatchState:
        """Whether the batch was sent."""

    async def batch_reports(self, account: ProviderAccount, batch: str) -> list[ProviderReport]:
        """What the provider knows now of each message of a batch: one report each."""

    def proof_of(self, headers: Mapping[str, str]) -> str:
        """The text by which a webhook call proves that it is the provider's; empty where it carries none."""

    def parse_webhook(self, body: bytes) -> list[ProviderReport]:
        """The reports in a webhook call on messages of ours. Raises ValueError when the provider can't have sent it."""
