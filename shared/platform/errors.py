"""The root of our own errors: what was refused or can't be, said so that a person or a program can act on it.

AllimError
├── CreditError            something is wrong with money
├── MessageError           a message can't be made or sent
│   ├── ContentError       the words don't fit the channel
│   ├── BadVariable        a template's variable whose field does not suit its format
│   ├── MissingVariable    a template's variable that no field fills
│   ├── BulkError          a send as a whole can't be made
│   └── StoryError         there is no one message to tell of
├── ProviderError          a provider would not, could not, or may have
├── SlackError             people could not be told
├── Poison                 input that no retry can help: a dead letter
├── SealError              a sealed value that no key here opens
├── FileError              a file of people can't be used
├── InvalidPhone, BadAnchor, UnreadableDefinition, AccountBusy
├── WebhookRefused         a call from outside that is not taken
├── BackupError, MigrationError, OpenDoorsError, PackagingError
├── LocalError             the stack on this machine is not as it has to be
└── CommandError           a verb can't do what was asked
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class AllimError(Exception):
    """Something that was refused or can't be.

    Args:
        code: stable.
        detail: a sentence in English that says what to do.
        detail_ko: the same in Korean, where people at a business read it.
        field: which part of what was given is at fault, where there is one.
        status: HTTP's, when it is answered to a caller; `default_status` unless told.
    """

    default_status: ClassVar[int] = 400

    def __init__(
        self,
        code: str,
        detail: str,
        detail_ko: str | None = None,
        *,
        field: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.detail_ko = detail_ko
        self.field = field
        self.status = self.default_status if status is None else status

    @property
    def told(self) -> dict[str, str]:
        """For a program: `code` and `message`, and where there are any `message_ko` and `field`."""
        told = {"code": self.code, "message": self.detail, "message_ko": self.detail_ko, "field": self.field}
        return {name: value for name, value in told.items() if value is not None}

    @property
    def sentence(self) -> str:
        """For people who may read either language: the code, and both sentences where there are two."""
        return f"{self.code}: {self.detail} ({self.detail_ko})" if self.detail_ko else f"{self.code}: {self.detail}"

    @property
    def both(self) -> str:
        """For people at a business, whose reason has a code beside it: the Korean sentence and the English one."""
        return f"{self.detail_ko} ({self.detail})" if self.detail_ko else self.detail


class WrongValue(ValueError):  # noqa: N818 - it names what is wrong
    """What a validator of ours says of something that people write by hand, in both languages.

    Args:
        detail, detail_ko: what is wrong with the value, and what to write.
        at: where in the value, when it is not all of it.
    """

    def __init__(self, detail: str, detail_ko: str, *, at: Sequence[str | int] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.detail_ko = detail_ko
        self.at = tuple(at)
