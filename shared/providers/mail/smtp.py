"""E-mail, by the SMTP server of whoever sends (RFC 5321; replies by RFC 3463).

A server that was asked to take a message and did not answer may have taken it, and nobody can be asked: so each message
goes by a call of its own, and one whose answer is lost is never sent again. Whatever went wrong before is sure.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP as WIRE_FORM
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.platform.clock import Clock
from shared.providers.base import (
    Accepted,
    OneCall,
    OutboundMessage,
    ProviderAccount,
    ProviderAmbiguous,
    ProviderBusy,
    ProviderUnavailable,
    ProviderUndecided,
    Said,
    Settlement,
    Submission,
    Submitted,
)
from shared.providers.mail.bounces import read_bounce

if TYPE_CHECKING:
    import aiosmtplib

CONNECT_SECONDS, CALL_SECONDS = 10.0, 60.0
"""To be let in, and for a whole message: shorter than a dispatch's lease."""

IDLE = dt.timedelta(seconds=20)
"""So long a connection is kept for the next message. Servers close theirs after minutes."""

MOST_KEPT = 8

PROOF_HEADER = "x-webhook-secret"

GONE = re.compile(r"5\.(1\.[0-9]+|2\.1)")
"""RFC 3463: what is wrong is the address (X.1), or the mailbox takes nothing any more (X.2.1)."""

_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})\b")


def webhook_proof(secret: str) -> str:
    """Whoever brings bounces sends the very text, in the header `X-Webhook-Secret`."""
    return secret


class Server(NamedTuple):
    """Where an account's mail goes, as its credential `url` says: `smtps://user:password@host:465`, or `smtp://…:587`,
    which is encrypted too (STARTTLS), unless the server is on this very machine."""

    host: str
    port: int
    tls: bool
    start_tls: bool
    user: str | None
    password: str | None


def server_of(account: ProviderAccount) -> Server:
    """Raises ProviderUnavailable `bad_url`, and does not tell the url, for it is secret."""
    try:
        parts = urlsplit(account.secret("url"))
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        detail = "url is not smtps://user:password@host:465 or smtp://user:password@host:587 (url 값을 확인하세요.)"
        raise ProviderUnavailable("bad_url", detail)
    tls = parts.scheme == "smtps"
    return Server(
        parts.hostname,
        port or (465 if tls else 587),
        tls,
        start_tls=not tls and parts.hostname not in ("127.0.0.1", "localhost"),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


class Smtp:
    """E-mail for every account; the account comes with each call.

    Args:
        clock: the time, which each message carries.
        instead: the server that stands for all of them, such as `smtp://127.0.0.1:2525`; None but on one machine.
    """

    name = "smtp"
    settlement: OneCall = Settlement.NONE
    look_up_after = dt.timedelta(minutes=2)
    channels = frozenset({"email"})

    def __init__(self, clock: Clock, instead: str | None = None) -> None:
        self._clock = clock
        self._instead = urlsplit(instead) if instead else None
        self._idle: dict[Server, list[tuple[dt.datetime, aiosmtplib.SMTP]]] = defaultdict(list)

    def calls(self, messages: Sequence[OutboundMessage]) -> list[list[OutboundMessage]]:
        """Each alone: an answer that is lost leaves one message in doubt, and no other."""
        return [[message] for message in messages]

    async def submit(self, account: ProviderAccount, submission: Submission) -> Submitted:
        """Hand one message to the account's server.

        Raises:
            ProviderUnavailable: the server could not take it now. ProviderBusy: it asks for a pause.
            ProviderUndecided: it was given the message, and did not answer.
        """
        import aiosmtplib

        [message] = submission.messages
        server, whole = self._server(account), self._written(account, message)
        given = False
        try:
            async with asyncio.timeout(CALL_SECONDS), self._connection(server) as client:
                await client.mail(parseaddr(account.sender)[1])
                await client.rcpt(_on_the_wire(message.to))
                given = True
                await client.data(whole)
        except aiosmtplib.SMTPResponseException as error:
            return _answered(submission, error)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            told = str(error) or type(error).__name__
            if given:
                raise ProviderUndecided("no_answer", told) from error
            raise ProviderUnavailable("unreachable", told) from error
        return Submitted(_id_of(account, message), [Accepted(message.message, _id_of(account, message))], [])

    async def find(self, account: ProviderAccount, submission: Submission) -> Submitted | None:
        """Nobody can be asked."""
        raise ProviderAmbiguous("nobody_to_ask", "a mail server does not tell what it has taken")

    async def batch_reports(self, account: ProviderAccount, batch: str) -> Sequence[Said]:
        """Nothing: what happens to mail is told by bounces, or not at all."""
        return []

    def proof_of(self, headers: Mapping[str, str]) -> str:
        return headers.get(PROOF_HEADER, "")

    def parse_webhook(self, body: bytes) -> list[ProviderReport]:
        """A bounce as mail servers return it (RFC 3464), which the account's server is told to forward. Raises
        ValueError for what is none."""
        bounce = read_bounce(body)
        return [
            ProviderReport(
                message=message,
                attempt=attempt,
                channel="email",
                provider_message_id=bounce.message_id,
                code=bounce.status,
                outcome=Outcome.FAILED,
                detail=bounce.diagnostic,
                lasting=GONE.fullmatch(bounce.status) is not None,
            )
            for message, attempt in bounce.ours
        ]

    def webhook_entries(self, call: object) -> list[object]:
        """None: a bounce is no JSON, and stands alone."""
        return []

    def _server(self, account: ProviderAccount) -> Server:
        server = server_of(account)
        if self._instead is None:
            return server
        return server._replace(
            host=str(self._instead.hostname), port=self._instead.port or 25, tls=False, start_tls=False
        )

    def _written(self, account: ProviderAccount, message: OutboundMessage) -> bytes:
        whole = EmailMessage(policy=WIRE_FORM)
        whole["From"] = account.sender
        whole["To"] = _on_the_wire(message.to)
        whole["Subject"] = " ".join((message.subject or "").splitlines())
        whole["Date"] = format_datetime(self._clock.now())
        whole["Message-ID"] = _id_of(account, message)
        whole["Auto-Submitted"] = "auto-generated"
        if message.unsubscribe:
            whole["List-Unsubscribe"] = f"<{message.unsubscribe}>"
            whole["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        whole.set_content(message.text, cte="base64")
        if message.html is not None:
            whole.add_alternative(message.html, subtype="html", cte="base64")
        return whole.as_bytes()

    @asynccontextmanager
    async def _connection(self, server: Server) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection that is let in, and kept for the next message unless something went wrong in the block.

        Raises:
            ProviderUnavailable: it is not reached, or lets nobody in. ProviderBusy: it asks for a pause.
        """
        import aiosmtplib

        client = await self._kept(server) or await _let_in(server)
        try:
            yield client
        except aiosmtplib.SMTPResponseException:
            # It answered, so it may be asked again, but for the message that it had begun to take.
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await client.rset(timeout=CONNECT_SECONDS)
                self._keep(server, client)
            raise
        except BaseException:
            client.close()
            raise
        else:
            self._keep(server, client)

    async def _kept(self, server: Server) -> aiosmtplib.SMTP | None:
        import aiosmtplib

        while self._idle[server]:
            since, client = self._idle[server].pop()
            if self._clock.now() - since <= IDLE:
                with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                    await client.noop(timeout=CONNECT_SECONDS)
                    return client
            client.close()
        return None

    def _keep(self, server: Server, client: aiosmtplib.SMTP) -> None:
        if len(self._idle[server]) < MOST_KEPT:
            self._idle[server].append((self._clock.now(), client))
        else:
            client.close()


async def _let_in(server: Server) -> aiosmtplib.SMTP:
    import aiosmtplib

    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.tls,
        start_tls=server.start_tls,
        username=server.user,
        password=server.password,
        timeout=CONNECT_SECONDS,
    )
    try:
        await client.connect()
    except aiosmtplib.SMTPResponseException as error:
        client.close()
        raise _not_now(error) from error
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        client.close()
        raise ProviderUnavailable("unreachable", str(error) or type(error).__name__) from error
    return client


def _not_now(error: aiosmtplib.SMTPResponseException) -> ProviderUnavailable:
    """What a server said that takes nothing of this account now. 421 asks for a pause (RFC 5321, 3.8)."""
    code, told = _code_of(error), error.message[:200]
    return ProviderBusy(code, told, None) if error.code == 421 else ProviderUnavailable(code, told)


def _answered(submission: Submission, error: aiosmtplib.SMTPResponseException) -> Submitted:
    """A message that was refused for good. Raises ProviderUnavailable where it may be tried again (4yz), and where the
    account itself is not let in."""
    import aiosmtplib

    if error.code < 500 or isinstance(error, aiosmtplib.SMTPSenderRefused | aiosmtplib.SMTPAuthenticationError):
        raise _not_now(error) from error
    [message] = submission.messages
    code = _code_of(error)
    refused = ProviderReport(
        message=message.message,
        attempt=message.attempt,
        channel=message.channel,
        provider_message_id="",
        code=code,
        outcome=Outcome.FAILED,
        detail=error.message[:200],
    )
    return Submitted("", [], [refused], gone=[message.to] if GONE.fullmatch(code) else [])


def _code_of(error: aiosmtplib.SMTPResponseException) -> str:
    """The enhanced status where there is one, such as 5.1.1, and else the reply's number."""
    enhanced = _ENHANCED.match(error.message)
    return enhanced[1] if enhanced else str(error.code)


def _id_of(account: ProviderAccount, message: OutboundMessage) -> str:
    """The Message-ID: who gets a message twice can tell, and a bounce says which one it was."""
    return f"<{message.message}.{message.attempt}@{parseaddr(account.sender)[1].rpartition('@')[2]}>"


def _on_the_wire(address: str) -> str:
    """An address in ASCII: a domain may have other letters, which are written as it is looked up (RFC 5891)."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"
