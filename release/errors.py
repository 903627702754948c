"""What can go wrong."""

from shared.platform.errors import AllimError


class PackagingError(AllimError):
    """A function that cannot be packed as it is; the detail says what to change."""

    def __init__(self, detail: str) -> None:
        super().__init__("not_packed", detail)
