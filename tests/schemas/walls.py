"""What the wall between tenants is meant to be: a row of every table, and what each role may do to it.

A new table fails `test_walls` until it stands here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from tests.clock import NOON
from tests.databases import Migrated
from tests.schemas.samples import A_PROOF, ONE_A_TENANT, SAMPLES

OF_MONTHS = ("partitions", "month_proofs", "left_months", "month_copies", "walks")
PRICES_OF_ALL = ("default_prices", "provider_prices")
WITHOUT_TENANT = {
    "lineage",
    *OF_MONTHS,
    *PRICES_OF_ALL,
    "door_counts",
    "heartbeats",
    "account_buckets",
    "account_health",
    "account_polls",
    "invoice_days",
    "invoice_differences",
}

MEMBER_OF = {"allim_bulk_sender": "allim_sender"}
"""Roles that may what another one may, besides what `PRIVILEGES` says, by a pool of connections of their own."""


def sample(table: str, tenant: str, number: int) -> tuple[bytes, dict[str, Any]]:
    """The statement that inserts a tenant's row of that number, and its parameters."""
    columns, values = SAMPLES[table]
    already_there = " on conflict do nothing" if table in ONE_A_TENANT else ""
    statement = f"insert into {table} ({columns}) values ({values}){already_there}"  # noqa: S608 - texts from above
    names = {"tenant": tenant, "id": f"x{number}", "uuid": UUID(int=number)}
    return statement.encode(), {**names, "now": NOON, "day": NOON.date()}


def fill(database: Migrated, *tenants: str) -> None:
    """Put a row of each of some tenants into every table."""
    with psycopg.connect(database.url) as connection:
        connection.execute(A_PROOF)
        for tenant in tenants:
            for table in SAMPLES:
                connection.execute(*sample(table, tenant, 0))


@contextmanager
def as_role(database: Migrated, role: str, tenant: str | None = None) -> Iterator[Connection]:
    """A transaction of a role, confined to a tenant if one is given; what it does is undone."""
    with psycopg.connect(database.role_url(role)) as connection:
        if tenant is not None:
            connection.execute("select set_config('allim.tenant', %s, true)", [tenant])
        yield connection
        connection.rollback()


READ = "select"

_MADE = (
    "tenant,id,customer,recipient,workflow,workflow_version,run_key,run_revision,step,unless,event_source,event_id,"
    "template,template_version,variables,route,deadlines,channel,status,reason,detail,due_at,expires_at,may_double,"
    "created_at,updated_at"
)
WORDS_OF_PROVIDERS = "select(tenant,message,attempt,outcome,channel,lasting,received_at)"
_MOVED = "status,attempt,position,channel,dispatch,tries,provider_message_id,reason,detail,price,settlement,updated_at"
_TOLD = "name,phone,email,company,status,plan,locale,attributes,as_of,told_at,attributes_told_at,filed"

TICKETS = "insert(tenant,id,topic,body,publish_at,created_at)"
PUT_OFF = "insert(tenant,id,topic,body,publish_at,held_until,created_at)"
LETTERS = "insert(tenant,source,reason,detail,attributes,body,received_at,first_at)"
ALERTS = "select insert(tenant,kind,detail,raised_at)"
BEATS = "select insert update(at)"
LOCKS_CREDIT = "select update(low_balance)"
OPENS = "insert(tenant,id,provider,account,topic,messages,lease_until,created_at,updated_at)"
PACE = "select insert(identity,tokens,refilled_at,closed_until) update(tokens,refilled_at,closed_until,queues)"
CALLS_COUNTED = (
    "select insert(identity,minute,latencies,failures,in_a_row,error,error_at) update(minute,latencies,failures,"
    "latencies_before,failures_before,in_a_row,weight,moved_at,opens,opened_at,open_until,trial_until,error,error_at,"
    "version)"
)
DEFINED = ("templates", "template_versions", "workflows", "workflow_versions")
"""What several roles do in the same way, and to what."""

SENDERS = {"sender_numbers": READ, "sender_days": "select update(day,used)"}
"""Of who counts what leaves from a number."""

CALLS = {
    "payment_orders": "select(tenant,id,deposit_secret)",
    "payment_look_ups": "select insert(tenant,order_id,look_at) update(telling,owed)",
}
"""Of who is told that something became of a payment."""

HEALTH = {
    **dict.fromkeys(["heartbeats", "alerts", "outbox"], READ),
    "tenants": "select(id,suspended_at)",
    "provider_accounts": "select(tenant,id,provider,active,certificate_until,paused_at,lent_by,lent_account,identity,"
    "carries)",
    "account_health": READ,
    "timers": "select(due_at)",
    "messages": "select(tenant,id,status,due_at)",
    "dispatches": "select(tenant,id,provider,account,state,check_at,lease_until,created_at)",
    "dead_letters": "select(received_at,state)",
    "credit_accounts": "select(tenant,balance,held,low_balance)",
    "payment_orders": "select(status,created_at,updated_at)",
    "partitions": "select(since,until)",
}
"""What is looked at to say whether all is well: no contents, no recipients, no credentials."""

PRIVILEGES: dict[str, dict[str, str]] = {
    "allim_events": {
        **dict.fromkeys(
            ["tenants", "workflows", "workflow_versions", "templates", "template_versions", "groups", "group_members"],
            READ,
        ),
        "customers": f"select insert update({_TOLD},devices_told_at)",
        "customer_devices": "select insert(tenant,token,customer,added_at) update(customer,added_at) delete",
        "runs": "select insert update(version,customer,anchor_at,anchored_as_of,anchored_by,started_as_of,"
        "stopped_as_of,facts,data,event_source,event_id,revision,updated_at)",
        "events": "select insert(tenant,source,id,type,time,data,fingerprint,received_at,month,outcomes)"
        " update(outcomes)",
        "timers": "select insert update(due_at) delete",
        "messages": f"insert({_MADE}) select(tenant,id,customer,run_revision,status,reason) update(updated_at)",
        "outbox": TICKETS,
        "dead_letters": LETTERS,
        "prices": READ,
        "reports": WORDS_OF_PROVIDERS,
    },
    "allim_sender": {
        **dict.fromkeys(
            ["tenants", "provider_accounts", "template_versions", "template_pictures", "runs", "prices"], READ
        ),
        **SENDERS,
        "workflows": "select(tenant,name,active)",
        "customers": "select(tenant,id,email,email_bounced_at,email_unsubscribed_at) update(email_bounced_at)",
        "customer_devices": "select delete",
        "messages": f"select update({_MOVED},provider,hold,held)",
        "dispatches": f"select {OPENS} update(state,provider_batch_id,error,begun_at,lease_until,check_at,"
        "deadline_at,updated_at)",
        "reports": "insert",
        "outbox": f"select(tenant,id) delete {PUT_OFF}",
        "dead_letters": LETTERS,
        "ledger_entries": "insert",
        "credit_accounts": LOCKS_CREDIT,
        "alerts": ALERTS,
        "account_buckets": PACE,
        "account_health": CALLS_COUNTED,
        "inbox": "select(tenant,message,attempt) insert(tenant,message,attempt,customer,title,text,link,created_at)"
        " update(attempt)",
        "inbox_documents": "select(tenant,message) insert(tenant,message,customer,due_at)",
    },
    "allim_bulk_sender": {"outbox": "select update(held_until)"},
    "allim_reports": {
        "prices": READ,
        "dispatches": "select update(state,check_at,updated_at)",
        "provider_accounts": "select(tenant,id,identity)",
        "messages": f"select update({_MOVED})",
        "reports": "insert",
        "outbox": TICKETS,
        "dead_letters": LETTERS,
        "ledger_entries": "insert",
        "credit_accounts": LOCKS_CREDIT,
        "alerts": ALERTS,
        "heartbeats": BEATS,
    },
    "allim_ticker": {
        **dict.fromkeys(["tenants", *DEFINED, "customers", "groups", "group_members", "runs"], READ),
        "timers": "select update(due_at) delete",
        "messages": f"insert({_MADE}) select(tenant,id,customer,run_revision,status,reason) update(updated_at)",
        "prices": READ,
        "reports": WORDS_OF_PROVIDERS,
        "outbox": f"select {TICKETS} update(attempts,publish_at)",
        "heartbeats": BEATS,
        "dead_letters": LETTERS,
    },
    "allim_sweeper": {
        **dict.fromkeys(["provider_accounts", "templates", "template_pictures", "prices", "billing_keys"], READ),
        "template_versions": "select update(approval)",
        "template_looks": "select insert(tenant,account,look_at,tries) update(look_at,tries,codes)",
        "template_inspections": "select insert",
        **SENDERS,
        "tenants": "select(id,revision,suspended_at)",
        "workflows": "select(tenant,name,active)",
        "customers": "select(tenant,id,email,email_bounced_at,email_unsubscribed_at) update(email_bounced_at)",
        "customer_devices": "select delete",
        "runs": "select(tenant,workflow,key,revision,facts,started_as_of)",
        "messages": f"select update({_MOVED},provider,hold,held)",
        "dispatches": f"select {OPENS} update(state,provider_batch_id,checks,takes,error,lease_until,check_at,"
        "deadline_at,updated_at)",
        "reports": "insert",
        "outbox": f"select {PUT_OFF} delete",
        "dead_letters": LETTERS,
        "account_buckets": PACE,
        "account_health": CALLS_COUNTED,
        "account_polls": "select insert(identity,polled_until,poll_at) update(polled_until,poll_at)",
        "alerts": ALERTS + " update(resolved_at)",
        "ledger_entries": "select(tenant,id) insert",
        "credit_accounts": LOCKS_CREDIT,
        "payment_look_ups": "select update(owed,taken,tries,look_at) delete",
        "payment_orders": "select insert(tenant,id,amount,purpose,status,created_at,updated_at) update(status,"
        "payment_key,method,deposit_secret,cancelled,reversals,failure_code,failure_detail,updated_at,asks,ask_again_at)",
        "payment_cancels": "select insert(tenant,id,order_id,amount,reason,status,transaction_key,detail,created_at,"
        "updated_at) update(status,transaction_key,detail,updated_at,asks,ask_again_at)",
        "automatic_topups": "select update(failures,next_try_at,enabled,takes)",
        "tenant_plans": "select update(plan,fee,anchor,period_start,period_end,next_plan,status,past_due_since,tries,"
        "pending_order,granted,granted_until,next_try_at,takes)",
        "plan_orders": "select insert(tenant,order_id,kind,plan,fee,anchor,period_start,period_end) update(applied_at)",
        "plan_history": "insert",
        "heartbeats": BEATS,
        "inbox": "select update(read_at) delete",
        "inbox_documents": "select update(takes,due_at) delete",
    },
    "allim_webhook": {
        "webhook_secrets": READ,
        "dead_letters": LETTERS,
        "door_counts": "select insert update(number) delete",
        "template_looks": "select(tenant,account,look_at) update(look_at,tries)",
    },
    "allim_payment_calls": CALLS,
    "allim_payments": CALLS,  # with a login of which `payment_webhook` goes on until the passwords are changed
    "allim_dead_letters": {"dead_letters": LETTERS},
    "allim_health": HEALTH,
    "allim_watch": {
        **HEALTH,
        "alert_notices": "select insert update(firing,since,value,threshold,detail,owed,told,told_at,claim,"
        "claimed_until,retry_at)",
        "dead_letters": f"select(received_at,state) {LETTERS}",
    },
    "allim_api": {
        **dict.fromkeys(
            [
                "tenants",
                "prices",
                "events",
                "runs",
                "timers",
                "dispatches",
                "reports",
                "dead_letters",
                "ledger_entries",
                "alerts",
                "payment_orders",
                "payment_cancels",
                "tenant_plans",
                "plan_orders",
                "plan_history",
                *DEFINED,
                "template_inspections",
                "groups",
                "group_members",
                "automatic_topups",
                "credit_accounts",
            ],
            READ,
        ),
        "provider_accounts": "select(tenant,id,provider,sender,kakao_channel,active,created_at,place,carries,paused_at,"
        "certificate_until)",
        "sender_numbers": "select(tenant,number,verified_at)",
        "messages": "select insert(tenant,id,customer,recipient,run_key,template,template_version,variables,route,"
        "deadlines,channel,status,reason,detail,due_at,expires_at,created_at,updated_at)",
        "customers": f"select insert update({_TOLD})",
        "outbox": f"select {TICKETS}",
        "bulk_sends": "select insert",
        "bulk_counts": "select insert update(queued)",
    },
    "allim_operator": dict.fromkeys(
        [
            "tenants",
            "prices",
            "customers",
            "customer_devices",
            "groups",
            "group_members",
            *DEFINED,
            "events",
            "runs",
            "timers",
            "messages",
            "dispatches",
            "reports",
            "outbox",
            "dead_letters",
            "ledger_entries",
            "credit_accounts",
            "alerts",
            "payment_orders",
            "payment_cancels",
            "automatic_topups",
            "tenant_plans",
            "plan_orders",
            "plan_history",
            "tenant_history",
            "alert_notices",
            "bulk_sends",
            "bulk_counts",
            "payment_look_ups",
            "month_figures",
            "tenant_lives",
            "sender_numbers",
            "sender_days",
            "template_looks",
            "template_inspections",
            "inbox",
            "inbox_documents",
            *(WITHOUT_TENANT - {"lineage"}),
        ],
        READ,
    ),
    "allim_replayer": {"dead_letters": "select update(state,replays,replayed_at,dropped_at,dropped_by,dropped_why)"},
    "allim_backup": dict.fromkeys([*SAMPLES, *WITHOUT_TENANT], READ),
    "allim_reconcile": {
        "messages": "select(tenant,id,price,hold,held,settlement,dispatch,channel,status,route)",
        "dispatches": "select(tenant,id,provider,account,messages,state,created_at)",
        "reports": "select(tenant,message,attempt,channel,outcome,received_at)",
        "provider_accounts": "select(tenant,id,provider,sender,kakao_channel,credentials,identity,lent_by,lent_account,"
        "channels,carries,weight,certificate_number,certificate_until,active)",
        "provider_prices": READ,
        "invoice_days": "select(identity,day) insert delete",
        "invoice_differences": "insert",
        "credit_accounts": READ,
        "ledger_entries": READ,
        "partitions": READ,
        "month_proofs": "select insert(id,part,seen,proved_at) delete",
        "month_figures": "select insert",
        "alerts": ALERTS + " update(resolved_at)",
    },
    "allim_keeper": {},
}
"""By role and table: operations, and those on some columns only. A new role or table is a row."""

ENTERS: dict[str, set[str]] = {
    "allim_sender": {"hold", "release", "capture"},
    "allim_bulk_sender": {"hold", "release", "capture"},
    "allim_reports": {"capture", "release", "hold_expiry"},
    "allim_sweeper": {"capture", "release", "hold_expiry", "topup", "refund", "adjustment"},
}
"""By role, the kinds of entries that its work adds to the ledger."""

LOCKS_ONLY = {
    ("allim_ticker", "timers"),
    ("allim_events", "messages"),
    ("allim_ticker", "messages"),
    ("allim_sender", "credit_accounts"),
    ("allim_reports", "credit_accounts"),
    ("allim_sweeper", "credit_accounts"),
}
"""Roles that may update a column to lock a row of the table, and change none."""

OPENS_NONE = {("allim_sweeper", "dispatches")}
"""Roles that run a statement which may insert rows into the table, for other cases than theirs: they insert none."""

MAY_LOCK_BY_KEY = {"allim_events", "allim_api"}
"""Roles that make others wait by a key of their choice, for the length of a transaction."""

Privilege = tuple[str, str, frozenset[str]]
"""A table, an operation, and the columns that it is allowed on; none for all."""


def privileges(role: str) -> set[Privilege]:
    """What a role is meant to have."""
    found = set()
    for table, operations in PRIVILEGES[role].items():
        for operation in operations.split():
            name, _, columns = operation.rstrip(")").partition("(")
            found.add((table, name, frozenset(columns.split(",")) if columns else frozenset()))
    return found


def may(role: str, table: str, operation: str, column: str | None = None) -> bool:
    """Whether a role is meant to do that to a column of a table; None: to the table as a whole."""
    of_the_other_one = may(MEMBER_OF[role], table, operation, column) if role in MEMBER_OF else False
    return of_the_other_one or any(
        (named, allowed) == (table, operation) and (not columns or column in columns)
        for named, allowed, columns in privileges(role)
    )
