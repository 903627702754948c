"""Why a message can't be made or sent. Each carries a stable code and a sentence a person can act on.

MessageError
├── ContentError       the words don't fit the channel
├── BadVariable        a template's variable whose field does not suit its format
└── MissingVariable    a template's variable that no field fills
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.platform.errors import AllimError, WrongValue

SHOWN = 350
"""Characters of what is wrong with a template's variables, of which there may be forty."""


class MessageError(AllimError):
    """A message can't be made or sent."""


class ContentError(MessageError):
    """The words don't fit the channel, on this one or on any."""


class BadVariable(MessageError):  # noqa: N818 - it names what is wrong
    """Fields that can't be written as their variables want them: said before sending, never cut.

    Args:
        wrong: what is wrong, by the variable's name and the path that fills it.
    """

    def __init__(self, wrong: Mapping[tuple[str, str], WrongValue]) -> None:
        super().__init__(
            "bad_variable",
            "; ".join(f"#{{{name}}} from {path}: {error.detail}" for (name, path), error in wrong.items())[:SHOWN],
            "; ".join(f"#{{{name}}}({path}): {error.detail_ko}" for (name, path), error in wrong.items())[:SHOWN],
        )


class MissingVariable(MessageError):  # noqa: N818 - it names what is wrong
    """A template's variable that no field fills: an error before sending, never a blank.

    Args:
        names: of all that lack a value.
        values: of the others.
    """

    def __init__(self, names: Sequence[str], values: Mapping[str, str]) -> None:
        listed = ", ".join(f"#{{{name}}}" for name in names)
        super().__init__("missing_variable", f"no value for {listed}", f"{listed} 값이 없습니다.")
        self.names = names
        self.values = values
