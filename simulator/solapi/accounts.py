"""Accounts as the control API registers them."""

import zlib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from simulator.solapi.model import DEFAULT_PRICES, Account, won
from simulator.solapi.sending.templates import Template

Digits = Annotated[str, Field(pattern=r"^\d{8,12}$")]
Won = Annotated[float, Field(ge=0, le=1_000_000_000_000)]

DEFAULT_API_KEY = "NCSLOCALSIMULATR"
DEFAULT_API_SECRET = "local-simulator-api-secret-00000"  # noqa: S105 - opens a simulator and nothing else
DEFAULT_WEBHOOK_SECRET = "local-webhook-secret"  # noqa: S105 - as above
DEFAULT_BALANCE = 1_000_000_000


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class TemplateSpec(_Spec):
    """An AlimTalk template, approved unless it says otherwise. `parts`: what else is registered, as the wire has it."""

    template_id: Annotated[str, Field(min_length=1)]
    pf_id: Annotated[str, Field(min_length=1)]
    content: Annotated[str, Field(min_length=1)]
    name: str = ""
    status: Literal["PENDING", "INSPECTING", "APPROVED", "REJECTED"] = "APPROVED"
    buttons: list[dict[str, Any]] = []
    parts: dict[str, Any] = {}


class AccountSpec(_Spec):
    """An account of the provider.

    Attributes:
        api_key: identifies it; registering it again changes only the fields that are given.
        api_secret: signs its requests.
        senders: registered sender numbers, digits only; an empty list lets any well-formed number send.
        pf_ids: Kakao channels; an empty list means any.
        templates: AlimTalk templates, added to those it has.
        balance: in won.
        prices: won a message by type, over the defaults.
        webhook_url: where reports go; null for no reports.
        webhook_secret: its SHA-1 is the header of each report.
        inspection: where inspections are asked for: the vendor documents /kakao/v1, and may have /kakao/v2 too.
    """

    api_key: Annotated[str, Field(min_length=1)]
    api_secret: Annotated[str, Field(min_length=1)]
    senders: list[Digits] = []
    pf_ids: list[str] = []
    templates: list[TemplateSpec] = []
    balance: Won = DEFAULT_BALANCE
    prices: dict[str, Won] = {}
    webhook_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    webhook_secret: str = ""
    inspection: Literal["/v1/", "/v2/"] = "/v2/"


def register(accounts: dict[str, Account], spec: AccountSpec, now: float) -> Account:
    """Add an account, or change the given fields of the one that has this key.

    Args:
        accounts: by API key.
        spec: what to register.
        now: seconds since the epoch, the date of new templates.
    """
    account = accounts.get(spec.api_key)
    is_new = account is None
    if account is None:
        number = zlib.crc32(spec.api_key.encode()) % 100_000_000
        account = accounts[spec.api_key] = Account(spec.api_key, spec.api_secret, f"{number:08d}")
    given = spec.model_fields_set
    account.api_secret = spec.api_secret
    if is_new or "senders" in given:
        account.register_senders(frozenset(spec.senders))
    if is_new or "pf_ids" in given:
        account.pf_ids = frozenset(spec.pf_ids)
    if is_new or "balance" in given:
        account.balance = _hundredths(spec.balance)
    if is_new or "prices" in given:
        prices = DEFAULT_PRICES | {kind.lower(): price for kind, price in spec.prices.items()}
        account.prices = {kind: _hundredths(price) for kind, price in prices.items()}
    if is_new or "webhook_url" in given:
        account.webhook_url = spec.webhook_url
    if is_new or "webhook_secret" in given:
        account.webhook_secret = spec.webhook_secret
    if is_new or "inspection" in given:
        account.inspection = spec.inspection
    for template in spec.templates:
        account.templates[template.template_id] = Template(**template.model_dump(), created=now, updated=now)
    return account


def account_view(account: Account) -> dict[str, Any]:
    """An account without its secrets."""
    return {
        "apiKey": account.api_key,
        "accountId": account.account_id,
        "senders": sorted(account.senders),
        "pfIds": sorted(account.pf_ids),
        "templates": sorted(account.templates),
        "balance": won(account.balance),
        "prices": {kind: won(price) for kind, price in account.prices.items()},
        "webhookUrl": account.webhook_url,
        "groups": len(account.groups),
        "messages": len(account.messages),
    }


def _hundredths(amount: float) -> int:
    return round(amount * 100)
