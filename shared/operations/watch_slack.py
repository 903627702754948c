"""Slack on the wire: an incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).

Its address is its secret, so it is in no log and no error.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from shared.operations.watch_rules import OTHER, RULES
from shared.operations.watch_store import Notice
from shared.platform.clock import SEOUL
from shared.platform.logs import mask_phones

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 5.0
LONGEST_WAIT = dt.timedelta(hours=1)
DEFAULT_WAIT = dt.timedelta(seconds=30)
"""After a 429 that does not say how long."""


class SlackError(Exception):
    """Slack has not taken a message. The message says why, without the address."""


class SlackAwayError(SlackError):
    """It was certainly not taken. `wait`: before that, Slack wants to hear nothing at all."""

    def __init__(self, reason: str, wait: dt.timedelta = dt.timedelta(0)) -> None:
        super().__init__(reason)
        self.wait = wait


class SlackUndecidedError(SlackError):
    """It may have been taken: the answer was lost."""


class Slack:
    """An incoming webhook.

    Args:
        url: its address.
        client: to post with; one of its own unless given.
    """

    def __init__(self, url: str, client: httpx.AsyncClient | None = None) -> None:
        self._url = url
        self._client = client

    async def post(self, text: str) -> None:
        """Post a message.

        Raises:
            SlackAwayError: it was certainly not taken.
            SlackUndecidedError: it may have been.
        """
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False)
        try:
            answer = await self._client.post(self._url, json={"text": text, "unfurl_links": False})
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise SlackAwayError(f"Slack can't be reached: {type(error).__name__}") from None
        except httpx.HTTPError as error:
            raise SlackUndecidedError(f"Slack's answer was lost: {type(error).__name__}") from None
        if answer.status_code == 429:
            raise SlackAwayError("Slack asks for a pause", _wait(answer.headers.get("retry-after", "")))
        if not answer.is_success:
            raise SlackAwayError(f"Slack answers {answer.status_code} {answer.text[:100]!r}")


def _wait(retry_after: str) -> dt.timedelta:
    return min(dt.timedelta(seconds=int(retry_after)), LONGEST_WAIT) if retry_after.isdecimal() else DEFAULT_WAIT


def write(notice: Notice, runbook_url: str) -> str:
    """A notice in Slack's mrkdwn: titles, whose, value and limit, what to do and where it is explained."""
    kind = notice.kind if notice.kind in RULES else OTHER
    rule = RULES[kind]
    sign, when = _word(notice, f"since {notice.since.astimezone(SEOUL):%m-%d %H:%M} (Seoul)")
    lines = [f"{sign} *{rule.korean}*", f"*{rule.english}*", when]
    if notice.tenant:
        lines.append(f"Tenant: `{_escaped(notice.tenant)}`")
    measured = " · ".join(
        part
        for part in (notice.value and f"value {notice.value}", notice.threshold and f"limit {notice.threshold}")
        if part
    )
    lines += [_escaped(mask_phones(part)) for part in (measured, notice.detail) if part]
    if notice.firing:
        lines.append(f"*Do:* {_escaped(rule.do)}")
    page = f"{runbook_url.rstrip('/')}/{kind}.md"
    lines.append(f"<{page}|Runbook: {kind}>" if page.startswith("http") else f"Runbook: {page}")
    return "\n".join(lines)


def _word(notice: Notice, since: str) -> tuple[str, str]:
    """The sign and the line that say what has become of it."""
    if notice.firing:
        if notice.told:
            return ":hourglass:", f"계속됨 · still open {since}"
        return ":rotating_light:", f"발생 · open {since}"
    if notice.told:
        return ":white_check_mark:", f"해결됨 · over {since}"
    return ":white_check_mark:", f"있었고 지금은 해결됨 · was open, over {since}"


def _escaped(text: str) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
