"""Give each function's database role a new password, and put the address that it connects with into its secret.

DATABASE_URL is the owner's, through Supabase's session pooler, as for `allim migrate`. Run it after `terraform apply`
and `allim migrate`, and again to change all passwords: then set `secret_versions` to what it prints, and apply.
"""
# ruff: noqa: S603, T201

import json
import os
import secrets
import subprocess
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from local.postgres import let_roles_log_in

TERRAFORM = Path(__file__).resolve().parents[1] / "terraform"
TRANSACTION_POOLER = 6543


def main() -> None:
    owner_url = os.environ["DATABASE_URL"]
    owner = conninfo_to_dict(owner_url)
    project = str(owner["user"]).removeprefix("postgres")  # Supabase's pooler knows roles as <role>.<project>
    roles: dict[str, str] = json.loads(_run("terraform", f"-chdir={TERRAFORM}", "output", "-json", "database_roles"))
    passwords = {role: secrets.token_urlsafe(32) for role in roles.values()}
    let_roles_log_in(owner_url, passwords)
    for secret, role in roles.items():
        place = f"{owner['host']}:{TRANSACTION_POOLER}/{owner['dbname']}"
        address = f"postgresql://{quote(role + project)}:{quote(passwords[role])}@{place}"
        version = _run(
            "gcloud", "secrets", "versions", "add", secret, "--data-file=-", "--format=value(name)", give=address
        )
        print(f"{secret}: version {version.strip().rpartition('/')[2]}")


def _run(*command: str, give: str | None = None) -> str:
    return subprocess.run(command, input=give, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main()
