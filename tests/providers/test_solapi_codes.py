"""SOLAPI's status codes, as https://developers.solapi.com/references/message-status-codes lists them."""

import pytest

from shared.contracts.outcomes import Outcome
from shared.providers.solapi.codes import DELIVERED, FAILED, ON_THE_WAY, REFUSED, outcome_of, tell_unknown
from simulator.fates import FATES
from simulator.solapi.sending.codes import STATUS_MESSAGES, is_final


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


UNKNOWN = ["", "0000", "2999", "3001", "3999", "4001", "4999", "5000", "9999", "TEST1000", "unanswered", "None"]


@pytest.mark.parametrize("code", UNKNOWN)
def test_a_code_of_no_table_is_neither_a_delivery_nor_a_failure(code: str) -> None:
    assert outcome_of(code) is Outcome.SENT


def test_what_is_refused_at_intake_is_over_also_where_its_code_is_new() -> None:
    assert outcome_of("1999") is Outcome.FAILED


def test_the_tables_know_every_code_that_the_vendor_gives() -> None:
    assert set(STATUS_MESSAGES) - {DELIVERED} <= REFUSED | FAILED | ON_THE_WAY
    assert not REFUSED & FAILED


def test_codes_of_no_table_are_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    tell_unknown(["4000", "3104", "4001", "5" * 200, "4001", "2000", "1062"])
    told = {record.fields["code"]: record.fields["count"] for record in caplog.records}  # type: ignore[attr-defined]
    assert told == {"4001": 2, "5" * 100: 1}
