"""What is found when a provider's templates are held beside ours. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from shared.contracts.alimtalk import Approval
from shared.providers.templated.base import ProviderTemplate, TemplateWords
from shared.templates.compiling.drift import differences, words_of
from shared.templates.template import TemplateVersion

Kind = Literal["approval", "comment", "drift"]

GONE = "the provider has it no more"


class Found(NamedTuple):
    """One thing that is found of a version.

    key: tells it from all else that is found of its code, whenever that is; empty for what is known by its happening.
    approval: what is thought of the version from now on; None where that stays.
    detail: for people.
    said_by, said_at: as of an `InspectionComment`.
    """

    name: str
    version: int
    code: str
    kind: Kind
    key: str
    detail: str
    approval: Approval | None = None
    said_by: str | None = None
    said_at: dt.datetime | None = None


def judged(
    ours: Sequence[TemplateVersion], theirs: Mapping[str, ProviderTemplate], before: Collection[str] = ()
) -> Iterator[Found]:
    """What is found of our versions.

    A version is judged by its code and its words together. One whose words are not those that the provider has was not
    inspected as it is: if it was asked for it is a draft again, and if it was approved people are told.

    Args:
        ours: those that are sent, and those that are asked for, whose AlimTalk has a code.
        theirs: all that the account has, by code.
        before: the codes that the account had when it was looked at last. One of another account says nothing here.
    """
    for version in ours:
        words, alimtalk = words_of(version.name, version.content), version.content.alimtalk
        if words is None or alimtalk is None or alimtalk.code is None:
            continue
        there = theirs.get(alimtalk.code)
        if there is None:
            if alimtalk.code in before and version.approval in ("approved", "submitted"):
                yield Found(version.name, version.version, alimtalk.code, "approval", "", GONE, "retired")
            continue
        yield from _of_one(version, words, there, says_buttons=bool(alimtalk.buttons))


def lost(ours: Sequence[TemplateVersion], found: Sequence[Found]) -> list[Found]:
    """Of what is found, that by which an approved AlimTalk can't be sent any more: its messages go by SMS, or fail."""
    were_approved = {(version.name, version.version) for version in ours if version.approval == "approved"}
    return [
        each
        for each in found
        if each.kind == "drift"
        or (each.kind == "approval" and each.approval != "approved" and (each.name, each.version) in were_approved)
    ]


def _of_one(
    version: TemplateVersion, ours: TemplateWords, there: ProviderTemplate, *, says_buttons: bool
) -> Iterator[Found]:
    name, number, _, approval = version
    drifts = list(differences(ours, there.words, says_buttons=says_buttons))
    if not drifts:
        if there.status != approval:
            detail = f"{approval} → {there.status}"
            yield Found(name, number, there.code, "approval", "", detail, there.status, None, there.updated_at)
    elif approval == "submitted":
        yield Found(name, number, there.code, "approval", "", f"not as submitted: {drifts[0].detail}", "draft")
    elif approval == "approved":
        key = f"drift/{number}/{_digest(there.words)}"
        detail = "; ".join(drift.detail for drift in drifts)
        yield Found(name, number, there.code, "drift", key, detail, said_at=there.updated_at)
    for comment in there.comments:
        key = f"comment/{comment.key}"
        yield Found(name, number, there.code, "comment", key, comment.text, said_by=comment.by, said_at=comment.at)


def _digest(words: TemplateWords) -> str:
    return hashlib.sha256(repr(words).encode()).hexdigest()[:32]
