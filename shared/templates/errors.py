"""Why a message can't be made or sent. Each carries a stable code and a sentence a person can act on.

MessageError
├── ContentError       the words don't fit the channel
└── MissingVariable    a template's variable that no field fills
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.platform.errors import AllimError


class MessageError(AllimError):
    """A message can't be made or sent."""


class ContentError(MessageError):
    """The words don't fit the channel, on this one or on any."""


class MissingVariable(MessageError):  # noqa: N818 - it names what is wrong
    """A template's variable that no field fills: an error before sending, never a blank.

    Args:
        names: of all that lack a value.
        values: of the others.
    """

    def __init__(self, names: Sequence[str], values: Mapping[str, str]) -> None:
        super().__init__("missing_variable", f"no value for {', '.join(f'#{{{name}}}' for name in names)}")
        self.names = names
        self.values = values
