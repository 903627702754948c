"""AlimTalk templates: their variables, their approval, and what a message makes of them."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simulator.alimtalk.templates import VARIABLE, pattern_of
from simulator.clock import iso

LINKS = ("linkMo", "linkPc", "linkAnd", "linkIos")
"""The fields of a button that hold a link."""

STATUSES = ("PENDING", "INSPECTING", "APPROVED", "REJECTED")

PARTS = (
    "messageType",
    "emphasizeType",
    "emphasizeTitle",
    "emphasizeSubtitle",
    "header",
    "item",
    "extra",
    "categoryCode",
    "securityFlag",
    "quickReplies",
)
"""What of a template is registered, inspected and shown, and matters to nothing else here."""

VERDICTS = {"(승인)": ("APPROVED", None), "(반려)": ("REJECTED", "광고성 문구가 있어 승인할 수 없습니다.")}
"""By how a template's name ends: what Kakao says as soon as it is asked. Any other waits for the control API."""


class VariableMissingError(Exception):
    """A variable of the template has no value, or a blank one."""


@dataclass
class Template:
    """A template of one Kakao channel.

    Attributes:
        template_id: the provider's id.
        pf_id: the channel that it belongs to.
        name: for people.
        content: the text, with `#{name}` where a value goes.
        status: one of `STATUSES`; only an APPROVED one can be sent.
        buttons: as registered.
        parts: of `PARTS`, those that were given.
        comments: of inspectors, as the list shows them.
        created: seconds since the epoch.
        updated: seconds since the epoch.
    """

    template_id: str
    pf_id: str
    name: str
    content: str
    status: str
    buttons: list[dict[str, Any]] = field(default_factory=list)
    parts: dict[str, Any] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)
    created: float = 0
    updated: float = 0

    @cached_property
    def variables(self) -> list[str]:
        """Each variable once, as it is written, in the order of the text and then of the buttons."""
        return list(dict.fromkeys(VARIABLE.findall("\n".join([self.content, *self._links]))))

    @property
    def _links(self) -> list[str]:
        return [str(button[link]) for button in self.buttons for link in LINKS if button.get(link)]

    @cached_property
    def _pieces(self) -> list[str]:
        return VARIABLE.split(self.content)

    @cached_property
    def _slots(self) -> list[str]:
        return VARIABLE.findall(self.content)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return pattern_of(self.content)

    def fill(self, values: dict[str, str]) -> str:
        """The text with every variable replaced.

        Args:
            values: by variable as it is written, `#{name}`.

        Raises:
            VariableMissingError: a variable has no value.
        """
        text = [self._pieces[0]]
        for slot, piece in zip(self._slots, self._pieces[1:], strict=True):
            value = values.get(slot)
            if not value:
                raise VariableMissingError(slot)
            text.append(value)
            text.append(piece)
        return "".join(text)

    def filled_buttons(self, values: dict[str, str]) -> list[dict[str, Any]]:
        """The buttons as the recipient has them. Only links hold variables: the name of a button is a fixed text.

        Raises:
            VariableMissingError: a variable has no value.
        """
        return [
            {field: _filled(text, values) if field in LINKS else text for field, text in button.items()}
            for button in self.buttons
        ]

    def has_buttons(self, buttons: list[dict[str, Any]]) -> bool:
        """Whether buttons are those of the template, with something in place of each variable."""
        return len(buttons) == len(self.buttons) and all(
            _like(button.get(field), registered.get(field))
            for button, registered in zip(buttons, self.buttons, strict=True)
            for field in ("buttonName", "buttonType", *LINKS)
        )

    def matches(self, text: str) -> bool:
        """Whether a text is this template with something in place of each variable: a newline too many is not."""
        return self._pattern.fullmatch(text) is not None

    def rewrite(self, given: dict[str, Any], now: float) -> None:
        """Change what is given of what it says; it needs approval again."""
        self.name, self.content = given.get("name") or self.name, given.get("content") or self.content
        self.buttons = given.get("buttons", self.buttons)
        self.parts |= {part: given[part] for part in PARTS if part in given}
        self.status, self.updated = "PENDING", now
        for derived in ("variables", "_pieces", "_slots", "_pattern"):
            self.__dict__.pop(derived, None)

    def inspect(self, now: float) -> None:
        """Ask for its inspection. The name may bring the verdict at once."""
        self.judge("INSPECTING", None, now)
        for ending, (status, comment) in VERDICTS.items():
            if self.name.endswith(ending):
                self.judge(status, comment, now)

    def judge(self, status: str, comment: str | None, now: float) -> None:
        """What the inspection comes to. `comment`: what the inspector writes beside it."""
        self.status, self.updated = status, now
        if comment is not None:
            said = {"isAdmin": True, "memberId": None, "content": comment, "dateCreated": iso(now)}
            self.comments.append(said)

    def as_dict(self, account_id: str) -> dict[str, Any]:
        """The template as `GET /kakao/v2/templates` shows it."""
        return {
            "templateId": self.template_id,
            "accountId": account_id,
            "pfId": self.pf_id,
            "channelId": self.pf_id,
            "channelGroupId": None,
            "assignType": "CHANNEL",
            "name": self.name,
            "content": self.content,
            "status": self.status,
            "code": None,
            "messageType": "BA",
            "emphasizeType": "NONE",
            "securityFlag": False,
            "isHidden": False,
            "commentable": True,
            "comments": self.comments,
            "quickReplies": [],
            **self.parts,
            "buttons": self.buttons,
            "variables": [{"name": name} for name in self.variables],
            "dateCreated": iso(self.created),
            "dateUpdated": iso(self.updated),
        }


def _filled(text: Any, values: dict[str, str]) -> Any:
    def value_of(slot: re.Match[str]) -> str:
        if not (value := values.get(slot[0])):
            raise VariableMissingError(slot[0])
        return value

    return VARIABLE.sub(value_of, text) if isinstance(text, str) else text


def _like(given: Any, registered: Any) -> bool:
    pieces = VARIABLE.split(str(registered or ""))
    return re.fullmatch(".+?".join(map(re.escape, pieces)), str(given or ""), re.DOTALL) is not None
