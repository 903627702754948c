"""Why a send to many can't be made."""

from __future__ import annotations

from shared.templates.errors import MessageError


class BulkError(MessageError):
    """The send as a whole can't be made; nothing of it was written."""
