"""What is masked, and what is left as it is."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import sys
import unicodedata
from collections import defaultdict

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.customers.phones import normalise_mobile
from shared.operations.dead_letters.letters import printable, readable
from shared.platform.logs import JsonFormatter
from shared.platform.masking import SEPARATORS, mask_phones


def _spellings() -> dict[str, list[str]]:
    """Every character that is digits, a plus or a separator to `normalise_mobile`, by what it stands for."""
    found: dict[str, list[str]] = defaultdict(list)
    for number in range(sys.maxunicode + 1):
        plain = unicodedata.normalize("NFKC", chr(number))
        bare = re.sub(f"[{SEPARATORS}]", "", plain)
        if plain and re.fullmatch(r"[0-9]{0,2}|\+", bare, re.ASCII):
            found[bare].append(chr(number))
    return found


SPELLINGS = _spellings()
separators = st.lists(st.sampled_from(SPELLINGS[""]), max_size=2).map("".join)
usual_separators = st.sampled_from(["", "-", " ", ".", " - ", "·", "\u2011", "\u00a0"])
mobiles = st.from_regex(r"010[0-9]{8}|01[16789][0-9]{7,8}", fullmatch=True)


@st.composite
def numbers(draw: st.DrawFn) -> tuple[str, str]:
    """A number's digits, and a spelling of it that is taken."""
    digits = draw(mobiles)
    country = draw(st.sampled_from(["", "+82", "+820", "0082", "00820", "82", "820"]))
    told, between = country + (digits[1:] if country else digits), draw(st.sampled_from([separators, usual_separators]))
    strange = draw(st.booleans())
    written, place = "", 0
    while place < len(told):
        two = told[place : place + 2] in SPELLINGS and strange and draw(st.booleans())
        one = told[place : place + (2 if two else 1)]
        written += (draw(st.sampled_from(SPELLINGS[one])) if strange else one) + draw(between)
        place += len(one)
    assert normalise_mobile(written) == digits
    return digits, written


def _digits(text: str) -> str:
    """What somebody reads who unescapes a text and strips the separators."""
    bare = re.sub(r"\\+u([0-9a-f]{4})|\\+x([0-9a-f]{2})", lambda one: chr(int(one[1] or one[2], 16)), text)
    bare = re.sub(r"\\+[nrtf]", "", bare).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return re.sub(f"[{SEPARATORS}]", "", unicodedata.normalize("NFKC", bare))


ASIDE = st.sampled_from(["", "to ", "tel:", "hp", "n=1, ", '"', "연락처 ", "(", "\n", "a-"])
BEHIND = st.sampled_from(["", " refused", "로", '"}', ", 7", "x", ")", "\n"])


@given(numbers(), ASIDE, BEHIND)
@example(("01090004000", "010.9000.4000"), "", "")
@example(("01090004000", "010 9000 4000"), "", "")
@example(("01090004000", "+82-10-9000-4000"), "", "")
@example(("01090004000", "010--9000--4000"), "", "")
@example(("01090004000", "(010)9000-4000"), "", "")
@example(("01090004000", "010\u20119000\u20114000"), "", "")
@example(("01090004000", "０１０－９０００－４０００"), "", "")
@example(("01090004000", "0⑩9000-4000"), "", "")
def test_no_number_that_is_taken_stands_in_a_log_line_or_a_dead_letter(
    number: tuple[str, str], aside: str, behind: str
) -> None:
    digits, written = number
    text = f"{aside}{written}{behind}"
    record = logging.LogRecord("allim.test", logging.INFO, "", 0, "%s", (text,), None)
    record.fields = {"detail": text, "list": [{text: ValueError(text)}], "shown": repr(text)}
    line = json.loads(JsonFormatter().format(record))
    [[[name, error]]] = [list(each.items()) for each in line["list"]]
    body = {"phone": text}
    shown = [
        *(line["message"], line["detail"], name, error, line["shown"]),
        *(readable(text), printable(text.encode())),
        *(printable(json.dumps(body, ensure_ascii=ascii_only).encode()) for ascii_only in (True, False)),
        readable(json.dumps(json.dumps(body))),
    ]
    for one in shown:
        assert digits[1:] not in _digits(one), one
        assert digits[-3:] in _digits(one), "one character may be two digits, of which one is hidden"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("01090004000", "010****4000"),
        ("010-9000-4000", "010-****-4000"),
        ("+82 10-9000-4000", "+82 10-****-4000"),
        ("82 10 9000 4000", "82 10 **** 4000"),
        ("0169004000", "016***4000"),
        ("010.9000.4000, 010 9000 4001", "010.****.4000, 010 **** 4001"),
        ("02-123-4567, 031 123 4567", "02-***-4567, 031 *** 4567"),
        pytest.param(r"010\u20119000\u20114000", r"010\u2011****\u20114000", id="as JSON escapes it"),
    ],
)
def test_the_middle_of_a_number_is_starred(text: str, masked: str) -> None:
    assert mask_phones(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "019ab8f2-0101-7123-8456-010123456789",
        "82109000-4000-4123-8456-821090004000",
        "00000000000000000000000000000000",
        "auto_0109000400a84e0d9c1b2f3a4d5e6f70",
        "4bf92f3577b34da6a3ce01090004000e",
        "1763712345678",
        "0101234567890123",
        "1,010 won",
        "1010900040001",
        "2026-01-16/2026-02-16",
        "2026-01-10 01:51:07.010123+00:00",
        "2026-01-10T01:51:07.010123Z",
        "M4V20250101090004000ABCDEF",
        "at 1, 0, 1, 0, 9, 0, 0, 0, 4, 0, 0, 0",
    ],
)
def test_what_is_no_phone_number_stays(text: str) -> None:
    assert mask_phones(text) == text


@given(
    st.uuids(),
    st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2099, 12, 31)),
    st.integers(0, 10**9),
    st.integers(10**12, 2 * 10**12),
)
def test_ids_moments_and_amounts_stay(id_: object, moment: object, won: int, milliseconds: int) -> None:
    text = f"{id_} at {moment}: {won:,} won, {milliseconds} ms"
    assert mask_phones(text) == text


def test_a_field_that_is_a_number_stays_one() -> None:
    record = logging.LogRecord("allim.test", logging.INFO, "", 0, "counted", (), None)
    record.fields = {"n": 821090004000}
    assert json.loads(JsonFormatter().format(record))["n"] == 821090004000
