import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.customers.files.cells import as_typed
from shared.customers.phones import InvalidPhone, normalise_mobile

DASHES = "-‐‑‒–—―−－﹣⁃ㅡー"
"""Hyphens, dashes and minus of Unicode, and the two strokes that Korean and Japanese keyboards give in their place."""
SPACES = " \t\u00a0\u2003\u2009\u3000"
INVISIBLE = "\u200b\u200e\u202a\u202c\u2060\ufeff\u00ad"
"""What comes along when a number is copied from an address book or a web page."""
FULL_WIDTH = str.maketrans("0123456789+().", "０１２３４５６７８９＋（）．")

mobiles = st.one_of(
    st.from_regex(r"010[0-9]{8}", fullmatch=True), st.from_regex(r"01[16789][0-9]{7,8}", fullmatch=True)
)
separators = st.sampled_from(["", ".", "·", "/", " - ", *DASHES, *SPACES])


@st.composite
def notations(draw: st.DrawFn) -> tuple[str, str]:
    """A number's digits, and one of the ways to write it."""
    digits = draw(mobiles)
    area, exchange, line = digits[:3], digits[3:-4], digits[-4:]
    country = draw(st.sampled_from(["", "+82", "+82 ", "(+82)", "82", "0082", "00 82-", "+82(0)", "+82-0"]))
    if country:
        area = area.removeprefix("0")
    elif draw(st.booleans()):
        area = f"({area})"
    written = country + draw(separators).join([area, exchange, line])
    if draw(st.booleans()):
        written = written.translate(FULL_WIDTH)
    place = draw(st.integers(0, len(written)))
    return digits, written[:place] + draw(st.sampled_from(["", *INVISIBLE])) + written[place:]


@given(notations())
def test_every_notation_of_a_number_comes_to_its_digits(notation: tuple[str, str]) -> None:
    digits, written = notation
    assert normalise_mobile(written) == digits


@given(notations())
def test_digits_are_their_own_notation(notation: tuple[str, str]) -> None:
    digits = normalise_mobile(notation[1])
    assert normalise_mobile(digits) == digits


@given(mobiles, st.sampled_from(["-", " ", ".", "–", "\u00a0"]), st.sampled_from(["", "'"]))
def test_a_number_gets_back_the_zero_that_a_spreadsheet_took(digits: str, separator: str, quote: str) -> None:
    number = digits[1:]
    split = separator.join([number[:2], number[2:-4], number[-4:]])
    for cell in (number, f"{number}.0", f"{int(number):,}", f"{int(number):,}.00", split):
        assert as_typed(quote + cell) == digits


@pytest.mark.parametrize("cell", ["1,09,0004000", "10-9000-400", "20-9000-4000", "10-90004000", "12,900", "없음", ""])
def test_what_no_spreadsheet_took_a_zero_from_stays_as_it_is(cell: str) -> None:
    assert as_typed(cell) == cell


@given(st.text(max_size=60))
def test_whatever_is_written_comes_to_a_mobile_number_or_is_refused(text: str) -> None:
    try:
        digits = normalise_mobile(text)
    except InvalidPhone:
        return
    assert digits.isascii()
    assert digits.isdecimal()
    assert digits.startswith("01")
    assert 10 <= len(digits) <= 11


@pytest.mark.parametrize(
    "written",
    [
        "",
        "   ",
        "-",
        "없음",
        "010-9000-400",
        "010-9000-40000",
        "010 9000 4000 (엄마)",
        "010-9000-4000, 010-9000-4001",
        "010-9000-4000#12",
        "01o-9000-4000",
        "012-9000-4000",
        "015-900-4000",
        "02-123-4567",
        "031-123-4567",
        "050-1234-5678",
        "0505-123-4567",
        "070-1234-5678",
        "1588-1234",
        "080-123-4567",
        "+1 010 9000 4000",
        "+81 90 1234 5678",
        "+8201090004000 82",
        "+82 2 123 4567",
        "++82 10 9000 4000",
        "8210 9000 40001",
        "٠١٠٩٠٠٠٤٠٠٠",
        "010\x009000\x004000",
        "1" * 60,
    ],
)
def test_what_reaches_no_korean_mobile_is_refused(written: str) -> None:
    with pytest.raises(InvalidPhone, match="010-1234-5678") as refused:
        normalise_mobile(written)
    assert not written.strip(" -") or written not in str(refused.value), "an error quotes no number"
