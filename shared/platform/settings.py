"""A function's settings: environment variables, read once into a typed value.

Read by hand, for every function reads them and some need no model else: pydantic is a quarter of what those import.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from shared.platform.errors import AllimError

KEY_BYTES = 32
MAX_POOL_SIZE = 50


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


def _pool_size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_POOL_SIZE:
        raise AllimError(
            "bad_setting", f"DATABASE_POOL_SIZE is a number from 1 to {MAX_POOL_SIZE}", field="DATABASE_POOL_SIZE"
        )
    return int(text)


def _unless_none(url: str) -> str | None:
    return None if url in ("", "none") else url


_READERS: Mapping[str, Callable[[str], Any]] = {
    "allim_encryption_key": read_keys,
    "allim_backup_key": partial(read_keys, variable=BACKUP_KEY),
    "database_pool_size": _pool_size,
    "slack_webhook_url": _unless_none,
}
"""How those are read that are not taken as they are."""


@dataclass(frozen=True)
class Settings:
    """What every function reads from its environment. The names are those of the environment, in lower case.

    database_url: the function's own role on Postgres.
    database_pool_size: connections at most; instances times this must fit the database.
    google_cloud_project: where the topics are.
    pubsub_emulator_host: set when topics are served by an emulator, as Google's own libraries understand it.
    allim_encryption_key: the keys of what providers gave, as `read_keys` takes them; only functions that open it have
        them.
    solapi_url: SOLAPI's address.
    nhn_sms_url, nhn_kakao_url: those of NHN Cloud's SMS, and of its KakaoTalk messages.
    sens_url: the address of Naver Cloud's SENS.
    smtp_url: the mail server that stands for everybody's own, on one machine.
    kakao_url, kakao_login_url: those of KakaoTalk's API, and of its login.
    fcm_url: the address of Firebase Cloud Messaging.
    google_oauth_url: where Google gives access tokens for service accounts.
    firestore_database: the database where apps watch the inbox; without one no app does.
    firestore_emulator_host: set when that is served by an emulator, as Google's own libraries understand it.
    aligo_url, aligo_kakao_url: the addresses of Aligo's texts and of its AlimTalk.
    toss_url: Toss Payments' address.
    toss_secret_key: the merchant's key at Toss Payments; only functions that take payments have it.
    slack_webhook_url: where alerts are told; without it, or with `none`, they are in the log only.
    runbook_url: the address or folder of the runbook's pages, which alerts name.
    backup_bucket: where backups go; only the function that takes them has it.
    allim_backup_key: the keys that sign backups, as `read_keys` takes them; only the function that takes them has them.
    """

    database_url: str = field(repr=False)
    google_cloud_project: str
    database_pool_size: int = 4
    pubsub_emulator_host: str | None = None
    allim_encryption_key: tuple[bytes, ...] | None = field(default=None, repr=False)
    solapi_url: str = "https://api.solapi.com"
    nhn_sms_url: str = "https://sms.api.nhncloudservice.com"
    nhn_kakao_url: str = "https://kakaotalk-bizmessage.api.nhncloudservice.com"
    sens_url: str = "https://sens.apigw.ntruss.com"
    smtp_url: str | None = None
    kakao_url: str = "https://kapi.kakao.com"
    kakao_login_url: str = "https://kauth.kakao.com"
    fcm_url: str = "https://fcm.googleapis.com"
    google_oauth_url: str = "https://oauth2.googleapis.com"
    firestore_database: str | None = None
    firestore_emulator_host: str | None = None
    aligo_url: str = "https://apis.aligo.in"
    aligo_kakao_url: str = "https://kakaoapi.aligo.in"
    toss_url: str = "https://api.tosspayments.com"
    toss_secret_key: str | None = field(default=None, repr=False)
    slack_webhook_url: str | None = field(default=None, repr=False)
    runbook_url: str = "infra/terraform/modules/observability/runbook"
    backup_bucket: str | None = None
    allim_backup_key: tuple[bytes, ...] | None = field(default=None, repr=False)

    @property
    def encryption_keys(self) -> tuple[bytes, ...]:
        """The keys, by a function that can't do without. Raises ValueError when they are not set."""
        if self.allim_encryption_key is None:
            raise ValueError("ALLIM_ENCRYPTION_KEY is not set")
        return self.allim_encryption_key

    @classmethod
    def from_environment(cls) -> Settings:
        """Those of this process. Raises as `of` does."""
        return cls.of({name.lower(): value for name, value in os.environ.items()})

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Settings:
        """Settings as an environment has them, by their names in lower case; what else is given is nobody's.

        Raises:
            AllimError: `missing_setting`, `bad_setting` or `bad_key`; its `field` is the variable, and its value is
                never told.
        """
        for name in ("database_url", "google_cloud_project"):
            if name not in given:
                raise AllimError("missing_setting", f"{name.upper()} is not set", field=name.upper())
        known = {one.name for one in fields(cls)} & given.keys()
        return cls(**{name: _READERS.get(name, str)(given[name]) for name in known})
