"""What is found when a provider's templates are held beside ours."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.alimtalk import Approval
from shared.operations.inspections.judging import Found, judged, lost
from shared.providers.templated.base import InspectionComment, ProviderTemplate, TemplateWords
from shared.templates.template import TemplateContent, TemplateVersion

TEXT = "#{이름}님, 접수되었습니다."
APPROVALS: tuple[Approval, ...] = get_args(Approval)
approvals = st.sampled_from(APPROVALS)


def _ours(approval: Approval, text: str = TEXT, code: str = "KA1", version: int = 1) -> TemplateVersion:
    content = TemplateContent.model_validate({"alimtalk": {"code": code, "text": text}})
    return TemplateVersion("order", version, content, approval)


def _theirs(status: Approval, text: str = TEXT, **more: Any) -> dict[str, ProviderTemplate]:
    return {"KA1": ProviderTemplate("KA1", TemplateWords("order", text), status, **more)}


def _only(found: list[Found]) -> tuple[str, Approval | None]:
    [one] = found
    return one.kind, one.approval


@given(approvals, approvals)
def test_the_same_words_have_the_providers_verdict(ours: Approval, theirs: Approval) -> None:
    found = list(judged([_ours(ours)], _theirs(theirs)))
    assert [(each.kind, each.approval) for each in found] == ([] if ours == theirs else [("approval", theirs)])


@given(approvals)
def test_other_words_have_no_verdict_of_ours(theirs: Approval) -> None:
    there = _theirs(theirs, "#{이름}님, 접수 되었습니다.")
    assert _only(list(judged([_ours("approved")], there))) == ("drift", None)
    assert _only(list(judged([_ours("submitted")], there))) == ("approval", "draft")
    for ours in ("draft", "rejected", "retired"):
        assert list(judged([_ours(ours)], there)) == []


def test_of_two_versions_of_one_code_the_verdict_is_on_the_very_words() -> None:
    first, second = _ours("approved", version=1), _ours("submitted", "#{이름}님, 접수 완료", version=2)
    found = list(judged([first, second], _theirs("approved", "#{이름}님, 접수 완료")))
    assert [(each.version, each.kind, each.approval) for each in found] == [
        (1, "drift", None),
        (2, "approval", "approved"),
    ]


@pytest.mark.parametrize(
    ("approval", "before", "expected"),
    [
        ("approved", {"KA1"}, "retired"),
        ("submitted", {"KA1"}, "retired"),
        ("draft", {"KA1"}, None),
        ("rejected", {"KA1"}, None),
        ("approved", set(), None),
    ],
    ids=["approved", "submitted", "draft", "rejected", "never at this account"],
)
def test_a_code_that_the_account_had_and_has_no_more_is_retired(
    approval: Approval, before: set[str], expected: Approval | None
) -> None:
    found = list(judged([_ours(approval)], {}, before))
    assert [each.approval for each in found] == ([expected] if expected else [])


@given(approvals, approvals, st.sampled_from([TEXT, "다른 글"]))
def test_an_alimtalk_is_lost_where_it_was_approved_and_can_t_be_sent_any_more(
    ours: Approval, theirs: Approval, text: str
) -> None:
    version = _ours(ours)
    gone = lost([version], list(judged([version], _theirs(theirs, text))))
    assert bool(gone) == (ours == "approved" and (theirs != "approved" or text != TEXT))


def test_each_comment_is_found_under_a_key_of_its_own() -> None:
    comments = (InspectionComment("a", "버튼 링크를 확인해 주세요.", "Kakao"), InspectionComment("b", "수정했습니다."))
    found = list(judged([_ours("rejected")], _theirs("rejected", comments=comments)))
    assert [(each.kind, each.key, each.detail, each.said_by) for each in found] == [
        ("comment", "comment/a", "버튼 링크를 확인해 주세요.", "Kakao"),
        ("comment", "comment/b", "수정했습니다.", None),
    ]


def test_a_drift_is_told_once_for_each_text_that_it_drifts_to() -> None:
    keys = [
        [found.key for found in judged([_ours("approved")], _theirs("approved", text))] for text in ("가", "가", "나")
    ]
    assert keys[0] == keys[1] != keys[2]
