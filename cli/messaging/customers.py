"""`allim customers`: whom a business serves, and what is known of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.joining import running_stack_if_any, with_database
from cli.messaging.devices import app as devices
from cli.output import AsJson, examples, print_json, print_table, say
from cli.showing import CUSTOMER, short_time, won

if TYPE_CHECKING:
    from shared.customers.knowing import Fact
    from shared.messages.stories.stories import MessageView
    from shared.platform.database import Database
    from shared.workflows.events.views import EventView

LATEST = 10
EVENTS_OF = dt.timedelta(days=30)

app = typer.Typer(help="Customers: what is known of them.", no_args_is_help=True, rich_markup_mode="rich")
app.add_typer(devices, name="devices")


@app.callback()
def customers() -> None:
    """Customers: what is known of them."""


@dataclass(frozen=True)
class _Shown:
    facts: Sequence[Fact]
    groups: Sequence[tuple[str, str]]
    events: Sequence[EventView]
    messages: Sequence[MessageView]


@app.command(
    epilog=examples(
        "allim customers show --tenant saas c-1          # what is known, since when, from where",
        "allim customers show --tenant saas c-1 --json",
    )
)
def show(
    customer: Annotated[str, typer.Argument(**CUSTOMER, help="The customer's id.")],
    tenant: Annotated[str, typer.Option(help="Whose customer.")],
    as_json: AsJson = False,
) -> None:
    """Show what is known of a customer: each word with when it was said and by what, groups, the latest events (of 30
    days) and messages. Phone numbers are masked.
    """
    stack = running_stack_if_any()

    async def work(database: Database) -> _Shown:
        from shared.customers.knowing import facts, known_customer
        from shared.messages.stories.stories import list_messages
        from shared.platform.clock import WallClock
        from shared.workflows.events.store import read_sayings
        from shared.workflows.events.views import list_events

        since = WallClock().now() - EVENTS_OF
        async with database.connection() as connection:
            messages = await list_messages(connection, tenant=tenant, customer=customer, limit=LATEST)
            events = await list_events(connection, since=since, tenant=tenant, customer=customer, limit=LATEST)
            known = await known_customer(connection, tenant, customer)
            sayings = await read_sayings(connection, tenant, customer, list(known.since.values()))
            return _Shown(facts(known, sayings), known.groups, events, messages)

    found = with_database(stack, "allim_operator", work, tenant=tenant)
    if as_json:
        print_json(
            {
                "tenant": tenant,
                "id": customer,
                "facts": [{**asdict(fact), "value": _masked(fact)} for fact in found.facts],
                "groups": [{"id": id_, "name": name} for id_, name in found.groups],
                "events": found.events,
                "messages": found.messages,
            }
        )
    else:
        _show(tenant, customer, found)


def _show(tenant: str, customer: str, found: _Shown) -> None:
    say(f"{customer} of {tenant}")
    rows: list[tuple[object, ...]] = [
        (one.name, _masked(one), short_time(one.since) if one.since else None, _origin(one)) for one in found.facts
    ]
    rows += [("group", f"{name} ({id_})", None, None) for id_, name in found.groups]
    print_table(["what", "value", "since (Seoul)", "from"], rows)
    if found.events:
        print_table(
            ["came (Seoul)", "type", "id", "what came of it"],
            [
                (short_time(event.received_at), event.type, event.id, f"{event.came_to}\n({event.came_to_ko})")
                for event in found.events
            ],
            title="\nThe latest events",
        )
    else:
        say(f"\nno events in the last {EVENTS_OF.days} days")
    if found.messages:
        print_table(
            ["due (Seoul)", "template", "channel", "status", "won"],
            [
                (short_time(one.due_at), one.template, one.channel, one.reason or one.status, won(one.price))
                for one in found.messages
            ],
            title="\nThe latest messages",
        )
    else:
        say("\nno messages yet")


def _origin(fact: Fact) -> str:
    told = {"event": f"event {fact.event}", "file": "the file customers.csv", "list": "a list, or an earlier file"}
    return told[fact.origin]


def _masked(fact: Fact) -> Any:
    from shared.platform.masking import mask_phone

    return mask_phone(str(fact.value)) if fact.name == "phone" else fact.value
