"""Why a send to many can't be made, or can't be made whole."""

from __future__ import annotations

from shared.platform.plurals import counted
from shared.templates.errors import MessageError


class BulkError(MessageError):
    """The send as a whole can't be made; nothing of it was written."""


class BrokenOffError(BulkError):
    """The send stopped on its way. What is queued goes out; the same file with the same key makes it whole.

    Args:
        code: stable.
        why, why_ko: what stopped it, in English and in Korean.
        key: of the send.
        queued: messages that are queued so far.
    """

    def __init__(self, code: str, why: str, why_ko: str, *, key: str, queued: int) -> None:
        told = f"{counted(queued, 'message')} of this send {'is' if queued == 1 else 'are'} queued, the others are not"
        super().__init__(
            code,
            f"{why}. {told}: the same file with --key {key} goes on, and nobody gets a second one",
            f"{why_ko} {queued:,}건까지 접수되었습니다. 같은 파일을 --key {key}(으)로 다시 보내면 나머지만 보냅니다.",
        )
        self.key = key
        self.queued = queued
