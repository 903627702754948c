"""The templates that the guide shows are taken as they stand, and say what the law asks."""

from __future__ import annotations

import datetime as dt
import re
from uuid import UUID

import pytest

from local.examples.files import TemplateFile
from local.home import CHECKOUT
from shared.contracts.channels import LEGS
from shared.law.advertising import failures
from shared.platform.clock import SEOUL
from shared.platform.yaml12 import Document
from shared.templates.rendering import render

GUIDE = (CHECKOUT / "docs/guide.md").read_text(encoding="utf-8")
NOON = dt.datetime(2026, 11, 21, 12, tzinfo=SEOUL)


def _shown() -> dict[str, TemplateFile]:
    blocks = re.findall(r"```yaml\n(name: .*?)```", GUIDE, re.DOTALL)
    documents = [Document(block).value for block in blocks]
    templates = [TemplateFile.model_validate(each) for each in documents if not {"on", "steps"} & each.keys()]
    return {template.name: template for template in templates}


def test_the_guide_shows_words_for_every_channel() -> None:
    shown = _shown().values()
    assert all(any(template.content.has_words(leg) for template in shown) for leg in LEGS)


@pytest.mark.parametrize("name", _shown())
def test_a_template_of_the_guide_can_be_sent_as_it_stands(name: str) -> None:
    content = _shown()[name].content
    legs = [leg for leg in LEGS if content.has_words(leg)]
    values = dict.fromkeys(content.names, "7")
    for leg in legs:
        assert render(content, leg, values, message=UUID(int=1), attempt=0, to="").text
    if content.is_advertising:
        assert list(failures(content.words(legs), NOON)) == []
