"""E-mail over SMTP: what is sure and what nobody can know, what is written, and what bounces say."""

from __future__ import annotations

import asyncio
import datetime as dt
import smtplib
from dataclasses import replace
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.outcomes import Outcome
from shared.providers import (
    OutboundMessage,
    ProviderAccount,
    ProviderAmbiguous,
    ProviderBusy,
    ProviderError,
    ProviderUnavailable,
    ProviderUndecided,
    Settlement,
    Submission,
    webhook_proof,
)
from shared.providers.mail.bounces import read_bounce
from shared.providers.mail.smtp import PROOF_HEADER, Smtp, server_of
from tests.clock import NOON, SettableClock
from tests.providers.simulated import MAIL_SENDER, Simulator

TO = "hong@customer.example"
TEXT = "홍길동님, 수업이 곧 시작됩니다."


def mail(to: str = TO, **parts: Any) -> OutboundMessage:
    return OutboundMessage(uuid4(), 0, "email", to, TEXT, subject="수업 안내", **parts)


@pytest.fixture
def user(simulator: Simulator) -> ProviderAccount:
    return simulator.add_mail_user()


@pytest.fixture
def smtp(clock: SettableClock) -> Smtp:
    return Smtp(clock)


async def send(smtp: Smtp, account: ProviderAccount, message: OutboundMessage) -> Any:
    return await smtp.submit(account, Submission(uuid4(), NOON, [message]))


async def test_a_message_arrives_as_it_was_written(simulator: Simulator, smtp: Smtp, user: ProviderAccount) -> None:
    message = mail(html="<p>수업이 곧 <b>시작</b>됩니다.</p>", unsubscribe="https://allim.example/u/1")
    taken = await send(smtp, user, message)
    [entry] = simulator.accepted()
    assert (entry["provider"], entry["type"], entry["to"], entry["text"]) == ("smtp", "EMAIL", TO, TEXT)
    assert (entry["from"], entry["subject"], entry["html"]) == ("no-reply@nursery.example", "수업 안내", message.html)
    assert [each.provider_message_id for each in taken.accepted] == [entry["messageId"]]
    headers = entry["headers"]
    assert headers["from"] == MAIL_SENDER
    assert headers["list-unsubscribe"] == "<https://allim.example/u/1>"
    assert headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"


async def test_without_an_address_to_refuse_by_there_is_no_such_header(
    simulator: Simulator, smtp: Smtp, user: ProviderAccount
) -> None:
    await send(smtp, user, mail())
    [entry] = simulator.accepted()
    assert not {"list-unsubscribe", "list-unsubscribe-post"} & entry["headers"].keys()
    assert entry["html"] is None


def test_each_message_goes_by_a_call_of_its_own(smtp: Smtp) -> None:
    messages = [mail(), mail()]
    assert smtp.calls(messages) == [[messages[0]], [messages[1]]]
    assert smtp.settlement is Settlement.NONE


REFUSED = {
    "no-such-user": ("5.1.1", True),
    "closed": ("5.2.1", True),
    "blocked": ("5.7.1", False),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_an_address_that_is_refused_is_told_and_one_that_is_gone_is_named(
    simulator: Simulator, smtp: Smtp, user: ProviderAccount, kind: str
) -> None:
    code, is_gone = REFUSED[kind]
    message = mail(f"{kind}@customer.example")
    taken = await send(smtp, user, message)
    [report] = taken.refused
    assert (report.message, report.code, report.outcome) == (message.message, code, Outcome.FAILED)
    assert list(taken.gone) == ([message.to] if is_gone else [])
    assert (list(taken.accepted), simulator.accepted()) == ([], [])
    await send(smtp, user, mail())
    assert len(simulator.accepted()) == 1, "the connection goes on"


async def test_a_full_mailbox_is_tried_again(smtp: Smtp, user: ProviderAccount) -> None:
    with pytest.raises(ProviderUnavailable, match="full") as caught:
        await send(smtp, user, mail("full@customer.example"))
    assert caught.value.code == "4.2.2"


SURELY_NOT: dict[str, tuple[dict[str, Any], type[ProviderError]]] = {
    "an outage": ({"outage": True}, ProviderBusy),
    "an error": ({"error_rate": 1}, ProviderUnavailable),
    "too many": ({"too_many": {"count": 1}}, ProviderBusy),
    "dropped before the message": ({"drop_before": {"count": 1, "on": "MAIL"}}, ProviderUnavailable),
}
NOBODY_KNOWS = {
    "dropped before it was taken": {"drop_before": {"count": 1, "on": "DATA"}},
    "dropped after it was taken": {"accept_then_drop": {"count": 1, "on": "DATA"}},
}


@pytest.mark.parametrize("fault", SURELY_NOT)
async def test_what_goes_wrong_before_the_message_was_given_is_sure(
    simulator: Simulator, smtp: Smtp, user: ProviderAccount, fault: str
) -> None:
    plan, error = SURELY_NOT[fault]
    simulator.set_faults_of("smtp", **plan)
    with pytest.raises(ProviderError) as caught:
        await send(smtp, user, mail())
    assert type(caught.value) is error
    assert simulator.accepted() == []
    simulator.set_faults_of("smtp")
    await send(smtp, user, mail())
    assert len(simulator.accepted()) == 1


@pytest.mark.parametrize("fault", NOBODY_KNOWS)
async def test_of_what_was_given_and_not_answered_nobody_knows(
    simulator: Simulator, smtp: Smtp, user: ProviderAccount, fault: str
) -> None:
    simulator.set_faults_of("smtp", **NOBODY_KNOWS[fault])
    message = mail()
    with pytest.raises(ProviderUndecided):
        await send(smtp, user, message)
    with pytest.raises(ProviderAmbiguous):
        await smtp.find(user, Submission(uuid4(), NOON, [message]))


async def test_who_is_not_let_in_waits(smtp: Smtp, user: ProviderAccount, simulator: Simulator) -> None:
    wrong = replace(user, secrets={"url": user.secrets["url"].replace("secret", "guessed")})
    with pytest.raises(ProviderUnavailable) as caught:
        await send(smtp, wrong, mail())
    assert "guessed" not in str(caught.value)
    others = simulator.add_mail_user(senders=["hello@nursery.example"])
    with pytest.raises(ProviderUnavailable, match="not owned"):
        await send(smtp, others, mail())


@pytest.mark.parametrize("url", ["", "https://mail.example", "smtp://", "smtp://mail.example:port", "smtps://[::1"])
async def test_a_url_that_can_not_be_is_told_without_it(smtp: Smtp, user: ProviderAccount, url: str) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        await send(smtp, replace(user, secrets={"url": url}), mail())
    assert caught.value.code == "bad_url"
    assert "mail.example" not in str(caught.value)


async def test_a_server_that_is_not_there_is_not_reached(smtp: Smtp, user: ProviderAccount) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        await send(smtp, replace(user, secrets={"url": "smtp://127.0.0.1:1"}), mail())
    assert caught.value.code == "unreachable"


def test_only_this_very_machine_is_spoken_to_in_the_clear(user: ProviderAccount) -> None:
    def server(url: str) -> tuple[int, bool, bool]:
        found = server_of(replace(user, secrets={"url": url}))
        return found.port, found.tls, found.start_tls

    assert server("smtp://mail.example") == (587, False, True)
    assert server("smtps://mail.example") == (465, True, False)
    assert server("smtp://127.0.0.1:2525") == (2525, False, False)


async def test_a_connection_that_the_server_has_closed_meanwhile_is_made_anew(
    simulator: Simulator, smtp: Smtp, user: ProviderAccount, clock: SettableClock
) -> None:
    await send(smtp, user, mail())
    [(_, kept)] = smtp._idle[server_of(user)]
    kept.close()
    await send(smtp, user, mail())
    clock.advance(24 * 3600)  # the others tell the hour by the same clock
    await send(smtp, user, mail())
    assert len(simulator.accepted()) == 3


async def test_many_at_once_each_arrive_once(simulator: Simulator, smtp: Smtp, user: ProviderAccount) -> None:
    messages = [mail(f"customer-{number}@customer.example") for number in range(30)]
    await asyncio.gather(*(send(smtp, user, message) for message in messages))
    assert sorted(entry["to"] for entry in simulator.accepted()) == sorted(message.to for message in messages)


@given(subject=st.text(max_size=60), text=st.text(max_size=200).filter(lambda text: "\r" not in text))
async def test_no_subject_and_no_text_adds_a_header(clock: SettableClock, subject: str, text: str) -> None:
    account = ProviderAccount("t", "main", "smtp", MAIL_SENDER, None, {"url": "smtp://127.0.0.1:1"})
    message = replace(mail(), subject=f"{subject}\r\nBcc: all@customer.example", text=text)
    written = Smtp(clock)._written(account, message)
    head = written.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    names = sorted(line.partition(b":")[0].lower() for line in head.split(b"\r\n"))
    assert names == sorted(
        [
            *(b"auto-submitted", b"content-transfer-encoding", b"content-type", b"date", b"from"),
            *(b"message-id", b"mime-version", b"subject", b"to"),
        ]
    )


async def test_a_korean_domain_is_written_as_it_is_looked_up(
    simulator: Simulator, smtp: Smtp, user: ProviderAccount
) -> None:
    await send(smtp, user, mail("hong@한국.example"))
    assert [entry["to"] for entry in simulator.accepted()] == ["hong@xn--3e0b707e.example"]


def bounce(message_id: str, *, action: str = "failed", status: str = "5.1.1", whole: bool = False) -> bytes:
    """What a mail server returns."""
    report = EmailMessage()
    report["From"], report["To"], report["Subject"] = "MAILER-DAEMON@mx.example", "bounces@nursery.example", "Failure"
    returned = f"Message-ID: {message_id}\nSubject: hello\n"
    kind = "message/rfc822" if whole else "text/rfc822-headers"
    parts = [
        "Content-Type: text/plain\n\nIt could not be delivered.\n",
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; {TO}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; 550 {status} no such user\n",
        f"Content-Type: {kind}\n\n{returned}\n",
    ]
    head = (
        report.as_string().rstrip() + '\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
    )
    return (head + "".join(f"--b\n{part}\n" for part in parts) + "--b--\n").encode()


@pytest.mark.parametrize("whole", [False, True], ids=["headers", "whole"])
def test_a_bounce_says_which_message_did_not_arrive_and_why(smtp: Smtp, whole: bool) -> None:
    message = UUID("0199f0a4-0000-7000-8000-000000000001")
    [report] = smtp.parse_webhook(bounce(f"<{message}.2@nursery.example>", whole=whole))
    assert (report.message, report.attempt, report.code) == (message, 2, "5.1.1")
    assert (report.channel, report.outcome, report.lasting) == ("email", Outcome.FAILED, True)
    assert report.detail == "smtp; 550 5.1.1 no such user"
    [full] = smtp.parse_webhook(bounce(f"<{message}.0@nursery.example>", status="5.2.2"))
    assert (full.code, full.lasting) == ("5.2.2", False)


@pytest.mark.parametrize("message_id", ["<hello@elsewhere.example>", "", "<0199f0a4.1@x>"])
def test_a_bounce_of_somebody_elses_mail_is_no_report(smtp: Smtp, message_id: str) -> None:
    assert smtp.parse_webhook(bounce(message_id)) == []


def test_a_delay_is_no_end(smtp: Smtp) -> None:
    named = f"<{uuid4()}.0@nursery.example>"
    assert smtp.parse_webhook(bounce(named, action="delayed", status="4.4.7")) == []


@given(st.binary(max_size=300))
def test_whatever_else_comes_is_refused_and_never_an_error_of_ours(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"status|report"):
        read_bounce(body)


@given(st.data())
def test_a_bounce_that_was_damaged_on_its_way_is_read_or_refused(data: st.DataObject) -> None:
    sound = bounce(f"<{uuid4()}.0@nursery.example>")
    at = data.draw(st.integers(0, len(sound) - 1))
    damaged = sound[:at] + data.draw(st.binary(max_size=5)) + sound[at + data.draw(st.integers(0, 20)) :]
    try:
        read_bounce(damaged)
    except ValueError:
        return


def test_the_secret_itself_proves_who_brings_a_bounce(smtp: Smtp) -> None:
    assert smtp.proof_of({PROOF_HEADER: "secret"}) == webhook_proof("smtp", "secret")
    assert smtp.proof_of({}) == ""


def test_a_stock_client_sends_by_the_same_server(simulator: Simulator, user: ProviderAccount) -> None:
    parts = urlsplit(user.secrets["url"])
    whole = EmailMessage()
    whole["From"], whole["To"], whole["Subject"] = "no-reply@nursery.example", TO, "hello"
    whole.set_content("hello")
    with smtplib.SMTP(str(parts.hostname), parts.port or 0, timeout=10) as client:
        client.login(str(parts.username), str(parts.password).replace("%2F", "/"))
        client.send_message(whole)
        assert client.send_message(whole, to_addrs=[TO, "no-such-user@x.example"]).keys() == {"no-such-user@x.example"}
    assert [entry["text"] for entry in simulator.accepted()] == ["hello", "hello"]


def test_the_time_of_a_call_is_shorter_than_a_look_up(smtp: Smtp) -> None:
    assert smtp.look_up_after > dt.timedelta(minutes=1)
