"""The operators' channel in the simulated Slack."""

from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class SlackChannel:
    """`url` is its incoming webhook."""

    client: httpx.Client
    url: str

    def texts(self) -> list[str]:
        """The messages that it holds, oldest first."""
        return [message["text"] for message in self._state()["messages"]]

    def calls(self) -> int:
        """How often it was called, whatever it answered."""
        return int(self._state()["calls"])

    def answer(self, *answers: dict[str, Any]) -> None:
        """How it answers the next calls instead of taking them."""
        self.client.put("/control/slack", json={"answers": answers}).raise_for_status()

    def _state(self) -> Any:
        return self.client.get("/control/slack").json()
