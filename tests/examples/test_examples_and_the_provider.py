"""What the examples say of AlimTalk, and what the simulated provider has of it, are the same."""

import pytest

from local.examples.compiling import checked, template_files
from local.examples.files import EXAMPLES
from shared.providers.base import ProviderAccount
from shared.providers.solapi import Solapi
from shared.providers.templated.base import TemplateWords
from shared.providers.templated.solapi import SolapiTemplates, wire_of
from tests.clock import SettableClock
from tests.providers.simulated import simulated

WORDS = TemplateWords(
    "paid",
    "#{이름}님, 결제 완료",
    message_type="EX",
    extra="문의는 고객센터로",
    title="#{금액}원",
    subtitle="결제 금액",
    category="004001",
)


@pytest.mark.parametrize("tenant", [path.parent.name for path in sorted(EXAMPLES.glob("*/tenant.yaml"))])
def test_no_example_has_a_template_that_would_be_refused(tenant: str) -> None:
    for path in template_files([EXAMPLES / tenant]):
        assert [str(finding) for finding in checked(path) if finding.severity == "error"] == []


async def test_what_is_registered_by_hand_is_read_back_whole() -> None:
    clock = SettableClock()
    with simulated(clock) as simulator:
        account = ProviderAccount("shop", "main", "solapi", "021234567", "pf", {"api_key": "K1", "api_secret": "s"})
        wire = wire_of(WORDS)
        told = {name: wire.pop(name) for name in ("name", "content", "buttons")}
        template = {"templateId": "KA1", "pfId": "pf", **told, "parts": wire}
        simulator.change_account(account, pfIds=["pf"], templates=[template])
        found = await SolapiTemplates(Solapi(simulator.url, clock)).read_template(account, "KA1")
        assert found is not None
        assert found.words == WORDS
