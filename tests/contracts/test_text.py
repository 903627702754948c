"""Text as it comes in, made what people meant by it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.text import clean, clean_id, cleaned, for_carriers, nearest

OFTEN = (
    "가각ㄱ\u1100\u1161\u11a8 a1é\u0301\r\n\t\x00\x0b\xa0\xad\u200b\u200d\u2028\u202e\u3000\u3164\ufe0f\ufeff☎♥😀👩👧🏴"
)
"""What meets in the names of real people and in what their keyboards add to them."""

texts = st.text(alphabet=st.characters() | st.sampled_from(OFTEN), max_size=40)
carried = st.text(
    alphabet=st.characters(codec="euc_kr", exclude_characters="\u3164") | st.sampled_from("가힣 \r\n\t"), max_size=40
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(texts)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert for_carriers(clean(for_carriers(clean(text)))) == for_carriers(clean(text))


@given(texts)
def test_a_clean_text_can_be_encoded_and_holds_nothing_unseen_but_line_ends(text: str) -> None:
    found = clean(text)
    found.encode()
    kept = {"\n", "\u200d", *map(chr, range(0xE0020, 0xE0080))}
    assert not [c for c in found if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in kept]
    assert not set(found) & set("\xa0\xad\u200b\u200c\u202e\u2060\u3164\ufeff")


@given(texts)
def test_the_same_word_in_pieces_and_whole_comes_out_the_same(text: str) -> None:
    whole = clean(text)
    assert clean(unicodedata.normalize("NFD", whole)) == clean(unicodedata.normalize("NFC", whole))


@given(texts, st.sampled_from(["", " ", "\xa0", "\u3000", "\r\n", "\u200b"]))
def test_an_id_is_one_however_it_was_typed(text: str, around: str) -> None:
    whole = clean_id(text)
    assert clean_id(whole) == whole == whole.strip()
    assert clean_id(around + whole + around) == whole
    assert clean_id(unicodedata.normalize("NFD", whole)) == clean_id(unicodedata.normalize("NFC", whole))


@given(carried)
def test_what_carriers_can_carry_stays_so_and_grows_by_no_byte(text: str) -> None:
    assert len(for_carriers(clean(text)).encode("euc_kr")) <= len(text.encode("euc_kr"))


def test_no_character_that_carriers_have_is_lost_but_those_that_nobody_sees() -> None:
    lost = []
    for code in range(0x1_0000):
        try:
            chr(code).encode("cp949")
        except UnicodeEncodeError:
            continue
        try:
            clean(chr(code)).encode("cp949")
        except UnicodeEncodeError:
            lost.append(hex(code))
    assert lost == []


@pytest.mark.parametrize(
    ("given_text", "meant"),
    [
        pytest.param("\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc", "홍길동", id="Hangul in pieces"),
        pytest.param("홍\u1100\u1175\u11af동", "홍길동", id="a syllable in pieces"),
        pytest.param("홍\xa0길동", "홍 길동", id="a space that does not break"),
        pytest.param("1\u2007000\u202f원", "1 000 원", id="spaces of figures"),
        pytest.param("홍\u3000길동", "홍\u3000길동", id="the wide space is seen"),
        pytest.param("\ufeff홍\u200b길\u2060동\u202e", "홍길동", id="nothing to see"),
        pytest.param("쿠\xad폰", "쿠폰", id="a soft hyphen"),
        pytest.param("가\r\n나\r다\u2028라\x85마", "가\n나\n다\n라\n마", id="line ends"),
        pytest.param("가\t나\x07다", "가 나다", id="control characters"),
        pytest.param("\u3164", "", id="a name of nothing"),
        pytest.param("반\ud83d쪽", "반쪽", id="half of a pair"),
        pytest.param("👨\u200d👩\u200d👧 가\u200d족", "👨\u200d👩\u200d👧 가족", id="a family"),
        pytest.param("♥\ufe0f 1\ufe0f\u20e3 가\ufe0f", "♥\ufe0f 1\ufe0f\u20e3 가", id="styled signs"),
        pytest.param("1,000원 50% ₩ “가” · ▶", "1,000원 50% ₩ “가” · ▶", id="all else stays"),
        pytest.param("１２ ＡＢ ﾊ ㈜ ①", "１２ ＡＢ ﾊ ㈜ ①", id="forms of letters stay"),
    ],
)
def test_what_people_meant(given_text: str, meant: str) -> None:
    assert clean(given_text) == meant


def test_a_sign_that_carriers_have_is_theirs_without_its_style() -> None:
    assert for_carriers(clean("♥\ufe0f☎\ufe0e 가")) == "♥☎ 가"


@given(json_values)
def test_all_of_what_json_holds_is_cleaned_names_too(value: object) -> None:
    found = cleaned(value)
    assert repr(cleaned(found)) == repr(found)
    assert cleaned({"\uac00": 1, unicodedata.normalize("NFD", "나"): ["\u200b다"]}) == {"가": 1, "나": ["다"]}


@pytest.mark.parametrize(
    ("given_name", "meant"),
    [("nmae", "name"), ("moveOn", "move_on"), ("phone_number", "phone"), ("이룸", "이름"), ("zzz", None), ("", None)],
)
def test_a_slip_is_told_what_was_meant(given_name: str, meant: str | None) -> None:
    assert nearest(given_name, ["name", "phone", "move_on", "plan", "이름"]) == meant
