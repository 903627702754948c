"""Providers by which AlimTalk templates are registered, inspected and read back. One is a module; it knows the wire."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from shared.contracts.alimtalk import Approval, MessageType
from shared.providers.base import Button, ProviderAccount


class TemplateWords(NamedTuple):
    """All that is inspected.

    name: by which people know it at the provider, and by which we find it again after a lost answer.
    text: with `#{name}` where a value goes.
    message_type, extra: what stands below the text, and what of it is ours to write.
    title, subtitle: what is emphasised above the text; None for nothing.
    header, items: in its place a line above all, and a list of what something is and its value.
    category: Kakao's six digits; None where the account's inspectors choose.
    security: the text is shown on the customer's main device alone.
    """

    name: str
    text: str
    message_type: MessageType = "BA"
    buttons: tuple[Button, ...] = ()
    quick_replies: tuple[Button, ...] = ()
    title: str | None = None
    subtitle: str | None = None
    header: str | None = None
    items: tuple[tuple[str, str], ...] = ()
    extra: str | None = None
    category: str | None = None
    security: bool = False


class InspectionComment(NamedTuple):
    """What somebody wrote about a template at the provider.

    key: tells it from every other one on that template, and is the same whenever it is read.
    by: who wrote it, as the provider says: often no name.
    at: when, where the provider says so.
    """

    key: str
    text: str
    by: str | None = None
    at: dt.datetime | None = None


class ProviderTemplate(NamedTuple):
    """A template as the provider has it.

    code: by which messages name it.
    words: what was inspected, or is to be.
    status: in our words.
    comments: all there are, the oldest first.
    updated_at: when it changed there, where the provider says so.
    """

    code: str
    words: TemplateWords
    status: Approval
    comments: tuple[InspectionComment, ...] = ()
    updated_at: dt.datetime | None = None


class TemplatePage(NamedTuple):
    """Some of a channel's templates. `following`: what asks for those after them; None where there are none."""

    templates: Sequence[ProviderTemplate]
    following: str | None


class TemplatedProvider(Protocol):
    """Where AlimTalk templates are registered. Every method is about the account's Kakao channel, and raises a
    ProviderError; after a ProviderUndecided the templates are read again before anything else.

    Attributes:
        name: as accounts name it.
        takes_our_codes: whether a template's code is ours to choose. Elsewhere it is the provider's.
    """

    name: str
    takes_our_codes: bool

    async def list_templates(self, account: ProviderAccount, page: str | None = None) -> TemplatePage:
        """The channel's templates, a page at a time. `page`: what the page before said is `following`."""

    async def read_template(self, account: ProviderAccount, code: str) -> ProviderTemplate | None:
        """One template; None where there is none of that code."""

    async def create_template(
        self, account: ProviderAccount, words: TemplateWords, code: str | None
    ) -> ProviderTemplate:
        """Register a template that is not inspected yet.

        Args:
            account: whose channel it is of.
            words: what it says.
            code: the one that it is to have, where it is ours to choose, else None.
        """

    async def update_template(self, account: ProviderAccount, code: str, words: TemplateWords) -> ProviderTemplate:
        """Change what it says, as long as it is not approved. It needs to be inspected again."""

    async def submit_template(self, account: ProviderAccount, code: str) -> ProviderTemplate:
        """Ask for its inspection. One that is inspected already is left alone."""

    async def delete_template(self, account: ProviderAccount, code: str) -> None:
        """Take away one that is not approved. One that is not there is so already."""
