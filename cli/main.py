"""The `allim` command: one module for each verb, imported here by name only, so that `allim --help` stays quick."""

import shutil
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.accounts import providers
from cli.accounts.accounts import app as accounts_verbs
from cli.accounts.senders import app as senders_verbs
from cli.credits.credits import app as credits_verbs
from cli.credits.invoices import app as invoices_verbs
from cli.credits.plans import app as plans_verbs
from cli.errors import explain
from cli.messaging import events, messages, publish, send, show
from cli.messaging.customers import app as customers_verbs
from cli.messaging.inbox import app as inbox_verbs
from cli.messaging.publishers import app as publishers_verbs
from cli.operations import health, package, restore
from cli.operations.alerts import app as alerts_verbs
from cli.operations.dead_letters import app as dead_letters_verbs
from cli.operations.keys import app as keys_verbs
from cli.operations.retention import app as retention_verbs
from cli.operations.tenants import app as tenants_verbs
from cli.operations.ticks import app as ticks_verbs
from cli.operations.workflows import app as workflows_verbs
from cli.output import flowing, folded, with_wide
from cli.stack import demo, down, migrate, status, up
from cli.templates.app import app as templates_verbs


class _Verbs(TyperGroup):
    """Shows an expected error on stderr and exits with 1; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            message = explain(error)
            if message is None:
                raise
            width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
            typer.secho(folded(f"error: {message}", width), fg=typer.colors.RED, err=True)
            raise typer.Exit(1) from error


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"allim {version('allim')}")
        raise typer.Exit


app = typer.Typer(
    name="allim",
    cls=_Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

app.command(epilog=up.EXAMPLES)(up.up)
app.command(epilog=down.EXAMPLES)(down.down)
app.command(epilog=status.EXAMPLES)(status.status)
app.command(epilog=health.EXAMPLES)(health.health)
app.command(epilog=demo.EXAMPLES)(demo.demo)
app.command(epilog=migrate.EXAMPLES)(migrate.migrate)
app.command(epilog=publish.EXAMPLES)(publish.publish)
app.command(epilog=send.EXAMPLES)(send.send)
app.command(epilog=events.EXAMPLES)(events.events)
app.command(epilog=messages.EXAMPLES)(messages.messages)
app.command(epilog=show.EXAMPLES)(show.show)
app.command(epilog=providers.EXAMPLES)(providers.providers)
app.command(epilog=package.EXAMPLES)(package.package)
app.command(epilog=restore.EXAMPLES)(restore.restore)
app.add_typer(credits_verbs, name="credits")
app.add_typer(tenants_verbs, name="tenants")
app.add_typer(accounts_verbs, name="accounts")
app.add_typer(senders_verbs, name="senders")
app.add_typer(alerts_verbs, name="alerts")
app.add_typer(workflows_verbs, name="workflows")
app.add_typer(templates_verbs, name="templates")
app.add_typer(customers_verbs, name="customers")
app.add_typer(inbox_verbs, name="inbox")
app.add_typer(publishers_verbs, name="publishers")
app.add_typer(dead_letters_verbs, name="dead-letters")
app.add_typer(keys_verbs, name="keys")
app.add_typer(ticks_verbs, name="ticks")
app.add_typer(plans_verbs, name="plans")
app.add_typer(retention_verbs, name="retention")
app.add_typer(invoices_verbs, name="invoices")

for verbs in (app, *(group.typer_instance for group in app.registered_groups if group.typer_instance)):
    for verb in verbs.registered_commands:
        if verb.callback is not None and verb.callback.__doc__:
            verb.help = flowing(verb.callback.__doc__)
        if verb.callback is not None and "as_json" in verb.callback.__annotations__:
            verb.callback = with_wide(verb.callback)


@app.callback()
def allim(
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Message automation for Korean businesses: from an event to a delivered message."""


if __name__ == "__main__":
    app()
