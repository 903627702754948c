"""The simulator as tests use it: on a clock that they set, with its control API at hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.providers import ProviderAccount
from simulator.app import Settings
from simulator.testing import simulator_thread
from simulator.webhooks import WebhookPolicy
from tests.clock import SettableClock
from tests.tls import NO_TLS

SENDER = "0212345678"
KAKAO_CHANNEL = "KA01PF00000000000000000000000001"
PLUS_FRIEND = "@academy"
SENDER_KEY = "f" * 40
TEMPLATE_CODE = "KA01TP00000000000000000000000001"
TEMPLATE_TEXT = "#{이름}님, 수업이 곧 시작됩니다."
SENDER_KEY = "0123456789abcdef0123456789abcdef01234567"
"""Of a KakaoTalk channel at NHN Cloud, with its template."""

NHN_TEMPLATE = "lesson-soon"
WEBHOOK_SECRET = "webhook-secret"
MAIL_SENDER = "꿈나무 어린이집 <no-reply@nursery.example>"

PRIVATE_KEY = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption_algorithm=serialization.NoEncryption()
    )
    .decode()
)
"""Of every service account: to make one takes long."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Simulator:
    """A running simulator: its address, and what its control API can do."""

    url: str
    control: httpx.Client = field(repr=False)

    def add_account(self, tenant: str = "academy", *, webhook_url: str | None = None) -> ProviderAccount:
        """A new account with one approved template, as the adapter takes it."""
        number = next(_numbers)
        account = ProviderAccount(
            tenant=tenant,
            id="main",
            provider="solapi",
            sender=SENDER,
            kakao_channel=KAKAO_CHANNEL,
            secrets={
                "api_key": f"NCSTEST{number:09d}",
                "api_secret": f"secret-of-account-{number}",
                "webhook_secret": WEBHOOK_SECRET,
            },
        )
        self._put(
            "/control/accounts",
            {
                "apiKey": account.secrets["api_key"],
                "apiSecret": account.secrets["api_secret"],
                "webhookSecret": WEBHOOK_SECRET,
                "webhookUrl": webhook_url,
                "senders": [SENDER],
                "pfIds": [KAKAO_CHANNEL],
                "templates": [{"templateId": TEMPLATE_CODE, "pfId": KAKAO_CHANNEL, "content": TEMPLATE_TEXT}],
            },
        )
        return account

    def add_app(self, tenant: str = "academy", *, webhook_url: str | None = None, **settings: Any) -> ProviderAccount:
        """A new account at NHN Cloud, as its adapter takes it. `settings`: as `PUT /control/accounts` takes them."""
        number = next(_numbers)
        secrets = {"app_key": f"app{number:09d}", "secret_key": f"secret-{number}", "webhook_secret": WEBHOOK_SECRET}
        self._put(
            "/control/accounts",
            {
                "provider": "nhn",
                "appKey": secrets["app_key"],
                "secretKey": secrets["secret_key"],
                "webhookSecret": WEBHOOK_SECRET,
                "webhookUrl": webhook_url,
                "senders": [SENDER],
                **settings,
            },
        )
        return ProviderAccount(tenant, "main", "nhn", SENDER, None, secrets)

    def add_kakao_app(
        self, tenant: str = "academy", *, webhook_url: str | None = None, **settings: Any
    ) -> ProviderAccount:
        """A new account at NHN Cloud's KakaoTalk service, with one approved template, as its adapter takes it."""
        number = next(_numbers)
        secrets = {"app_key": f"kakao{number:09d}", "secret_key": f"secret-{number}", "webhook_secret": WEBHOOK_SECRET}
        template = {"templateCode": NHN_TEMPLATE, "senderKey": SENDER_KEY, "content": TEMPLATE_TEXT}
        self._put(
            "/control/accounts",
            {
                "provider": "nhn_kakao",
                "appKey": secrets["app_key"],
                "secretKey": secrets["secret_key"],
                "webhookSecret": WEBHOOK_SECRET,
                "webhookUrl": webhook_url,
                "senderKeys": [SENDER_KEY],
                "templates": [template],
                **settings,
            },
        )
        return ProviderAccount(tenant, "main", "nhn_kakao", SENDER, SENDER_KEY, secrets)

    def add_service(
        self,
        tenant: str = "academy",
        *,
        services: Sequence[str] = ("service_id", "kakao_service_id"),
        templates: Mapping[str, str] = {TEMPLATE_CODE: TEMPLATE_TEXT},
    ) -> ProviderAccount:
        """A new account at Naver Cloud's SENS, as its adapter takes it. `templates`: texts of AlimTalk, by code."""
        number = next(_numbers)
        ids = {"service_id": f"ncp:sms:kr:{number:09d}:sens", "kakao_service_id": f"ncp:kkobizmsg:kr:{number:09d}:sens"}
        secrets = {
            **{name: ids[name] for name in services},
            "access_key": f"access-{number}",
            "secret_key": f"secret-{number}",
        }
        self._put(
            "/control/accounts",
            {
                "provider": "sens",
                "serviceId": secrets.get("service_id"),
                "kakaoServiceId": secrets.get("kakao_service_id"),
                "accessKey": secrets["access_key"],
                "secretKey": secrets["secret_key"],
                "senders": [SENDER],
                "channels": [PLUS_FRIEND],
                "templates": [{"templateCode": code, "content": text} for code, text in templates.items()],
            },
        )
        return ProviderAccount(tenant, "main", "sens", SENDER, PLUS_FRIEND, secrets)

    def add_project(self, tenant: str = "academy") -> ProviderAccount:
        """A new Firebase project, as FCM's adapter takes it."""
        number = next(_numbers)
        secrets = {
            "project_id": f"app-{number}",
            "client_email": f"firebase-adminsdk@app-{number}.iam.gserviceaccount.com",
            "private_key": PRIVATE_KEY,
        }
        self._put(
            "/control/accounts",
            {
                "provider": "fcm",
                "projectId": secrets["project_id"],
                "clientEmail": secrets["client_email"],
                "privateKey": secrets["private_key"],
            },
        )
        return ProviderAccount(tenant, "push", "fcm", "", None, secrets)

    def add_mail_user(self, tenant: str = "academy", *, senders: Sequence[str] = ()) -> ProviderAccount:
        """Somebody new who may send by the mail server, as its adapter takes an account."""
        number = next(_numbers)
        name, password = f"user-{number}", f"secret/{number}"
        self._put(
            "/control/accounts",
            {"provider": "smtp", "username": name, "password": password, "senders": list(senders)},
        )
        health: dict[str, Any] = self.control.get("/control/health").raise_for_status().json()
        url = f"smtp://{name}:{quote(password, safe='')}@127.0.0.1:{health['smtpPort']}"
        return ProviderAccount(tenant, "main", "smtp", MAIL_SENDER, None, {"url": url})

    def add_kakao_owner(self, tenant: str = "academy", **settings: Any) -> ProviderAccount:
        """Somebody new who lets an app send to them. `settings`: as `PUT /control/accounts` takes them."""
        number = next(_numbers)
        secrets = {"rest_api_key": f"app-{number}", "refresh_token": f"refresh-{number}"}
        named = {"restApiKey": secrets["rest_api_key"], "refreshToken": secrets["refresh_token"]}
        self._put("/control/accounts", {"provider": "kakao_me", **named, **settings})
        return ProviderAccount(tenant, "main", "kakao_me", "", None, secrets)

    def add_customer(
        self, tenant: str = "academy", *, templates: Mapping[str, str] = {TEMPLATE_CODE: TEMPLATE_TEXT}, **settings: Any
    ) -> ProviderAccount:
        """A new account at Aligo, as its adapter takes it. `settings`: as `PUT /control/accounts` takes them."""
        number = next(_numbers)
        secrets = {"api_key": f"key-{number}", "user_id": f"user{number}"}
        self._put(
            "/control/accounts",
            {
                "provider": "aligo",
                "apiKey": secrets["api_key"],
                "userId": secrets["user_id"],
                "senders": [SENDER],
                "senderKeys": [SENDER_KEY],
                "templates": [{"tplCode": code, "content": text} for code, text in templates.items()],
                **settings,
            },
        )
        return ProviderAccount(tenant, "main", "aligo", SENDER, SENDER_KEY, secrets)

    def set_balance(self, account: ProviderAccount, won: int) -> None:
        """Change what an account has at SOLAPI, in won."""
        self.change_account(account, balance=won)

    def change_account(self, account: ProviderAccount, **settings: Any) -> None:
        """Change an account at SOLAPI. `settings`: as `PUT /control/accounts` takes them."""
        named = {"apiKey": account.secrets["api_key"], "apiSecret": account.secrets["api_secret"]}
        self._put("/control/accounts", {**named, **settings})

    def judge(self, account: ProviderAccount, code: str, status: str, **more: str) -> None:
        """What the inspection of a template comes to. `more`: `comment`, and `content` where somebody changes it."""
        verdict = {"apiKey": account.secrets["api_key"], "templateId": code, "status": status}
        self._put("/control/templates", {**verdict, **more})

    def set_faults(self, **plan: Any) -> None:
        """Replace what goes wrong; nothing given ends all faults. Final statuses come at once unless told otherwise."""
        self._put("/control/faults", {"report_delay_ms": 0, **plan})

    def report(self, status_code: str, **which: str) -> None:
        """Let the carrier say something of one message (`messageId`), or of all on their way to a number (`to`)."""
        self.control.post("/control/reports", json={"statusCode": status_code, **which}).raise_for_status()

    def set_faults_of(self, provider: str, **plan: Any) -> None:
        """Replace what goes wrong with one provider."""
        self._put("/control/faults", {"provider": provider, "report_delay_ms": 0, **plan})

    def accepted(self) -> list[dict[str, Any]]:
        """What it really took charge of, in order."""
        answer: dict[str, Any] = self.control.get("/control/accepted").raise_for_status().json()
        found: list[dict[str, Any]] = answer["accepted"]
        return found

    def forget_accepted(self) -> None:
        self.control.delete("/control/accepted").raise_for_status()

    def reports(self) -> dict[str, int]:
        """What became of reports so far: `waiting` to be brought to a webhook, `taken` by it, and so on."""
        counts: dict[str, int] = self.control.get("/control/summary").raise_for_status().json()["reports"]
        return counts

    def _put(self, path: str, body: dict[str, Any]) -> None:
        self.control.put(path, json=body).raise_for_status()


def device(end: str = "") -> str:
    """A device's token. `end`: how it ends, which chooses what becomes of its messages."""
    return f"app{next(_numbers):09d}:{'A' * 120}{end}"


@contextmanager
def simulated(clock: SettableClock) -> Iterator[Simulator]:
    """Run a simulator on a clock for as long as the block lasts. Its reports come without delay."""
    settings = Settings(webhooks=WebhookPolicy(flush_after=0, first_backoff=0.01))
    with (
        simulator_thread(settings, lambda: clock.now().timestamp()) as url,
        httpx.Client(base_url=url, timeout=10, verify=NO_TLS) as control,
    ):
        simulator = Simulator(url, control)
        simulator.set_faults()
        yield simulator
