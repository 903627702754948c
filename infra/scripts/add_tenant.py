"""Add a tenant from a folder like those in examples/: its provider account, templates, workflows and customers.

It needs DATABASE_URL, the owner's, and ALLIM_ENCRYPTION_KEY, which seals what opens the account. Again with a changed
folder, it changes what differs.
"""
# ruff: noqa: T201

import argparse
import asyncio
import base64
import datetime as dt
import os
from decimal import Decimal
from pathlib import Path

from local.example_files import read_example
from shared.credits import top_up
from shared.customers.store import save_customers, save_groups
from shared.messages.definition_store import save_templates, save_tenant
from shared.messages.registering import register_account
from shared.platform.database import Database
from shared.workflows.definition_store import save_workflows


async def add(folder: Path, credit: Decimal) -> None:
    """Write the tenant in one transaction. `credit`: won that it starts with, given once."""
    example = read_example(folder)
    tenant, now = example.tenant.id, dt.datetime.now(dt.UTC)
    database = Database(os.environ["DATABASE_URL"], pool_size=1)
    try:
        async with database.transaction() as connection:
            await save_tenant(connection, tenant, example.tenant.name)
            await register_account(connection, base64.b64decode(os.environ["ALLIM_ENCRYPTION_KEY"]), example.account)
            if credit:
                await top_up(connection, tenant, credit, key="first", reference="first credit", now=now)
            templates = {template.name: (template.content, template.approval) for template in example.templates}
            await save_templates(connection, tenant, templates)
            await save_workflows(connection, tenant, example.workflows)
            await save_customers(connection, tenant, example.customers, as_of=now)
            await save_groups(connection, tenant, example.groups)
    finally:
        await database.close()
    account = example.account
    print(f"added {tenant}; its webhook is <provider_webhook_address>/{account.provider}/{tenant}/{account.id}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder", type=Path, help="holds tenant.yaml, templates/, workflows/, customers.csv, groups.csv"
    )
    parser.add_argument("--credit", type=Decimal, default=Decimal(0), help="won to begin with")
    arguments = parser.parse_args()
    asyncio.run(add(arguments.folder, arguments.credit))
