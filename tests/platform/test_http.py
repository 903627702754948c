"""What a caller is told whose request was not carried out."""

from __future__ import annotations

import json

import pytest

from shared.platform.errors import AllimError
from shared.platform.http import refused


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (AllimError("too_large", "send less"), {"code": "too_large", "message": "send less"}),
        (
            AllimError("bad_amount", "give won", "금액을 확인해 주세요.", field="amount"),
            {"code": "bad_amount", "message": "give won", "message_ko": "금액을 확인해 주세요.", "field": "amount"},
        ),
    ],
    ids=["no more than a code and a sentence", "with Korean and a field"],
)
def test_a_refusal_says_all_that_the_error_knows(error: AllimError, told: dict[str, str]) -> None:
    answer = refused(error)
    assert answer.status_code == 400
    assert json.loads(bytes(answer.body)) == {"error": told}
