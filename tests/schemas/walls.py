"""What the wall between tenants is meant to be: a row of every table, and what each role may do to it.

A new table fails `test_walls` until it stands here.
"""

from typing import Any
from uuid import UUID

from tests.clock import NOON

SAMPLES = {
    "tenants": ("id, name", "%(tenant)s, 'x'"),
    "provider_accounts": (
        "tenant, id, provider, sender, credentials, active",
        "%(tenant)s, %(id)s, 'solapi', '02', '', false",
    ),
    "webhook_secrets": ("tenant, account, provider", "%(tenant)s, %(id)s, 'solapi'"),
    "prices": ("tenant, channel, price", "%(tenant)s, %(id)s, 1"),
    "customers": ("tenant, id, as_of", "%(tenant)s, %(id)s, %(now)s"),
    "groups": ("tenant, id, name", "%(tenant)s, %(id)s, 'x'"),
    "group_members": ("tenant, group_id, customer", "%(tenant)s, %(id)s, %(id)s"),
    "templates": ("tenant, name, active_version", "%(tenant)s, %(id)s, 1"),
    "template_versions": ("tenant, name, version, content", "%(tenant)s, %(id)s, 1, '{}'"),
    "workflows": ("tenant, name, active_version", "%(tenant)s, %(id)s, 1"),
    "workflow_versions": ("tenant, name, version, definition", "%(tenant)s, %(id)s, 1, '{}'"),
    "events": ("tenant, source, id, type, time, data", "%(tenant)s, 's', %(id)s, 't', %(now)s, '{}'"),
    "runs": ("tenant, workflow, key, version", "%(tenant)s, 'w', %(id)s, 1"),
    "timers": ("tenant, workflow, key, step, due_at", "%(tenant)s, 'w', %(id)s, 0, %(now)s"),
    "messages": (
        "tenant, id, customer, template, template_version, route, deadlines, channel, status, due_at, expires_at,"
        " created_at, updated_at",
        "%(tenant)s, %(uuid)s, 'c', 't', 1, '{sms}', '{60}', 'sms', 'queued', %(now)s, %(now)s, %(now)s, %(now)s",
    ),
    "dispatches": (
        "tenant, id, provider, account, messages, lease_until, created_at, updated_at",
        "%(tenant)s, %(uuid)s, 'solapi', 'a', array[%(uuid)s], %(now)s, %(now)s, %(now)s",
    ),
    "reports": (
        "tenant, message, attempt, code, outcome, provider, received_at",
        "%(tenant)s, %(uuid)s, 0, '4000', 'delivered', 'solapi', %(now)s",
    ),
    "outbox": (
        "tenant, id, topic, body, publish_at, created_at",
        "%(tenant)s, %(uuid)s, 'send-requests', jsonb_build_object('tenant', %(tenant)s::text), %(now)s, %(now)s",
    ),
    "dead_letters": ("tenant, source, reason, detail, body", "%(tenant)s, 's', 'r', 'd', ''"),
    "credit_accounts": ("tenant", "%(tenant)s"),
    "ledger_entries": (
        "tenant, id, kind, balance_change, key, created_at",
        "%(tenant)s, %(uuid)s, 'topup', 1, %(id)s, %(now)s",
    ),
    "alerts": ("tenant, kind, detail, raised_at", "%(tenant)s, %(id)s, 'd', %(now)s"),
    "payment_orders": (
        "tenant, id, amount, purpose, created_at, updated_at",
        "%(tenant)s, %(tenant)s || '-order' || %(id)s, 1, 'topup', %(now)s, %(now)s",
    ),
    "payment_cancels": (
        "tenant, id, order_id, amount, reason, created_at, updated_at",
        "%(tenant)s, %(uuid)s, %(tenant)s || '-order' || %(id)s, 1, 'r', %(now)s, %(now)s",
    ),
    "payment_look_ups": ("tenant, order_id, look_at", "%(tenant)s, %(tenant)s || '-order' || %(id)s, %(now)s"),
    "billing_keys": ("tenant, customer_key, billing_key, created_at", "%(tenant)s, 'c', '', %(now)s"),
    "automatic_topups": ("tenant, threshold, amount, daily_cap", "%(tenant)s, 1, 1, 1"),
    "tenant_plans": ("tenant, anchor", "%(tenant)s, %(day)s"),
    "plan_orders": (
        "tenant, order_id, kind, plan, fee, anchor, period_start, period_end",
        "%(tenant)s, %(tenant)s || '-order' || %(id)s, 'renewal', 'PRO', 1, %(day)s, %(day)s, %(day)s::date + 30",
    ),
    "plan_history": (
        "tenant, id, reason, from_plan, to_plan, created_at",
        "%(tenant)s, %(uuid)s, 'renewed', 'PRO', 'PRO', %(now)s",
    ),
    "tenant_history": (
        "tenant, id, what, done_by, created_at",
        "%(tenant)s, %(uuid)s, 'suspended', 'x', %(now)s",
    ),
    "alert_notices": (
        "tenant, kind, firing, since, value, threshold, detail, owed",
        "%(tenant)s, %(id)s, true, %(now)s, '', '', '', true",
    ),
    "bulk_sends": ("tenant, key, template, begun_at", "%(tenant)s, %(id)s, 't', %(now)s"),
    "bulk_counts": ("tenant, queued", "%(tenant)s, 1"),
}
"""Columns and values of a row, table by table in an order that foreign keys allow."""

ONE_A_TENANT = {"credit_accounts", "tenant_plans", "bulk_counts"}
"""A tenant has one row of these at most."""

WITHOUT_TENANT = {
    "default_prices",
    "provider_prices",
    "payment_webhooks",
    "door_counts",
    "heartbeats",
    "account_buckets",
}

MEMBER_OF = {"allim_bulk_sender": "allim_sender"}
"""Roles that may just what another one may, by a pool of connections of their own."""

SAFE_PATH = ["search_path=pg_catalog, public, pg_temp"]
"""Of a function that others make run: they can put nothing where it looks before it finds what is meant."""

FUNCTIONS = """(
  select p.oid, p.prosecdef, p.prorettype, p.proconfig,
    format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as name
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and not exists (
      select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
    )
) f"""
"""SQL: the functions of any schema, but for those of Postgres and of its extensions."""


def sample(table: str, tenant: str, number: int) -> tuple[bytes, dict[str, Any]]:
    """The statement that inserts a tenant's row of that number, and its parameters."""
    columns, values = SAMPLES[table]
    already_there = " on conflict do nothing" if table in ONE_A_TENANT else ""
    statement = f"insert into {table} ({columns}) values ({values}){already_there}"  # noqa: S608 - texts from above
    names = {"tenant": tenant, "id": f"x{number}", "uuid": UUID(int=number)}
    return statement.encode(), {**names, "now": NOON, "day": NOON.date()}


READ, WRITE, KEEP = "select", "select insert update", "select insert"

HEALTH = {
    **dict.fromkeys(["heartbeats", "alerts", "outbox"], READ),
    "tenants": "select(id,suspended_at)",
    "provider_accounts": "select(tenant,id,provider,active)",
    "timers": "select(due_at)",
    "messages": "select(tenant,id,status,due_at)",
    "dispatches": "select(tenant,id,provider,account,state,check_at,created_at)",
    "dead_letters": "select(received_at,state)",
    "credit_accounts": "select(tenant,balance,held,low_balance)",
    "payment_orders": "select(status,created_at,updated_at)",
}
"""What is looked at to say whether all is well: no contents, no recipients, no credentials."""

PRIVILEGES: dict[str, dict[str, str]] = {
    "allim_events": {
        **dict.fromkeys(
            ["tenants", "workflows", "workflow_versions", "templates", "template_versions", "groups", "group_members"],
            READ,
        ),
        **dict.fromkeys(["customers", "runs", "events"], WRITE),
        "timers": WRITE + " delete",
        "messages": "insert select(tenant,id,run_revision,status,reason) update(updated_at)",
        "outbox": "insert",
        "dead_letters": "insert",
    },
    "allim_sender": {
        **dict.fromkeys(["tenants", "provider_accounts", "template_versions", "runs", "prices"], READ),
        "workflows": "select(tenant,name,active)",
        "messages": "select update",
        "dispatches": WRITE,
        "reports": KEEP,
        "outbox": KEEP + " delete update(held_until)",
        "account_buckets": WRITE,
        "dead_letters": "insert",
        "ledger_entries": KEEP,
        "credit_accounts": "select update(low_balance)",
        "alerts": WRITE,
    },
    "allim_bulk_sender": {},  # a member of allim_sender, see MEMBER_OF
    "allim_reports": {
        **dict.fromkeys(["tenants", "prices"], READ),
        "dispatches": "select update(state,check_at,updated_at)",
        "provider_accounts": "select(tenant,id,identity)",
        "messages": "select update",
        "reports": KEEP,
        "outbox": "insert",
        "dead_letters": "insert",
        "ledger_entries": KEEP,
        "credit_accounts": "select update(low_balance)",
        "alerts": WRITE,
        "heartbeats": WRITE,
    },
    "allim_ticker": {
        **dict.fromkeys(
            [
                "tenants",
                "workflows",
                "workflow_versions",
                "templates",
                "template_versions",
                "customers",
                "groups",
                "group_members",
                "runs",
                "provider_accounts",
                "prices",
            ],
            READ,
        ),
        "timers": "select update delete",
        **dict.fromkeys(["messages", "dispatches", "account_buckets"], WRITE),
        "outbox": WRITE + " delete",
        "reports": KEEP,
        "heartbeats": WRITE,
        "dead_letters": "insert",
        "ledger_entries": KEEP,
        "credit_accounts": "select update(low_balance)",
        **dict.fromkeys(
            ["alerts", "payment_orders", "payment_cancels", "billing_keys", "automatic_topups", "plan_orders"], WRITE
        ),
        "tenant_plans": "select update",
        "plan_history": KEEP,
        "payment_look_ups": WRITE + " delete",
    },
    "allim_webhook": {"webhook_secrets": READ, "door_counts": WRITE + " delete", "dead_letters": "insert"},
    "allim_payment_calls": {
        "payment_orders": "select(tenant,id,deposit_secret)",
        "payment_look_ups": "select insert update(telling,owed)",
    },
    "allim_sweeper": {
        **dict.fromkeys(["tenants", "provider_accounts", "prices", "runs", "billing_keys"], READ),
        **dict.fromkeys(["messages", "dispatches", "automatic_topups", "tenant_plans"], "select update"),
        **dict.fromkeys(["reports", "ledger_entries", "plan_history"], KEEP),
        **dict.fromkeys(
            ["outbox", "alerts", "payment_orders", "payment_cancels", "plan_orders", "heartbeats"],
            WRITE,
        ),
        "credit_accounts": "select update(low_balance)",
        "dead_letters": "insert",
    },
    "allim_dead_letters": {"dead_letters": "insert"},
    "allim_health": HEALTH,
    "allim_watch": {**HEALTH, "alert_notices": WRITE, "dead_letters": "insert select(received_at,state)"},
    "allim_payments": {
        **dict.fromkeys(
            ["alerts", "payment_orders", "payment_cancels", "billing_keys", "automatic_topups", "plan_orders"], WRITE
        ),
        "tenant_plans": "select update",
        "plan_history": KEEP,
        "payment_look_ups": WRITE + " delete",
        "payment_webhooks": KEEP,
        "outbox": "select(tenant,body)",
        "ledger_entries": KEEP,
        "credit_accounts": READ,
        "tenants": READ,
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
            ],
            READ,
        ),
        "provider_accounts": "select(tenant,id,provider,sender,kakao_channel,active,created_at)",
        "messages": "select update(status,reason,detail,updated_at) "
        "insert(tenant,id,customer,recipient,run_key,template,template_version,variables,route,deadlines,channel,"
        "status,reason,detail,due_at,expires_at,created_at,updated_at)",
        **dict.fromkeys(["customers", "groups", "group_members"], WRITE + " delete"),
        **dict.fromkeys(["templates", "workflows", "automatic_topups"], WRITE),
        "template_versions": KEEP + " update(approval)",
        "workflow_versions": KEEP,
        "outbox": KEEP,
        "bulk_sends": KEEP,
        "bulk_counts": KEEP + " update(queued)",
        "credit_accounts": "select update(wait_for_credit,low_balance)",
    },
    "allim_operator": dict.fromkeys(
        [
            "tenants",
            "prices",
            "default_prices",
            "provider_prices",
            "customers",
            "groups",
            "group_members",
            "templates",
            "template_versions",
            "workflows",
            "workflow_versions",
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
            "heartbeats",
            "bulk_sends",
            "bulk_counts",
            "payment_look_ups",
            "door_counts",
            "account_buckets",
        ],
        READ,
    ),
    "allim_replayer": {
        "dead_letters": "select update(state,replays,replayed_at,dropped_at,dropped_by,dropped_why)",
    },
    "allim_backup": dict.fromkeys([*SAMPLES, *WITHOUT_TENANT], READ),
    "allim_reconcile": {
        "messages": "select(tenant,id,price,hold,held,settlement)",
        "credit_accounts": READ,
        "ledger_entries": READ,
        "alerts": WRITE,
    },
}
"""By role and table: operations, and after them those on some columns only."""
