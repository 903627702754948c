"""What every provider is to us. A provider is one module; it knows the wire, and nothing of the database.

ProviderError
├── ProviderUnavailable   it could not take the request now; nothing of it was done; a later try may work
│   └── ProviderBusy      it asks for a pause, and did not look at the request
├── ProviderRefused       it understood and said no; trying again won't help
└── ProviderUndecided     the answer was lost: it may have done it or not; ask before anything else
    └── ProviderAmbiguous what it knows fits no answer, and no later look will tell
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable
from uuid import UUID

from shared.contracts.alimtalk import ButtonKind
from shared.contracts.outcomes import Outcome
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


class ProviderAmbiguous(ProviderUndecided):
    """It can't be told which of its messages are ours, now or ever."""


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """A tenant's account: its registered sender number, its KakaoTalk channel, and the opened credentials."""

    tenant: str
    id: str
    provider: str
    sender: str
    kakao_channel: str | None
    secrets: Mapping[str, str] = field(repr=False)

    def secret(self, name: str) -> str:
        """One of what opens it. Raises ProviderUnavailable where it was registered without: nothing is done by it."""
        if name not in self.secrets:
            detail = f"the account {self.id!r} was registered without {name} (발송 계정에 {name} 값이 없습니다.)"
            raise ProviderUnavailable("credentials_incomplete", detail)
        return self.secrets[name]


class Picture(NamedTuple):
    """A JPEG that a message shows.

    name: of its content (the SHA-256 in hex, with `.jpg`), for providers take two of one name for one.
    content: its bytes.
    """

    name: str
    content: bytes


class Button(NamedTuple):
    """A button.

    name: what it says.
    mobile, desktop: the pages that it opens; on a desktop computer the same where there is no other.
    kind: what it does, in Kakao's words; WL opens a page.
    android, ios: what it opens in an app.
    """

    name: str
    mobile: str | None = None
    desktop: str | None = None
    kind: ButtonKind = "WL"
    android: str | None = None
    ios: str | None = None


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A message in the words of one channel, ready for the wire.

    message, attempt: ours; they travel with the message and come back in its reports.
    channel: as `shared.contracts.channels` names it.
    to: whom it goes to: the digits of a phone; by e-mail the address; by push and in the app the customer's id.
    text: what the customer will read.
    subject: the subject of an LMS, MMS or e-mail, the title of a push, what an AlimTalk emphasises.
    template_code, variables: for AlimTalk, the approved template and the values of its variables.
    picture: of an MMS, or a Brand Message.
    buttons: of a Brand Message, or an AlimTalk: there with its variables filled, for those providers that want them so.
    devices: for push, the tokens of the customer's devices.
    link: for push and in the app, what a tap opens.
    html: of an e-mail, beside its text.
    unsubscribe: the https address by which one click ends e-mail of that kind (RFC 8058).
    """

    message: UUID
    attempt: int
    channel: str
    to: str
    text: str
    subject: str | None = None
    template_code: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    picture: Picture | None = None
    buttons: Sequence[Button] = ()
    devices: Sequence[str] = ()
    link: str | None = None
    html: str | None = None
    unsubscribe: str | None = None


class Accepted(NamedTuple):
    """A message that the provider has taken. `provider_message_id`: None where it does not say what it calls it."""

    message: UUID
    provider_message_id: str | None


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


class Submission(NamedTuple):
    """What one call hands over to be sent.

    dispatch: our name for the call, and the key under which a provider knows it again.
    begun_at: when the call was begun; it may arrive for as long as its time-out is.
    messages: what it carries. Where it is asked about later, `to` is empty for what nobody can write again.
    """

    dispatch: UUID
    begun_at: dt.datetime
    messages: Sequence[OutboundMessage]


class Submitted(NamedTuple):
    """What became of a submission.

    batch: the provider's id for the call, by which it is asked for reports.
    accepted, refused: its messages. One that is in neither was not seen, or is shown once if it is sent again.
    gone: devices and addresses that exist no more, as the provider found. Nothing is sent there again.
    left: why those in neither were not taken, where that is known; a ProviderBusy asks for a pause before the next try.
    amiss: what a person has to set right with the account.
    """

    batch: str
    accepted: Sequence[Accepted]
    refused: Sequence[ProviderReport]
    gone: Sequence[str] = ()
    left: ProviderError | None = None
    amiss: str | None = None


class Word(NamedTuple):
    """What a provider says of a message where nothing of ours travels with it: the call and the recipient name it, so
    no call has a recipient twice.

    batch, to: the provider's id for the call, and the recipient's digits.
    The rest is as of a `ProviderReport`.
    """

    batch: str
    to: str
    provider_message_id: str
    channel: str
    code: str
    outcome: Outcome
    detail: str | None = None
    at: dt.datetime | None = None
    lasting: bool = False


Said: TypeAlias = "ProviderReport | Word"


class Settlement(StrEnum):
    """What a lost answer means with a provider: by it we decide what became of a batch, and never send blindly again.

    TWO_PHASE: a batch is handed over first and sent afterwards, once only, and its state can be asked for.

    The others send with one call, and after a lost answer:
    KEYED: the same call under the same key is carried out once; later it is looked for by our names.
    ASKED: it is looked for by our names, which travel with it.
    MATCHED: it is looked for by recipient, content and time, for nothing of ours travels with it.
    COLLAPSE: it is sent again, for twice under one key is shown once.
    NONE: nobody can say, so it is never sent again.
    """

    TWO_PHASE = "two_phase"
    KEYED = "keyed"
    ASKED = "asked"
    MATCHED = "matched"
    COLLAPSE = "collapse"
    NONE = "none"


class _Provider(Protocol):
    """What all providers have. Every method that asks raises a ProviderError.

    Attributes:
        name: as accounts name it.
        channels: which of ours it carries, as `shared.contracts.channels` names them.
    """

    name: str
    channels: frozenset[str]

    async def batch_reports(self, account: ProviderAccount, batch: str) -> Sequence[Said]:
        """What the provider knows now of each message of a batch: one report each; nothing, where it tells nothing."""

    def proof_of(self, headers: Mapping[str, str]) -> str:
        """The text by which a webhook call proves that it is the provider's; empty where it carries none."""

    def parse_webhook(self, body: bytes) -> list[ProviderReport]:
        """The reports in a webhook call on messages of ours. Raises ValueError when the provider can't have sent it."""

    def webhook_entries(self, call: object) -> list[object]:
        """A webhook call, read as JSON, as calls with one report each: what can be understood is, beside what can't."""


class TwoPhaseProvider(_Provider, Protocol):
    """A provider whose batches are settled in two phases."""

    settlement: Literal[Settlement.TWO_PHASE]

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
        """As of any provider; each by our names, which tell what the batch holds."""


OneCall = Literal[Settlement.KEYED, Settlement.ASKED, Settlement.MATCHED, Settlement.COLLAPSE, Settlement.NONE]


class OneCallProvider(_Provider, Protocol):
    """A provider that sends with the call by which messages are handed over.

    Attributes:
        settlement: what a lost answer means.
        look_up_after: since a call was begun; when it is not there then, it never arrived. It holds the call's own
            time-out, which is shorter than a dispatch's lease, and what the provider's lists are late by.
    """

    settlement: OneCall
    look_up_after: dt.timedelta

    def calls(self, messages: Sequence[OutboundMessage]) -> list[list[OutboundMessage]]:
        """Messages as the calls that they go by: as few as the provider's rules let them be. Each is in one of them."""

    async def submit(self, account: ProviderAccount, submission: Submission) -> Submitted:
        """Hand over and send, with one request.

        Raises:
            ProviderUnavailable, ProviderRefused: nothing of it was done.
            ProviderUndecided: it may have been.
        """

    async def find(self, account: ProviderAccount, submission: Submission) -> Submitted | None:
        """Look for a submission whose answer was lost; None: nothing of it is there. Never asked of COLLAPSE and NONE.

        Whether what is not there may still come is not its matter: `look_up_after` says so.

        Raises:
            ProviderAmbiguous: nobody will ever know.
            ProviderError: it could not be asked just now.
        """


Provider = TwoPhaseProvider | OneCallProvider


ALL_CHANNELS = ""
"""Of a `Billed` that is about an account's whole day."""


class Billed(NamedTuple):
    """What a provider says of an account's day, in Korea, on one channel.

    channel: ours; `ALL_CHANNELS` where it tells something of all together only.
    sent: how many it took to send, failed ones among them.
    succeeded: how many it delivered.
    amount: won that it took for them, without what it gave back; None where it does not say.
    """

    channel: str
    sent: int
    succeeded: int
    amount: Decimal | None


@runtime_checkable
class BillingProvider(Protocol):
    """A provider of any kind that says what it carried and took on a day."""

    async def daily(self, account: ProviderAccount, day: dt.date) -> Sequence[Billed]:
        """A day of Korea, one of each channel that anything went by. Raises ProviderError."""


class Polling(NamedTuple):
    """How an account may be asked for reports.

    every: from one question to the next, however many messages are on their way.
    span: the longest time that one question may be about.
    """

    every: dt.timedelta
    span: dt.timedelta


@runtime_checkable
class PolledProvider(Protocol):
    """A provider of either kind that also says, for a whole account, what has ended in some time.

    Attributes:
        polling: how it may be asked.
    """

    polling: Polling

    async def poll(self, account: ProviderAccount, since: dt.datetime, until: dt.datetime) -> Sequence[Said]:
        """The reports on messages of ours that ended between two moments, `polling.span` apart at most.

        Raises ProviderError.
        """


@runtime_checkable
class TemplateCaller(Protocol):
    """A provider that also calls when something became of a template."""

    def tells_of_templates(self, body: bytes) -> bool:
        """Whether a webhook call is about templates. What became of them is read from the provider."""
