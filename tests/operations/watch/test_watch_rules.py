"""Every alert that the code raises is one that `watch` knows."""

import re

from local.home import CHECKOUT
from shared.operations.watch.rules import RULES

_RAISED = re.compile(r"raise_alerts?\(\s*connection,\s*(?:[\w.]+,\s*)?(?:\"(\w+)\"|([A-Z_]+)),")
_RAISED_IN_SQL = re.compile(r"select (?:distinct )?tenant,\s*'(\w+)'(?:,|::)")


def _kinds() -> set[str]:
    sources = [file.read_text() for file in CHECKOUT.glob("shared/**/*.py")]
    found: set[str] = set()
    for source in sources:
        for literal, constant in _RAISED.findall(source):
            named = re.compile(rf'^{constant} = "(\w+)"', re.MULTILINE)
            found |= {literal} if literal else {kind for each in sources for kind in named.findall(each)}
        found |= set(_RAISED_IN_SQL.findall(source))
    return found


def test_every_kind_that_is_raised_has_its_rule() -> None:
    kinds = _kinds()
    assert {
        "credit_shortage",
        "low_balance",
        "topup_refused",
        "cancel_without_credit",
        "plan_payment_failed",
        "ledger_difference",
    } <= kinds
    assert {kind.replace("_", "-") for kind in kinds} <= RULES.keys()


def test_every_kind_that_a_check_raises_has_its_rule() -> None:
    source = (CHECKOUT / "shared/operations/health/checks.py").read_text() + (
        CHECKOUT / "shared/operations/watch/alerts.py"
    ).read_text()
    raised = set(re.findall(r'"([a-z]+-[a-z-]+)"', source))
    assert raised
    assert raised <= RULES.keys()
