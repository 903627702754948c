"""Our templates brought to a provider: what is new is registered, what is changed and not approved is changed there.

It is done again without harm: what is there already is found by its code, or before there is one by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from shared.contracts.alimtalk import Approval
from shared.platform.errors import AllimError
from shared.providers import ProviderAccount
from shared.providers.templated.base import ProviderTemplate, TemplatedProvider, TemplateWords
from shared.templates.compiling.drift import differences, words_of
from shared.templates.compiling.findings import Finding
from shared.templates.template import TemplateContent

State = Literal["new", "changed", "same", "waiting", "drifted", "gone"]
"""How ours stands beside the provider's. `changed`: it differs and may be changed there. `waiting`: it differs from
what is being inspected, `drifted`: from what is approved. `gone`: its code names nothing there."""

ADVICE: Mapping[State, tuple[str, str]] = {
    "waiting": (
        "it is being inspected as it was; wait for the verdict, or take it back at the provider's console",
        "심사 중이라 바꿀 수 없습니다. 결과를 기다리거나 발송사 콘솔에서 심사를 취소하세요.",
    ),
    "drifted": (
        "approved words can't be changed; give the new ones a name of their own, without `code`, and let the workflow "
        "send that once it is approved",
        "승인된 문구는 바꿀 수 없습니다. 새 이름으로(code 없이) 등록하고 승인된 뒤에 워크플로를 바꾸세요.",
    ),
    "gone": (
        "the provider has no template of that code; take `code` out to register it anew",
        "발송사에 그 코드의 템플릿이 없습니다. 새로 등록하려면 code를 지우세요.",
    ),
}
"""Where nothing can be done by pushing: what to do."""


class Standing(NamedTuple):
    """A template of ours beside the provider's. `there`: what the provider has, if anything; `differs`: in what."""

    name: str
    words: TemplateWords
    state: State
    there: ProviderTemplate | None
    differs: tuple[Finding, ...] = ()


def standings(
    ours: Mapping[str, TemplateContent], theirs: Mapping[str, ProviderTemplate], *, takes_our_codes: bool
) -> list[Standing]:
    """How each of our AlimTalk templates stands, by name.

    Args:
        ours: by name.
        theirs: all that the account has, by code.
        takes_our_codes: as of the provider.
    """
    found = []
    for name, content in sorted(ours.items()):
        words, alimtalk = words_of(name, content), content.alimtalk
        if words is None or alimtalk is None:
            continue
        there = theirs.get(alimtalk.code) if alimtalk.code else _called(name, words, theirs)
        if there is None:
            state: State = "gone" if alimtalk.code and not takes_our_codes else "new"
            found.append(Standing(name, words, state, None))
            continue
        differs = tuple(differences(words, there.words, says_buttons=bool(alimtalk.buttons)))
        found.append(Standing(name, words, _state(there.status) if differs else "same", there, differs))
    return found


def _state(status: Approval) -> State:
    match status:
        case "draft" | "rejected":
            return "changed"
        case "submitted":
            return "waiting"
    return "drifted"


def _called(name: str, words: TemplateWords, theirs: Mapping[str, ProviderTemplate]) -> ProviderTemplate | None:
    """The one of that name; of several the one that says the same, or else the first."""
    named = sorted((each for each in theirs.values() if each.words.name == name), key=lambda each: each.code)
    same = [each for each in named if not list(differences(words, each.words))]
    return next(iter([*same, *named]), None)


class Pushed(NamedTuple):
    """What became of a template. `there`: as the provider has it now; `error`: why nothing could be done."""

    standing: Standing
    there: ProviderTemplate | None
    error: AllimError | None = None


async def push(
    provider: TemplatedProvider, account: ProviderAccount, known: Sequence[Standing], codes: Mapping[str, str | None]
) -> list[Pushed]:
    """Register what is new, and change what is changed. Each is tried apart.

    Args:
        provider: of the account.
        account: whose channel they are of.
        known: how ours stand.
        codes: by name, the code that a template has in its file.
    """
    return [await _pushed(provider, account, standing, codes.get(standing.name)) for standing in known]


async def _pushed(
    provider: TemplatedProvider, account: ProviderAccount, standing: Standing, code: str | None
) -> Pushed:
    there = standing.there
    if standing.state in ADVICE:
        detail, detail_ko = ADVICE[standing.state]
        return Pushed(standing, there, AllimError(f"template_{standing.state}", detail, detail_ko))
    try:
        if standing.state == "new":
            wished = (code or standing.name) if provider.takes_our_codes else None
            return Pushed(standing, await provider.create_template(account, standing.words, wished))
        if standing.state == "changed" and there is not None:
            # By what it is called there, people know it there.
            words = standing.words._replace(name=there.words.name)
            if not words.buttons:  # a file that says nothing of them takes none away
                words = words._replace(buttons=there.words.buttons, quick_replies=there.words.quick_replies)
            return Pushed(standing, await provider.update_template(account, there.code, words))
    except AllimError as error:
        return Pushed(standing, there, error)
    return Pushed(standing, there)
