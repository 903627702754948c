"""The shop that sends by every provider: its files are sound, and its routes are what it says."""

from local.examples.files import EXAMPLES, read_example
from shared.providers import CREDENTIALS
from shared.providers.mail.smtp import server_of

SHOP = read_example(EXAMPLES / "shop")


def test_the_shop_has_an_account_at_every_provider_but_one_that_only_reaches_its_owner() -> None:
    assert {account.provider for account, _ in SHOP.accounts} == CREDENTIALS.keys() - {"kakao_me"}


def test_what_is_paid_is_told_by_kakaotalk_and_then_by_text_and_what_was_sent_by_push_first() -> None:
    routes = {workflow.name: workflow.routes[0].channels for workflow in SHOP.workflows}
    assert routes == {
        "order-paid": ("alimtalk", "sms"),
        "order-shipped": ("push", "alimtalk"),
        "order-delivered": ("inapp",),
        "receipt": ("email",),
    }


def test_its_mail_server_is_somebody_elses() -> None:
    [mail] = [account for account, _ in SHOP.accounts if account.provider == "smtp"]
    assert server_of(mail).host == "mail.shop.example"
