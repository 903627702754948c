"""Slack on the wire: an incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).

Its address is its secret, so it is in no log and no error.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from shared.platform.errors import AllimError

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 5.0
LONGEST_WAIT = dt.timedelta(hours=1)
DEFAULT_WAIT = dt.timedelta(seconds=30)
"""After a 429 that does not say how long."""


class SlackError(AllimError):
    """Slack has not taken a message. The detail says why, without the address."""

    def __init__(self, detail: str) -> None:
        super().__init__("slack_failed", detail)


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
