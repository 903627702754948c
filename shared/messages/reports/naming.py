"""Reports of providers with which nothing of ours travels: the call and the recipient tell which message is meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from shared.contracts.reports import ProviderReport
from shared.messages.reports.poll_store import Meant, meant_by
from shared.messages.reports.reporting import Told
from shared.platform.database import Database
from shared.platform.logs import log
from shared.providers import ProviderAccount, Said, Word


async def told_by(database: Database, account: ProviderAccount, said: Sequence[Said]) -> list[Told]:
    """What an account said, with the messages that are meant. What is said of a call that is none of ours, such as one
    that a person made in the provider's console, is left out.

    Args:
        database: that can be asked for calls and messages.
        account: which said it, whoever of several tenants sends by it.
        said: as its provider gave it.
    """
    told = [
        Told(account.tenant, account.provider, each, account.id) for each in said if isinstance(each, ProviderReport)
    ]
    words = [each for each in said if isinstance(each, Word)]
    if not words:
        return told
    async with database.connection() as connection:
        found = await meant_by(connection, account.tenant, account.id, words)
    by_call: dict[tuple[str, str], list[Meant]] = defaultdict(list)
    for each in found:
        by_call[each.batch, each.recipient].append(each)
    for word in words:
        meant = by_call[word.batch, word.to]
        # One that has gone on to another call is meant where no other is.
        meant = [each for each in meant if each.is_current] or meant
        # Nor is one that was refused here, and stands beside what was sent to the same recipient.
        meant = [each for each in meant if not each.is_nameless] or meant
        if len(meant) == 1:
            told.append(Told(meant[0].tenant, account.provider, _report(word, meant[0])))
        elif meant:
            fields = {"tenant": account.tenant, "account": account.id, "batch": word.batch}
            log("polling").error("a report may be on any of several messages", extra={"fields": fields})
    return told


def _report(word: Word, meant: Meant) -> ProviderReport:
    return ProviderReport(
        message=meant.id,
        attempt=meant.attempt if meant.is_current else max(meant.attempt - 1, 0),
        channel=word.channel,
        provider_message_id=word.provider_message_id,
        code=word.code,
        outcome=word.outcome,
        detail=word.detail,
        at=word.at,
        lasting=word.lasting,
    )
