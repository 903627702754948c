"""`allim accounts`: what tenants send by."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.credits.database import DatabaseUrl, with_ledger
from cli.errors import CommandError
from cli.joining import running_stack_if_any
from cli.output import AsJson, examples, print_json, print_table, say
from cli.showing import clock_time

if TYPE_CHECKING:
    from shared.platform.database import Connection
    from shared.tenants.overview_store import AccountLine

app = typer.Typer(
    help="What tenants send by: accounts at providers, with their senders.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - its name

Weight = Annotated[
    int, typer.Option(help="How much is sent by it beside the others, 0 to 100; 0: only what no other can send.")
]
Account = Annotated[str, typer.Argument(help="The account's id.", metavar="ACCOUNT")]
Owner = Annotated[str, typer.Option(help="The tenant whose account it is.")]
To = Annotated[str, typer.Option(help="The tenant that it is lent to.")]
SERVICE_ACCOUNT = "service_account"
"""The type of the file that Google gives for one: it holds more than opens an account."""

Tenant = Annotated[str, typer.Argument(help="The tenant's id.", metavar="TENANT")]


@app.command("list", epilog=examples("allim accounts list", "allim accounts list saas --json"))
def list_(
    tenant: Annotated[str | None, typer.Argument(help="One tenant's. (Default: all.)", show_default=False)] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List accounts: whose, at which provider, and from which number they send. What opens them is never shown."""
    from shared.platform.clock import WallClock
    from shared.tenants.overview_store import read_accounts

    async def work(connection: Connection) -> list[AccountLine]:
        return await read_accounts(connection, tenant)

    found = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json([asdict(account) for account in found])
    elif found:
        columns = ["tenant", "account", "provider", "sender", "carries", "weight", "state", "since"]
        print_table(columns, [_row(account, WallClock().now()) for account in found])
    else:
        typer.echo("no accounts; `allim accounts add` and `allim tenants add` make one")


def _row(account: AccountLine, now: dt.datetime) -> tuple[object, ...]:
    whose = f" of {account.lent_by}" if account.lent_by else ""
    return (
        account.tenant,
        f"{account.id}{whose}",
        account.provider,
        account.sender,
        " ".join(account.carries or ["all"]),
        account.weight,
        _state(account, now),
        clock_time(account.created_at),
    )


def _state(account: AccountLine, now: dt.datetime) -> str:
    from shared.platform.clock import SEOUL

    if not account.active:
        return "is followed, not sent by"
    if account.paused_at:
        return f"paused: {account.paused_why}"
    if account.certificate_until and account.certificate_until < now.astimezone(SEOUL).date():
        return f"certificate over since {account.certificate_until}"
    return "sends"


@app.command(
    epilog=examples(
        "allim accounts add saas --provider nhn --sender 0212345678   # asks for what opens it",
        "allim accounts add saas --provider nhn --sender 0212345678 --credentials nhn.json",
        "allim accounts add saas --id second --provider nhn --sender 0212345678 --channel sms --weight 30",
        "allim accounts add saas --provider nhn --sender 0212345678 --certificate 전송-2026-1 "
        "--certificate-until 2027-05-31",
        "vault read … | allim accounts add saas --provider solapi --sender 0212345678 --credentials - --json",
        "allim accounts add saas --id push --provider fcm --credentials my-app-firebase-adminsdk.json",
        "allim accounts add saas --id inbox --provider inapp",
    )
)
def add(
    tenant: Tenant,
    provider: Annotated[
        str,
        typer.Option(
            help="solapi; nhn, nhn_kakao: NHN Cloud's SMS, its KakaoTalk; sens: Naver Cloud; aligo; fcm: Firebase; "
            "inapp: the inbox of your own app; smtp: a mail server; kakao_me: KakaoTalk to the account's owner."
        ),
    ],
    sender: Annotated[
        str,
        typer.Option(
            help="A number that is registered there, digits only; of smtp an address. Others have none.",
            show_default=False,
        ),
    ] = "",
    id_: Annotated[str, typer.Option("--id", help="The account's id. The same one again changes it.")] = "main",
    kakao_channel: Annotated[
        str | None, typer.Option(help="For KakaoTalk; at NHN Cloud its sender key.", show_default=False)
    ] = None,
    credentials: Annotated[
        str | None,
        typer.Option(
            help="A file with a JSON object of what opens it, and its webhook_secret; - reads it from the input. "
            "(Default: asks for each.)",
            show_default=False,
        ),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(help="What it is for; again for more. (Default: all that its provider carries.)"),
    ] = None,
    weight: Weight = 100,
    certificate: Annotated[
        str | None, typer.Option(help="The number of its transmission certificate.", show_default=False)
    ] = None,
    certificate_until: Annotated[
        dt.datetime | None,
        typer.Option(help="Its last day, in Korea.", formats=["%Y-%m-%d"], show_default=False),
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Add an account at a provider, or change one. The tenant sends by it from now on, beside its others.

    solapi needs api_key and api_secret; nhn and nhn_kakao app_key and secret_key; sens access_key, secret_key, and
    service_id for texts, kakao_service_id for AlimTalk, or both; aligo api_key and user_id; smtp the url of a mail
    server; kakao_me rest_api_key and refresh_token; for fcm the file of a service account will do, as Firebase gives
    it; inapp needs nothing. With a webhook_secret the provider may call; without one it is asked.
    """
    from shared.platform.clock import WallClock
    from shared.platform.crypto import Keys
    from shared.platform.settings import read_keys
    from shared.providers import ProviderAccount, webhook_proof
    from shared.tenants.accounts import register_account
    from shared.tenants.terms import Terms, carried, check_sender, expect_to_hold

    now = WallClock().now()
    until = certificate_until.date() if certificate_until else None
    terms = Terms(tuple(channel) if channel else None, weight, certificate, until)
    carried(provider, terms)
    expect_to_hold(terms, now)
    secrets = _secrets(provider, credentials)
    check_sender(provider, sender)
    account = ProviderAccount(tenant, id_, provider, sender, kakao_channel, secrets)
    keys = Keys(read_keys(_encryption_key()))

    async def work(connection: Connection) -> bool:
        await connection.execute("select from tenants where id = %s for no key update", [tenant])
        return await register_account(connection, keys, account, terms, now=now)

    changed = with_ledger(database_url, work, tenant=tenant)
    is_called = webhook_proof(provider, secrets[WEBHOOK_SECRET]) if secrets.get(WEBHOOK_SECRET) else None
    webhook = f"{_webhook_url()}/{provider}/{tenant}/{id_}" if is_called else None
    if as_json:
        print_json({"tenant": tenant, "account": id_, "provider": provider, "changed": changed, "webhook": webhook})
        return
    say(f"{tenant} sends by {id_} at {provider}{'' if changed else ', as before'}")
    if webhook:
        say(f"its webhook is {webhook}")


@app.command(
    epilog=examples(
        'allim accounts pause saas second --why "NHN Cloud is slow"',
        'allim accounts pause platform main --why "contract ends" --json   # also for whom it is lent to',
    )
)
def pause(
    tenant: Tenant,
    account: Account,
    why: Annotated[str, typer.Option(help="Why, for whoever looks later.")],
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Let nothing leave by an account until it is resumed. The tenant's other accounts send what they carry.

    What no other can send waits; a message whose moment is over by then ends as expired (account_paused). What the
    provider has already is reported and charged as ever.
    """

    async def work(connection: Connection) -> None:
        from shared.platform.clock import WallClock
        from shared.tenants.lending.pausing import pause as pause_now

        await pause_now(connection, tenant, account, why=why, now=WallClock().now())

    with_ledger(database_url, work, tenant=tenant)
    _done(tenant, account, "paused", "nothing leaves by it until `allim accounts resume`", as_json)


@app.command(epilog=examples("allim accounts resume saas second", "allim accounts resume saas second --json"))
def resume(tenant: Tenant, account: Account, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Let messages leave by an account again. What waits for it and is still in time leaves within seconds."""

    async def work(connection: Connection) -> None:
        from shared.messages.resuming import resume_account
        from shared.platform.clock import WallClock

        await resume_account(connection, tenant, account, now=WallClock().now())

    with_ledger(database_url, work, tenant=tenant)
    _done(tenant, account, "resumed", "what waits for it and is still in time leaves now", as_json)


@app.command(
    epilog=examples(
        "allim accounts lend main --owner platform --to cafe --sender 0212345678",
        "allim accounts lend main --owner platform --to shop --id platform --sender 0312345678 "
        "--kakao-channel PF… --json",
    )
)
def lend(
    account: Account,
    owner: Owner,
    to: To,
    sender: Annotated[str, typer.Option(help="The number that the borrower sends from, registered at the provider.")],
    id_: Annotated[
        str | None, typer.Option("--id", help="What it is called there. (Default: as here.)", show_default=False)
    ] = None,
    kakao_channel: Annotated[str | None, typer.Option(help="The borrower's, for AlimTalk.", show_default=False)] = None,
    weight: Weight = 100,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Let a tenant send by another one's account, without giving it what opens that.

    It is one account at the provider: its rate is shared, and reports come to its owner's address and find their
    messages. Each tenant is suspended, and its use of the account paused, alone.
    """

    async def work(connection: Connection) -> bool:
        from shared.platform.clock import WallClock
        from shared.tenants.lending.lending import lend as lend_now

        return await lend_now(
            connection,
            owner,
            account,
            to,
            id_=id_ or account,
            sender=sender,
            kakao_channel=kakao_channel,
            weight=weight,
            now=WallClock().now(),
        )

    changed = with_ledger(database_url, work, tenant=to)
    if as_json:
        print_json({"tenant": to, "account": id_ or account, "lent_by": owner, "changed": changed})
    else:
        say(f"{to} sends by {account} of {owner}{'' if changed else ', as before'}")


@app.command(
    epilog=examples(
        "allim accounts unlend main --owner platform --to cafe",
        "allim accounts unlend main --owner platform --to cafe --json",
    )
)
def unlend(account: Account, owner: Owner, to: To, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Let a tenant send no more by another one's account. What it sent by it is followed to its end."""

    async def work(connection: Connection) -> list[str]:
        from shared.tenants.lending.lending import take_back

        return await take_back(connection, owner, account, to)

    ids = with_ledger(database_url, work, tenant=to)
    if as_json:
        print_json({"tenant": to, "accounts": ids, "lent_by": owner})
    else:
        say(f"{to} sends no more by {account} of {owner}")


def _done(tenant: str, account: str, what: str, meaning: str, as_json: bool) -> None:
    if as_json:
        print_json({"tenant": tenant, "account": account, "state": what})
    else:
        say(f"{account} of {tenant} is {what}: {meaning}")


def _secrets(provider: str, credentials: str | None) -> dict[str, str]:
    """What opens an account, as it is given or asked for. Raises CommandError."""
    from shared.providers import CREDENTIALS

    if provider not in CREDENTIALS:
        known = ", ".join(CREDENTIALS)
        raise CommandError(
            f"unknown_provider: nothing can be sent by {provider!r}; known: {known} (지원하지 않는 발송사)"
        )
    opens = CREDENTIALS[provider]
    if not opens.names:
        return {}
    if credentials is None:
        given = {name: typer.prompt(name, hide_input=True) for name in opens.needed}
        may_lack = {name: f"{name} (none: {', '.join(sorted(of))} by another)" for name, of in opens.services.items()}
        may_lack[WEBHOOK_SECRET] = f"{WEBHOOK_SECRET} (none: the provider is asked)"
        asked = {name: typer.prompt(text, hide_input=True, default="") for name, text in may_lack.items()}
        given |= {name: secret for name, secret in asked.items() if secret}
    else:
        given = _read(credentials)
        if given.get("type") == SERVICE_ACCOUNT:
            given = {name: value for name, value in given.items() if name in opens.names}
    if opens.missing(given):
        raise CommandError(f"missing_credential: an account at {provider} needs {opens} (필수 값 누락)")
    if unknown := sorted(given.keys() - {*opens.names, WEBHOOK_SECRET}):
        raise CommandError(f"unknown_credential: an account at {provider} has no {', '.join(unknown)} (알 수 없는 값)")
    return given


def _read(credentials: str) -> dict[str, str]:
    """A JSON object of texts. What it holds is in no error. Raises CommandError."""
    import sys

    import orjson

    try:
        text = sys.stdin.read() if credentials == "-" else Path(credentials).read_text(encoding="utf-8")
        given = orjson.loads(text)
    except OSError as error:
        raise CommandError(
            f"no_file: {credentials} can't be read: {error.strerror} (파일을 읽을 수 없습니다.)"
        ) from None
    except ValueError:
        given = None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise CommandError(
            'bad_credentials: they are a JSON object of texts, such as {"app_key": "…", "secret_key": "…"} '
            "(JSON 객체가 아닙니다.)"
        )
    return given


def _encryption_key() -> str:
    stack = running_stack_if_any()
    key = stack.encryption_key if stack else os.environ.get("ALLIM_ENCRYPTION_KEY")
    if not key:
        raise CommandError(
            "no_stack: nothing is up here; run `allim up`, or set ALLIM_ENCRYPTION_KEY for a stack in the cloud"
        )
    return key


def _webhook_url() -> str:
    stack = running_stack_if_any()
    return (stack and stack.webhook_url) or "<provider_webhook_address>"
