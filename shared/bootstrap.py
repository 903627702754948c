"""The one place where parts are put together. Each function asks for the one thing that it calls.

What is imported here is imported by every function at its cold start, so each part is imported where it is made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from shared.platform.clock import WallClock
from shared.platform.logs import configure_logs
from shared.platform.settings import settings

if TYPE_CHECKING:
    from shared.credits.payments.payments import Payments
    from shared.credits.plans.subscribing import Plans
    from shared.credits.topups.automatic import AutomaticTopUps
    from shared.messages.dispatch.sending import Sender
    from shared.messages.reports.reporting import Reports
    from shared.messages.reports.webhooks import Webhooks
    from shared.operations.backups.backups import Backups
    from shared.operations.reconcile.reconciling import Reconciliation
    from shared.operations.watch.watch import Watch
    from shared.platform.database import Database
    from shared.platform.pubsub import PubSubPublisher
    from shared.workflows.events.intake import EventIntake
    from shared.workflows.ticks.ticking import Ticker

clock = WallClock()


@cache
def database() -> Database:
    """The process's pool, for the role that its environment names."""
    from shared.platform.database import Database

    configure_logs()
    return Database(settings().database_url, pool_size=settings().database_pool_size)


@cache
def publisher() -> PubSubPublisher:
    from shared.platform.pubsub import PubSubPublisher

    return PubSubPublisher(settings().google_cloud_project, emulator_host=settings().pubsub_emulator_host)


@cache
def event_intake() -> EventIntake:
    from shared.workflows.events.intake import EventIntake

    return EventIntake(database(), publisher(), clock)


@cache
def reports() -> Reports:
    from shared.messages.reports.reporting import Reports

    return Reports(database(), publisher(), clock)


@cache
def sender() -> Sender:
    from shared.messages.dispatch.dispatching import Dispatcher
    from shared.messages.dispatch.sending import Sender
    from shared.providers import providers
    from shared.tenants.accounts import account_cache

    wires = providers(settings(), clock)
    accounts = account_cache(settings().encryption_key)
    return Sender(database(), wires, accounts, Dispatcher(database(), wires, clock), reports(), clock)


@cache
def ticker() -> Ticker:
    from shared.credits.ledger.low_balances import watch_low_balances
    from shared.messages.dispatch.dispatching import Dispatcher
    from shared.messages.dispatch.sweeping import Sweeper
    from shared.providers import providers
    from shared.tenants.accounts import account_cache
    from shared.workflows.ticks.ticking import Ticker

    wires = providers(settings(), clock)
    accounts = account_cache(settings().encryption_key)
    dispatcher = Dispatcher(database(), wires, clock)
    sweeper = Sweeper(database(), publisher(), wires, accounts, dispatcher, reports(), clock)
    sweeps: list[Callable[[], Awaitable[object]]] = [sweeper.sweep, partial(watch_low_balances, database(), clock)]
    if settings().toss_secret_key is not None:
        sweeps += [payments().reconcile, automatic_topups().charge_due, plans().renew_due]
    return Ticker(database(), publisher(), clock, sweeps)


@cache
def payments() -> Payments:
    from shared.credits.payments.payments import Payments
    from shared.providers import toss_payments

    return Payments(database(), toss_payments(settings()), clock)


@cache
def automatic_topups() -> AutomaticTopUps:
    from shared.credits.topups.automatic import AutomaticTopUps
    from shared.providers import toss_payments

    wire, key = toss_payments(settings()), settings().encryption_key
    return AutomaticTopUps(database(), wire, payments(), key, clock)


@cache
def plans() -> Plans:
    from shared.credits.plans.subscribing import Plans
    from shared.providers import toss_payments

    wire, key = toss_payments(settings()), settings().encryption_key
    return Plans(database(), wire, payments(), key, clock)


@cache
def webhooks() -> Webhooks:
    from shared.messages.reports.webhooks import Webhooks
    from shared.providers import providers

    return Webhooks(database(), publisher(), providers(settings(), clock), settings().encryption_key, clock)


@cache
def watch() -> Watch:
    from shared.operations.watch.watch import Watch
    from shared.providers.slack import Slack

    url = settings().slack_webhook_url
    return Watch(database(), Slack(url.get_secret_value()) if url else None, settings().runbook_url, clock)


@cache
def backups() -> Backups:
    from shared.operations.backups.backups import Backups
    from shared.platform.buckets import Bucket

    bucket = settings().backup_bucket
    if bucket is None:
        raise ValueError("BACKUP_BUCKET is not set")
    return Backups(database(), Bucket(bucket, settings().google_cloud_project), clock)


@cache
def reconciliation() -> Reconciliation:
    from shared.operations.reconcile.reconciling import Reconciliation

    return Reconciliation(database(), clock)
