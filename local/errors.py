"""What can be wrong with the stack on this machine."""

from __future__ import annotations

from typing import ClassVar

from shared.platform.errors import AllimError


class LocalError(AllimError):
    """Something on this machine is not as it has to be; the detail says what, and what helps.

    Attributes:
        kind: the code of all errors of a class.
    """

    kind: ClassVar[str]

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(self.kind, detail, field=field)
