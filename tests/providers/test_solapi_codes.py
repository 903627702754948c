"""SOLAPI's status codes, as https://developers.solapi.com/references/message-status-codes lists them."""

import pytest

from shared.contracts.outcomes import Outcome
from shared.providers.solapi_codes import outcome_of
from simulator.fates import FATES
from simulator.solapi.sending.codes import STATUS_MESSAGES, is_final

ON_THE_WAY = ("2000", "3000")


@pytest.mark.parametrize("code", STATUS_MESSAGES)
def test_every_documented_code_is_final_exactly_when_the_vendor_says_so(code: str) -> None:
    if code == "4000":
        assert outcome_of(code) is Outcome.DELIVERED
    elif code in ON_THE_WAY:
        assert outcome_of(code) is Outcome.SENT
    else:
        assert outcome_of(code) is Outcome.FAILED
    assert (outcome_of(code) is not Outcome.SENT) == is_final(code)


@pytest.mark.parametrize("code", FATES)
def test_every_fate_that_a_number_can_choose_is_a_code_we_know(code: str) -> None:
    assert outcome_of(code) in (Outcome.FAILED, Outcome.SENT)


@pytest.mark.parametrize("code", ["", "0000", "5000", "9999", "TEST1000", "unanswered", "None"])
def test_a_code_of_no_known_family_is_not_taken_as_final(code: str) -> None:
    assert outcome_of(code) is Outcome.SENT
