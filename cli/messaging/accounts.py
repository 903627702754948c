"""`allim accounts`: what tenants send by."""

from __future__ import annotations

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

app = typer.Typer(
    help="What tenants send by: accounts at providers, with their senders.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - its name

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
    from shared.tenants.overview_store import read_accounts

    async def work(connection: Connection) -> list[dict[str, object]]:
        return [asdict(account) for account in await read_accounts(connection, tenant)]

    found = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json(found)
    elif found:
        columns = ["tenant", "account", "provider", "sender", "sends", "since"]
        rows = [
            (
                account["tenant"],
                account["id"],
                account["provider"],
                account["sender"],
                "yes" if account["active"] else "no",
                clock_time(account["created_at"]),  # type: ignore[arg-type]
            )
            for account in found
        ]
        print_table(columns, rows)
    else:
        typer.echo("no accounts; `allim accounts add` and `allim tenants add` make one")


@app.command(
    epilog=examples(
        "allim accounts add saas --provider nhn --sender 0212345678   # asks for what opens it",
        "allim accounts add saas --provider nhn --sender 0212345678 --credentials nhn.json",
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
            help="solapi; nhn: NHN Cloud's SMS; sens: Naver Cloud's SMS; fcm: Firebase, for pushes; inapp: the inbox."
        ),
    ],
    sender: Annotated[
        str,
        typer.Option(
            help="A number that is registered there: digits only. fcm and inapp have none.", show_default=False
        ),
    ] = "",
    id_: Annotated[str, typer.Option("--id", help="The account's id. The same one again changes it.")] = "main",
    kakao_channel: Annotated[str | None, typer.Option(help="For AlimTalk.", show_default=False)] = None,
    credentials: Annotated[
        str | None,
        typer.Option(
            help="A file with a JSON object of what opens it, and its webhook_secret; - reads it from the input. "
            "(Default: asks for each.)",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Add an account at a provider, or change one. The tenant sends by it from now on.

    What it sent by before is followed to its end. solapi needs api_key and api_secret; nhn app_key and secret_key;
    sens service_id, access_key and secret_key; for fcm the file of a service account will do, as Firebase gives it;
    inapp needs nothing. With a webhook_secret the provider may call; without one it is asked.
    """
    from shared.law.senders import is_sender
    from shared.platform.clock import WallClock
    from shared.platform.crypto import Keys
    from shared.platform.settings import read_keys
    from shared.providers import WITHOUT_SENDER, ProviderAccount, webhook_proof
    from shared.tenants.accounts import register_account

    secrets = _secrets(provider, credentials)
    if not is_sender(sender) and (sender or provider not in WITHOUT_SENDER):
        told = "a sender is a Korean number, digits alone (발신번호는 숫자만 쓴 국내 번호입니다.)"
        raise CommandError(f"bad_sender: {told}")
    account = ProviderAccount(tenant, id_, provider, sender, kakao_channel, secrets)
    keys, now = Keys(read_keys(_encryption_key())), WallClock().now()

    async def work(connection: Connection) -> bool:
        await connection.execute("select from tenants where id = %s for no key update", [tenant])
        return await register_account(connection, keys, account, now=now)

    changed = with_ledger(database_url, work, tenant=tenant)
    is_called = webhook_proof(provider, secrets[WEBHOOK_SECRET]) if secrets.get(WEBHOOK_SECRET) else None
    webhook = f"{_webhook_url()}/{provider}/{tenant}/{id_}" if is_called else None
    if as_json:
        print_json({"tenant": tenant, "account": id_, "provider": provider, "changed": changed, "webhook": webhook})
        return
    say(f"{tenant} sends by {id_} at {provider}{'' if changed else ', as before'}")
    if webhook:
        say(f"its webhook is {webhook}")


def _secrets(provider: str, credentials: str | None) -> dict[str, str]:
    """What opens an account, as it is given or asked for. Raises CommandError."""
    from shared.providers import CREDENTIALS

    if provider not in CREDENTIALS:
        known = ", ".join(CREDENTIALS)
        raise CommandError(
            f"unknown_provider: nothing can be sent by {provider!r}; known: {known} (지원하지 않는 발송사)"
        )
    needed = CREDENTIALS[provider]
    if not needed:
        return {}
    if credentials is None:
        asked = {name: typer.prompt(name, hide_input=True) for name in needed}
        secret = typer.prompt(f"{WEBHOOK_SECRET} (none: the provider is asked)", hide_input=True, default="")
        return asked | ({WEBHOOK_SECRET: secret} if secret else {})
    given = _read(credentials)
    if given.get("type") == SERVICE_ACCOUNT:
        given = {name: value for name, value in given.items() if name in needed}
    if missing := [name for name in needed if not given.get(name)]:
        raise CommandError(f"missing_credential: an account at {provider} needs {', '.join(missing)} (필수 값 누락)")
    if unknown := sorted(given.keys() - {*needed, WEBHOOK_SECRET}):
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
