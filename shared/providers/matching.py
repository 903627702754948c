"""Providers with which nothing of ours travels: how messages are parted into calls, and how a call is known again.

A call is named by what it carries: recipients, words and time. The recipient tells its messages apart, so no call has
one twice. Found again are as many messages as were sent, or none; whatever else is there is nobody's to judge.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

from shared.providers.base import Accepted, OutboundMessage, ProviderAmbiguous, Submitted


class Listed(NamedTuple):
    """A message in a provider's list.

    call: the provider's id for the call that it went by.
    to: the recipient's digits.
    text: its words, as they are compared.
    name: the provider's id for it.
    """

    call: str
    to: str
    text: str
    name: str


def in_calls(
    messages: Iterable[OutboundMessage], kind: Callable[[OutboundMessage], Hashable], most: int
) -> list[list[OutboundMessage]]:
    """Messages as calls: each in one of them, alike in kind, no recipient twice.

    Args:
        messages: what leaves.
        kind: what all messages of a call share.
        most: so many recipients a call.
    """
    calls: dict[Hashable, list[list[OutboundMessage]]] = defaultdict(list)
    times: Counter[tuple[Hashable, str]] = Counter()
    for message in messages:
        alike = kind(message)
        # The second one to a recipient goes by the second call, and so on.
        earliest, of_kind = times[alike, message.to], calls[alike]
        at = next((at for at in range(earliest, len(of_kind)) if len(of_kind[at]) < most), None)
        if at is None:
            at = max(earliest, len(of_kind))
            of_kind += [[] for _ in range(at + 1 - len(of_kind))]
        of_kind[at].append(message)
        times[alike, message.to] = at + 1
    return [call for of_kind in calls.values() for call in of_kind if call]


def compared(text: object) -> str:
    """Words as they are compared: line ends and blanks around them may differ."""
    return str(text).replace("\r\n", "\n").strip()


def found_again(messages: Sequence[OutboundMessage], listed: Iterable[Listed]) -> Submitted | None:
    """The call by which messages were sent, out of a list of the time when it was made; None: nothing looks like it.

    Raises:
        ProviderAmbiguous: it holds another number of messages like them, or they are of several calls.
    """
    wanted = Counter((message.to, compared(message.text)) for message in messages)
    alike = [each for each in listed if (each.to, each.text) in wanted]
    if not alike:
        return None
    if Counter((each.to, each.text) for each in alike) != wanted or len({each.call for each in alike}) > 1:
        raise ProviderAmbiguous("ambiguous", f"{len(alike)} messages look like the {len(messages)} that were sent")
    names = {(each.to, each.text): each.name for each in alike}
    accepted = [Accepted(message.message, names[message.to, compared(message.text)]) for message in messages]
    return Submitted(alike[0].call, accepted, [])
