"""A row of every table of a tenant, for whoever tries what may be done to it."""

OURS = "ours"
"""The tenant of the samples."""

SAMPLES = {
    "tenants": ("id, name", "%(tenant)s, 'x'"),
    "provider_accounts": (
        "tenant, id, provider, sender, credentials, active",
        "%(tenant)s, %(id)s, 'solapi', '02', '', false",
    ),
    "sender_numbers": ("tenant, number, registered_at", "%(tenant)s, %(id)s, %(now)s"),
    "sender_days": ("tenant, number", "%(tenant)s, %(id)s"),
    "webhook_secrets": ("tenant, account, provider", "%(tenant)s, %(id)s, 'solapi'"),
    "prices": ("tenant, channel, price", "%(tenant)s, %(id)s, 1"),
    "customers": ("tenant, id, as_of", "%(tenant)s, %(id)s, %(now)s"),
    "inbox": (
        "tenant, message, attempt, customer, text, created_at",
        "%(tenant)s, %(uuid)s, 0, %(id)s, 'x', %(now)s",
    ),
    "inbox_documents": ("tenant, message, customer, due_at", "%(tenant)s, %(uuid)s, 'c', %(now)s"),
    "groups": ("tenant, id, name", "%(tenant)s, %(id)s, 'x'"),
    "group_members": ("tenant, group_id, customer", "%(tenant)s, %(id)s, %(id)s"),
    "templates": ("tenant, name, active_version", "%(tenant)s, %(id)s, 1"),
    "template_versions": ("tenant, name, version, content", "%(tenant)s, %(id)s, 1, '{}'"),
    "workflows": ("tenant, name, active_version", "%(tenant)s, %(id)s, 1"),
    "workflow_versions": ("tenant, name, version, definition", "%(tenant)s, %(id)s, 1, '{}'"),
    "events": ("tenant, source, id, type, time, data, month", "%(tenant)s, 's', %(id)s, 't', %(now)s, '{}', %(day)s"),
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
    "month_figures": ("tenant, proof", "%(tenant)s, '00000000-0000-0000-0000-000000000000'"),
    "ledger_keys": ("tenant, key, entry", "%(tenant)s, 'used/' || %(id)s, %(uuid)s"),
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
    "tenant_lives": ("tenant, what, months", "%(tenant)s, 'events', 3"),
    "template_looks": ("tenant, account, look_at", "%(tenant)s, %(id)s, %(now)s"),
    "template_inspections": (
        "tenant, code, key, name, version, account, kind, detail, created_at",
        "%(tenant)s, %(id)s, 'k', %(id)s, 1, %(id)s, 'comment', 'd', %(now)s",
    ),
    "customer_devices": ("tenant, token, customer, added_at", "%(tenant)s, %(id)s, %(id)s, %(now)s"),
    "template_pictures": (
        "tenant, name, content, created_at",
        "%(tenant)s, md5(%(id)s) || md5(%(id)s) || '.jpg', '', %(now)s",
    ),
}
"""Columns and values of a row, table by table in an order that foreign keys allow."""

A_PROOF = """
insert into month_proofs (id, part, seen, gone, proved_at)
values ('00000000-0000-0000-0000-000000000000', 'p', '{}', true, 'epoch')
"""
"""A row that those of the samples belong to."""

ONE_A_TENANT = {"credit_accounts", "month_figures", "tenant_plans", "bulk_counts", "tenant_lives"}
"""A tenant has one row of these at most."""
