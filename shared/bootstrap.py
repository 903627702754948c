"""The one place where parts are put together: a function for each, which makes it once for a process's `Parts`.

What is imported here is imported by every function at its cold start, so each part is imported where it is made. What
is not asked for is not even packed.
"""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from shared.platform.clock import Clock, WallClock
from shared.platform.logs import configure_logs
from shared.platform.settings import Settings

if TYPE_CHECKING:
    from shared.credits.payments.calls.looking import LookUps
    from shared.credits.payments.calls.webhooks import PaymentCalls
    from shared.credits.payments.payments import Payments
    from shared.credits.plans.subscribing import Plans
    from shared.credits.topups.automatic import AutomaticTopUps
    from shared.inbox.firestore import Firestore
    from shared.inbox.projecting import Marks
    from shared.messages.dispatch.dispatching import Dispatcher
    from shared.messages.dispatch.sending import Sender
    from shared.messages.dispatch.sweeping import Sweeper
    from shared.messages.reports.polling import Poller
    from shared.messages.reports.reporting import Reports
    from shared.messages.reports.webhooks import Webhooks
    from shared.operations.backups.backups import Backups
    from shared.operations.inspections.looking import Inspections
    from shared.operations.reconcile.invoicing import Invoices
    from shared.operations.reconcile.reconciling import Reconciliation
    from shared.operations.retention.retaining import Retention
    from shared.operations.watch.watch import Watch
    from shared.platform.crypto import Keys
    from shared.platform.database import Database
    from shared.platform.database.pulse import Pulse
    from shared.platform.database.revisions import RevisionCache
    from shared.platform.loops.rounds import Rounds
    from shared.platform.pubsub import Publisher
    from shared.platform.signals.dead_letters import DeadLetters
    from shared.providers import Provider
    from shared.providers.toss import Toss
    from shared.tenants.accounts import Accounts
    from shared.workflows.events.intake import EventIntake
    from shared.workflows.ticks.ticking import Ticker


PACE, SLOW_PACE = dt.timedelta(seconds=2), dt.timedelta(minutes=1)
"""From the end of a loop's pass to its next one; slow where nobody waits for it."""

SLOW = ("alerts", "inspections", "unconsumed")
"""The loops of that slow pace."""

POLLS = dt.timedelta(seconds=10)
"""Of asking who may be asked only each minute."""

LONGEST_PASS = dt.timedelta(seconds=60)
"""Of a loop. A sweep takes for 20 seconds, and what it took is given 30."""

NEW_OBJECTS = 100_000
"""After so many Python's collector of cycles looks at the new ones: those of a thousand requests, some megabytes."""


def collect_rarely() -> None:
    """From now on, what is there already is not looked at for cycles again, and the rest by the ten thousands.

    By itself the collector looks after every 700 objects, and at everything each time a quarter more is there. While
    hundreds of requests are under way, all of theirs is looked at again and again: a third of the CPU of
    `on_subscription_event` under load.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 50, 50)


@dataclass(frozen=True, eq=False)
class Parts:
    """What all parts of a process have in common.

    settings: of the process.
    clock: the time.
    bus: where messages are published; Pub/Sub unless given.
    """

    settings: Settings
    clock: Clock
    bus: Publisher | None = None

    @classmethod
    def of_this_process(cls) -> Parts:
        """Those of a function: by its environment, on the wall clock, with its logs as the cloud reads them."""
        configure_logs()
        collect_rarely()
        return cls(Settings.from_environment(), WallClock())


@cache
def database(parts: Parts) -> Database:
    """A pool for the role that the settings name."""
    from shared.platform.database import Database

    return Database(parts.settings.database_url, pool_size=parts.settings.database_pool_size)


@cache
def pulse(parts: Parts) -> Pulse:
    from shared.platform.database.pulse import Pulse

    return Pulse(database(parts), parts.clock)


@cache
def publisher(parts: Parts) -> Publisher:
    from shared.platform.pubsub import PubSubPublisher

    project, emulator_host = parts.settings.google_cloud_project, parts.settings.pubsub_emulator_host
    return parts.bus or PubSubPublisher(project, emulator_host=emulator_host)


@cache
def dead_letters(parts: Parts) -> DeadLetters:
    from shared.platform.signals.dead_letters import DeadLetters

    return DeadLetters(database(parts), parts.clock)


@cache
def providers(parts: Parts) -> Mapping[str, Provider]:
    from shared.inbox.keeping import Shelf
    from shared.providers import providers
    from shared.providers.inapp import InApp

    inapp = InApp(Shelf(database(parts), parts.clock))
    return {**providers(parts.settings, parts.clock), inapp.name: inapp}


@cache
def keys(parts: Parts) -> Keys:
    from shared.platform.crypto import Keys

    return Keys(parts.settings.encryption_keys)


@cache
def accounts(parts: Parts) -> RevisionCache[Accounts]:
    from shared.tenants.accounts import account_cache

    return account_cache(keys(parts))


@cache
def intake(parts: Parts) -> EventIntake:
    from shared.workflows.events.intake import EventIntake

    return EventIntake(database(parts), publisher(parts), parts.clock)


@cache
def reports(parts: Parts) -> Reports:
    from shared.messages.reports.reporting import Reports

    return Reports(database(parts), publisher(parts), parts.clock)


@cache
def dispatcher(parts: Parts) -> Dispatcher:
    from shared.messages.dispatch.dispatching import Dispatcher

    return Dispatcher(database(parts), parts.clock)


@cache
def sender(parts: Parts) -> Sender:
    from shared.messages.dispatch.sending import Sender

    return Sender(database(parts), providers(parts), accounts(parts), dispatcher(parts), reports(parts), parts.clock)


@cache
def bulk_sender(parts: Parts) -> Sender:
    """The one to which crowds' tickets come."""
    from shared.messages.dispatch.fairness.turns import Turns
    from shared.messages.dispatch.sending import Sender

    turns = Turns(database(parts), parts.clock)
    return Sender(
        database(parts), providers(parts), accounts(parts), dispatcher(parts), reports(parts), parts.clock, turns
    )


@cache
def sweeper(parts: Parts) -> Sweeper:
    from shared.messages.dispatch.sweeping import Sweeper

    return Sweeper(database(parts), providers(parts), accounts(parts), dispatcher(parts), reports(parts), parts.clock)


@cache
def poller(parts: Parts) -> Poller:
    from shared.messages.reports.polling import Poller

    return Poller(database(parts), providers(parts), accounts(parts), reports(parts), parts.clock)


@cache
def inspections(parts: Parts) -> Inspections:
    from shared.operations.inspections.looking import Inspections
    from shared.providers.templated import templated_providers

    known = templated_providers(parts.settings, parts.clock)
    return Inspections(database(parts), known, accounts(parts), parts.clock)


def _looks(parts: Parts) -> Callable[[], Awaitable[None]]:
    """What compares templates is imported when there is time for it, and not before the first message is swept."""

    async def look() -> None:
        await inspections(parts).look()

    return look


@cache
def firestore(parts: Parts) -> Firestore | None:
    """Where apps watch the inbox, if any do."""
    if parts.settings.firestore_database is None:
        return None
    from shared.inbox.firestore import Firestore

    project, name = parts.settings.google_cloud_project, parts.settings.firestore_database
    emulator = parts.settings.firestore_emulator_host
    if emulator is not None:
        return Firestore(f"http://{emulator}", project, name, parts.clock, metadata=None)
    return Firestore("https://firestore.googleapis.com", project, name, parts.clock)


@cache
def marks(parts: Parts) -> Marks:
    from shared.inbox.projecting import Marks

    return Marks(database(parts), firestore(parts), reports(parts), parts.clock)


@cache
def ticker(parts: Parts) -> Ticker:
    from shared.messages.dispatch.reissuing import reissue
    from shared.platform.loops.rounds import Loop, Rounds
    from shared.workflows.ticks.ticking import Ticker

    tickets = Loop(
        "tickets", partial(reissue, database(parts), publisher(parts), parts.clock), every=PACE, within=LONGEST_PASS
    )
    return Ticker(database(parts), publisher(parts), parts.clock, Rounds([tickets], parts.clock))


@cache
def sweeps(parts: Parts) -> Rounds:
    """All that waits for somebody outside, or is a backlog: each a loop of its own."""
    from shared.credits.ledger.low_balances import watch_low_balances
    from shared.inbox.projecting import Projection
    from shared.messages.dispatch.unconsumed import Unconsumed
    from shared.platform.loops.rounds import Loop, Rounds
    from shared.platform.signals.heartbeats import leave_trace

    loops: dict[str, Callable[[], Awaitable[object]]] = {
        "decide": sweeper(parts).decide,
        "deadlines": sweeper(parts).deadlines,
        "check": sweeper(parts).check,
        "polls": poller(parts).poll,
        "inbox": Projection(database(parts), firestore(parts), parts.clock).project,
        "unconsumed": Unconsumed(database(parts), parts.clock).end_some,
        "alerts": sweeper(parts).end_alerts,
        "inspections": _looks(parts),
        "balances": partial(watch_low_balances, database(parts), parts.clock),
    }
    if parts.settings.firestore_database is not None:
        loops["read"] = marks(parts).collect
    if parts.settings.toss_secret_key is not None:
        loops |= {
            "payments": payments(parts).reconcile,
            "look_ups": look_ups(parts).run,
            "topups": topups(parts).charge_due,
            "plans": plans(parts).renew_due,
        }
    return Rounds(
        [
            Loop(
                name,
                once,
                every=SLOW_PACE if name in SLOW else POLLS if name in ("polls", "read") else PACE,
                within=LONGEST_PASS,
            )
            for name, once in loops.items()
        ],
        parts.clock,
        all_well=partial(leave_trace, database(parts), "sweeps", parts.clock),
    )


@cache
def webhooks(parts: Parts) -> Webhooks:
    from shared.messages.reports.webhooks import Webhooks
    from shared.operations.inspections.hastening import Hastening

    look_soon = Hastening(database(parts), parts.clock).look_soon
    return Webhooks(database(parts), publisher(parts), providers(parts), look_soon, parts.clock)


@cache
def toss(parts: Parts) -> Toss:
    from shared.providers import toss_payments

    return toss_payments(parts.settings)


@cache
def payments(parts: Parts) -> Payments:
    from shared.credits.payments.payments import Payments
    from shared.credits.plans.outcomes import PlanPurpose
    from shared.credits.topups.outcomes import AutomaticTopUpPurpose

    return Payments(database(parts), toss(parts), parts.clock, [AutomaticTopUpPurpose(), PlanPurpose()])


@cache
def look_ups(parts: Parts) -> LookUps:
    from shared.credits.payments.calls.looking import LookUps

    return LookUps(database(parts), toss(parts), payments(parts), parts.clock)


@cache
def payment_calls(parts: Parts) -> PaymentCalls:
    from shared.credits.payments.calls.webhooks import PaymentCalls

    return PaymentCalls(database(parts), parts.clock)


@cache
def topups(parts: Parts) -> AutomaticTopUps:
    from shared.credits.topups.automatic import AutomaticTopUps

    return AutomaticTopUps(database(parts), toss(parts), payments(parts), keys(parts), parts.clock)


@cache
def plans(parts: Parts) -> Plans:
    from shared.credits.plans.subscribing import Plans

    return Plans(database(parts), toss(parts), payments(parts), keys(parts), parts.clock)


@cache
def watch(parts: Parts) -> Watch:
    from shared.operations.watch.watch import Watch
    from shared.providers.slack import Slack

    url = parts.settings.slack_webhook_url
    slack = Slack(url) if url else None
    return Watch(database(parts), slack, parts.settings.runbook_url, parts.clock)


@cache
def backups(parts: Parts) -> Backups:
    from shared.operations.backups.backups import Backups
    from shared.operations.backups.signing import SigningKeys
    from shared.platform.buckets import Bucket

    bucket, key = parts.settings.backup_bucket, parts.settings.allim_backup_key
    if bucket is None or key is None:
        raise ValueError("BACKUP_BUCKET and ALLIM_BACKUP_KEY must be set")
    store = Bucket(bucket, parts.settings.google_cloud_project)
    connections = parts.settings.database_pool_size
    return Backups(database(parts), store, SigningKeys(key), parts.clock, connections=connections)


@cache
def reconciliation(parts: Parts) -> Reconciliation:
    from shared.operations.reconcile.reconciling import Reconciliation

    return Reconciliation(database(parts), parts.clock)


@cache
def invoices(parts: Parts) -> Invoices:
    from shared.operations.reconcile.invoicing import Invoices

    return Invoices(database(parts), partial(providers, parts), partial(keys, parts), parts.clock)


@cache
def retaining(parts: Parts) -> Retention:
    from shared.operations.retention.retaining import Retention

    return Retention(database(parts), parts.clock, copied=parts.settings.backup_bucket is not None)
