"""Which numbers may stand as the sender of a text."""

import pytest

from shared.law.senders import is_sender


@pytest.mark.parametrize(
    ("sender", "possible"),
    [
        *[
            (number, True)
            for number in ("0212345678", "021234567", "0312345670", "05512345678", "15881588", "16001234")
        ],
        *[(number, True) for number in ("18991234", "07012345670", "01012345678", "0111234567")],
        *[
            (number, False)
            for number in ("", "02-1234-5678", "+821012345678", "0101234567", "114", "158815889", "0991234567")
        ],
        *[(number, False) for number in ("12345678", "0701234567", "٠١٠١٢٣٤٥٦٧٨", "01012345678 ", "0212345678\n")],
    ],
)
def test_a_sender_is_a_number_that_korea_has(sender: str, possible: bool) -> None:
    assert is_sender(sender) == possible
