"""The mail server: SMTP with AUTH, on a port of its own beside the other providers' HTTP."""

import asyncio
import email
import email.policy
import re
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from simulator.accepted import AcceptedList
from simulator.clock import Clock
from simulator.faults import Faults
from simulator.smtp.model import REFUSALS, Mail, UserSpec

_LONGEST = 10_000_000


class Smtp:
    """Everybody's mail server. Must be used on the event loop of the simulator.

    Args:
        clock: the time.
        accepted: where what it takes is listed.
        faults: what goes wrong with it. A request is `SMTP MAIL` or `SMTP DATA`.
        port: where it listens; 0 for one that is free.
    """

    name = "smtp"
    spec = UserSpec

    def __init__(self, clock: Clock, accepted: AcceptedList, faults: Faults, port: int = 0) -> None:
        self._clock = clock
        self._accepted = accepted
        self._faults = faults
        self._port = port
        self._users: dict[str, UserSpec] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, "127.0.0.1", self._port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None, "it listens once it has started"  # noqa: S101
        return int(self._server.sockets[0].getsockname()[1])

    def register(self, spec: Any) -> dict[str, Any]:
        """Let somebody send, or change what is known of them. Gives it without its secret."""
        self._users[spec.username] = spec
        return self._view(spec)

    def views(self) -> list[dict[str, Any]]:
        """Everybody who may send, without secrets."""
        return [self._view(user) for user in self._users.values()]

    def report(self, code: str, message_id: str | None, to: str | None, *, own: bool) -> int | None:
        """Nothing is reported of mail."""
        return None

    def _view(self, user: UserSpec) -> dict[str, Any]:
        return {"provider": self.name, "username": user.username, "senders": sorted(user.senders)}

    def _session(self) -> SMTP:
        return SMTP(
            self,
            hostname="mail.simulator",
            data_size_limit=_LONGEST,
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=self._authenticated,
        )

    def _authenticated(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        user = self._users.get(data.login.decode())
        return AuthResult(success=user is not None and user.password == data.password.decode(), auth_data=user)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """A message begins."""
        plan = self._faults.plan
        if plan.latency_ms:
            await asyncio.sleep(plan.latency_ms / 1000)
        if self._faults.drops_before("SMTP MAIL"):
            return _dropped(server)
        if plan.outage or self._faults.is_too_many("SMTP MAIL"):
            return "421 4.7.0 Try again later"
        if self._faults.errs():
            return "451 4.3.0 Local error in processing"
        if session.auth_data is None:
            return "530 5.7.0 Authentication required"
        user = session.auth_data
        if user.senders and address not in user.senders:
            return "553 5.7.1 Sender address rejected: not owned by user"
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Whom it is for."""
        kind = re.split(r"[+\d@]", address, maxsplit=1)[0].rstrip("-.")
        if kind in REFUSALS:
            return REFUSALS[kind]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """The whole of it."""
        if self._faults.drops_before("SMTP DATA"):
            return _dropped(server)
        content = envelope.content or b""
        whole = email.message_from_bytes(
            content if isinstance(content, bytes) else content.encode(), policy=email.policy.default
        )
        assert isinstance(whole, EmailMessage), "so the policy says"  # noqa: S101
        at = self._clock()
        self._accepted.add(Mail(str(envelope.mail_from), to, whole, at) for to in envelope.rcpt_tos)
        if self._faults.drops_after("SMTP DATA"):
            return _dropped(server)
        return "250 2.0.0 Ok: queued"


def _dropped(server: SMTP) -> str:
    if server.transport is not None:
        server.transport.abort()  # type: ignore[attr-defined]
    return "421 4.4.2 Connection dropped"
