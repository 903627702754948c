"""A function's settings: environment variables, read once into a typed model."""

from __future__ import annotations

import base64
import binascii
import os
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from shared.platform.errors import AllimError

KEY_BYTES = 32


ENCRYPTION_KEY, BACKUP_KEY = "ALLIM_ENCRYPTION_KEY", "ALLIM_BACKUP_KEY"


def read_keys(text: str, variable: str = ENCRYPTION_KEY) -> tuple[bytes, ...]:
    """The keys that a variable holds: 32 bytes in base64 each, between commas. The first seals or signs, all open.

    Raises:
        AllimError: `bad_key`; which one it is, and never what it is.
    """
    keys = []
    for number, written in enumerate(text.split(","), start=1):
        try:
            key = base64.b64decode(written.strip(), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            detail = f"key {number} of {variable} is not {KEY_BYTES} bytes in base64"
            raise AllimError("bad_key", detail, field=variable)
        keys.append(key)
    if len(set(keys)) < len(keys):
        raise AllimError("bad_key", f"{variable} has the same key twice", field=variable)
    return tuple(keys)


class Settings(BaseModel):
    """What every function reads from its environment. The names are those of the environment, in lower case.

    database_url: the function's own role on Postgres.
    database_pool_size: connections at most; instances times this must fit the database.
    google_cloud_project: where the topics are.
    pubsub_emulator_host: set when topics are served by an emulator, as Google's own libraries understand it.
    allim_encryption_key: the keys of what providers gave, as `read_keys` takes them; only functions that open it have
        them.
    solapi_url: SOLAPI's address.
    toss_url: Toss Payments' address.
    toss_secret_key: the merchant's key at Toss Payments; only functions that take payments have it.
    slack_webhook_url: where alerts are told; without it, or with `none`, they are in the log only.
    runbook_url: the address or folder of the runbook's pages, which alerts name.
    backup_bucket: where backups go; only the function that takes them has it.
    allim_backup_key: the keys that sign backups, as `read_keys` takes them; only the function that takes them has them.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    database_url: str
    database_pool_size: Annotated[int, Field(ge=1, le=50)] = 4
    google_cloud_project: str
    pubsub_emulator_host: str | None = None
    allim_encryption_key: Annotated[tuple[bytes, ...], BeforeValidator(read_keys)] | None = Field(None, repr=False)
    solapi_url: str = "https://api.solapi.com"
    toss_url: str = "https://api.tosspayments.com"
    toss_secret_key: SecretStr | None = None
    slack_webhook_url: Annotated[
        SecretStr | None, BeforeValidator(lambda url: None if url in ("", "none") else url)
    ] = None
    runbook_url: str = "infra/terraform/modules/observability/runbook"
    backup_bucket: str | None = None
    allim_backup_key: Annotated[tuple[bytes, ...], BeforeValidator(lambda text: read_keys(text, BACKUP_KEY))] | None = (
        Field(None, repr=False)
    )

    @property
    def encryption_keys(self) -> tuple[bytes, ...]:
        """The keys, by a function that can't do without. Raises ValueError when they are not set."""
        if self.allim_encryption_key is None:
            raise ValueError("ALLIM_ENCRYPTION_KEY is not set")
        return self.allim_encryption_key

    @classmethod
    def from_environment(cls) -> Settings:
        return cls.model_validate({name.lower(): value for name, value in os.environ.items()})
