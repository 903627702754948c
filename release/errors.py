"""What can go wrong."""

from cli.errors import CommandError


class PackagingError(CommandError):
    """A function that cannot be packed as it is; the message says what to change."""
