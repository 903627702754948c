"""Templates as businesses write them, with the verdict that each gets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.examples.compiling import OF_FILES, checked
from shared.platform.yaml12 import Document, dump_yaml
from shared.templates.compiling.rules import RULES

CORPUS = Path(__file__).parents[1] / "corpus"

LONG = {
    "length.text": {"text": "가" * 1_001},
    "length.filled": {"text": "가" * 990 + "#{이름}"},
    "length.title": {"text": "접수 완료", "title": "가" * 51, "subtitle": "결제 금액"},
    "length.extra": {"text": "접수 완료", "message_type": "EX", "extra": "가" * 501},
}
"""What nobody would read in a file: by the rule that it breaks."""

ELSEWHERE = {"variable.growth", "fallback.too_long", "drift.text", "drift.variables", "drift.buttons", "drift.part"}
"""Rules of what a file alone does not tell, or of what is too long for one."""


def cases() -> Iterator[Any]:
    for path in sorted(CORPUS.glob("*.yaml")):
        for name, case in Document(path.read_text()).value.items():
            yield pytest.param(case["template"], set(case["verdict"]), id=name)
    for rule, words in LONG.items():
        template = {"alimtalk": {"code": "K", **words}, "sms": {"text": "접수 완료"}}
        yield pytest.param(template, {rule}, id=rule)


CASES = list(cases())


@pytest.mark.parametrize(("template", "verdict"), CASES)
def test_a_template_gets_its_verdict(template: dict[str, Any], verdict: set[str], tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(dump_yaml({"name": "case", **template}))
    findings = checked(file)
    assert {finding.rule for finding in findings} == verdict
    for finding in findings:
        assert finding.line is not None, "each finding has its line"
        assert finding.detail
        assert finding.detail_ko or finding.rule.startswith(OF_FILES), "and speaks both languages"


def test_the_corpus_is_large_and_breaks_every_rule() -> None:
    broken = {rule for case in CASES for rule in case.values[1]}
    assert len(CASES) >= 40
    assert RULES.keys() - broken == ELSEWHERE
