"""What the providers really accepted: the judge of duplicates and losses."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Protocol


class AcceptedMessage(Protocol):
    """A message that a provider took charge of: it reaches a phone, or costs money, or both."""

    @property
    def type(self) -> str:
        """The channel it goes by now, in the provider's word, such as SMS or ATA."""

    @property
    def status_code(self) -> str:
        """The provider's present status of it."""

    def as_accepted(self) -> dict[str, Any]:
        """The message as `GET /control/accepted` shows it."""


class AcceptedList:
    """All accepted messages of all providers, in the order in which they were accepted."""

    def __init__(self) -> None:
        self._messages: list[AcceptedMessage] = []

    def add(self, messages: Iterable[AcceptedMessage]) -> None:
        """Record messages at the moment when the provider commits itself to sending them."""
        self._messages.extend(messages)

    def clear(self) -> None:
        """Forget what was accepted so far. The providers themselves keep their messages."""
        self._messages.clear()

    def __len__(self) -> int:
        return len(self._messages)

    def as_dicts(self) -> list[dict[str, Any]]:
        """Every accepted message with its present type and status."""
        return [message.as_accepted() for message in self._messages]

    def summary(self) -> dict[str, Any]:
        """Counts: in all, and by type and then status."""
        types: dict[str, dict[str, int]] = {}
        for (kind, code), count in sorted(Counter((m.type, m.status_code) for m in self._messages).items()):
            types.setdefault(kind, {})[code] = count
        return {"total": len(self._messages), "types": types}
