"""The one place where parts are put together: a function for each, which makes it once for a process's `Parts`.

What is imported here is imported by every function at its cold start, so each part is imported where it is made. What
is not asked for is not even packed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from shared.platform.clock import Clock, WallClock
from shared.platform.logs import configure_logs
from shared.platform.settings import Settings

if TYPE_CHECKING:
    from shared.credits.payments.payments import Payments
    from shared.credits.plans.subscribing import Plans
    from shared.credits.topups.automatic import AutomaticTopUps
    from shared.messages.dispatch.dispatching import Dispatcher
    from shared.messages.dispatch.sending import Sender
    from shared.messages.dispatch.sweeping import Sweeper
    from shared.messages.reports.reporting import Reports
    from shared.messages.reports.webhooks import Webhooks
    from shared.operations.backups.backups import Backups
    from shared.operations.reconcile.reconciling import Reconciliation
    from shared.operations.watch.watch import Watch
    from shared.platform.crypto import Keys
    from shared.platform.database import Database
    from shared.platform.database.pulse import Pulse
    from shared.platform.database.revisions import RevisionCache
    from shared.platform.pubsub import Publisher
    from shared.platform.signals.dead_letters import DeadLetters
    from shared.providers import Provider
    from shared.providers.toss import Toss
    from shared.tenants.accounts import Accounts
    from shared.workflows.events.intake import EventIntake
    from shared.workflows.ticks.ticking import Ticker


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
    from shared.providers import providers

    return providers(parts.settings, parts.clock)


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

    return Dispatcher(database(parts), providers(parts), parts.clock)


@cache
def sender(parts: Parts) -> Sender:
    from shared.messages.dispatch.sending import Sender

    return Sender(database(parts), providers(parts), accounts(parts), dispatcher(parts), reports(parts), parts.clock)


@cache
def sweeper(parts: Parts) -> Sweeper:
    from shared.messages.dispatch.sweeping import Sweeper

    return Sweeper(
        database(parts),
        publisher(parts),
        providers(parts),
        accounts(parts),
        dispatcher(parts),
        reports(parts),
        parts.clock,
    )


@cache
def ticker(parts: Parts) -> Ticker:
    from shared.credits.ledger.low_balances import watch_low_balances
    from shared.workflows.ticks.ticking import Ticker

    sweeps: list[Callable[[], Awaitable[object]]] = [
        sweeper(parts).republish,
        sweeper(parts).decide,
        sweeper(parts).check,
        sweeper(parts).end_alerts,
        partial(watch_low_balances, database(parts), parts.clock),
    ]
    if parts.settings.toss_secret_key is not None:
        sweeps += [payments(parts).reconcile, topups(parts).charge_due, plans(parts).renew_due]
    return Ticker(database(parts), publisher(parts), parts.clock, sweeps)


@cache
def webhooks(parts: Parts) -> Webhooks:
    from shared.messages.reports.webhooks import Webhooks

    return Webhooks(database(parts), publisher(parts), providers(parts), keys(parts), parts.clock)


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
    from shared.platform.buckets import Bucket

    bucket = parts.settings.backup_bucket
    if bucket is None:
        raise ValueError("BACKUP_BUCKET is not set")
    return Backups(database(parts), Bucket(bucket, parts.settings.google_cloud_project), parts.clock)


@cache
def reconciliation(parts: Parts) -> Reconciliation:
    from shared.operations.reconcile.reconciling import Reconciliation

    return Reconciliation(database(parts), parts.clock)
