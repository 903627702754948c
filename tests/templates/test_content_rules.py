import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.text import clean, for_carriers, unencodable
from shared.templates.errors import ContentError
from shared.templates.limits import carrier_bytes, check_alimtalk, text_channel
from simulator.solapi.model import Account
from simulator.solapi.sending.intake import Refusal, judge, text_type

PROVIDER = Account("key", "secret", "account")
KS_X_1001_SYLLABLES = {bytes([row, cell]).decode("euc_kr") for row in range(0xB0, 0xC9) for cell in range(0xA1, 0xFF)}
"""The standard's rows 16 to 40 hold its Hangul syllables, 94 a row."""

any_text = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)
hangul = st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3)
carried_text = st.text(alphabet=st.sampled_from(sorted(KS_X_1001_SYLLABLES) + list("aZ9 \n%#{}▶·“€")), max_size=80)


def _reference(character: str) -> int | None:
    """Bytes of one character on a Korean carrier, by the standard's own table; None when it has none."""
    if 0xAC00 <= ord(character) <= 0xD7A3:
        return 2 if character in KS_X_1001_SYLLABLES else None
    try:
        return len(character.encode("cp949"))
    except UnicodeEncodeError:
        return None


def test_the_standard_has_2350_syllables() -> None:
    assert len(KS_X_1001_SYLLABLES) == 2_350


def test_just_the_standards_syllables_are_carried() -> None:
    carried = {chr(code) for code in range(0xAC00, 0xD7A4) if not unencodable(chr(code))}
    assert carried == KS_X_1001_SYLLABLES


def test_every_character_there_is_is_judged_as_by_the_table() -> None:
    for code in range(0x1_0000):
        character = chr(code)
        size = _reference(character)
        if size is None:
            assert unencodable(character) == character, hex(code)
        else:
            assert carrier_bytes(character) == size, hex(code)


@given(any_text | st.text(alphabet=hangul, max_size=40))
def test_a_text_is_as_long_as_its_characters_together(text: str) -> None:
    sizes = [_reference(character) for character in text]
    if None in sizes:
        offending = dict.fromkeys(character for character in text if _reference(character) is None)
        assert unencodable(text) == "".join(offending)
        with pytest.raises(ContentError) as refused:
            carrier_bytes(text)
        assert refused.value.code == "unencodable_characters"
        assert f"U+{ord(next(iter(offending))):04X}" in refused.value.detail
    else:
        assert carrier_bytes(text) == sum(size for size in sizes if size is not None)


@given(carried_text, st.none() | st.text(alphabet=st.sampled_from("가a"), min_size=1, max_size=30))
def test_the_channel_follows_from_the_bytes_and_the_subject(text: str, subject: str | None) -> None:
    size = sum(_reference(character) or 0 for character in text)
    if subject and sum(_reference(character) or 0 for character in subject) > 40:
        with pytest.raises(ContentError, match="subject_too_long"):
            text_channel(text, subject)
    else:
        assert text_channel(text, subject) == ("sms" if size <= 90 and subject is None else "lms")


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("", "sms"),
        ("a" * 90, "sms"),
        ("a" * 91, "lms"),
        ("가" * 45, "sms"),
        ("가" * 45 + "a", "lms"),
        ("가" * 44 + "aa", "sms"),
        ("가" * 1_000, "lms"),
        ("a" * 2_000, "lms"),
    ],
)
def test_ninety_bytes_are_an_sms_and_two_thousand_an_lms(text: str, channel: str) -> None:
    assert text_channel(text, None) == channel


@pytest.mark.parametrize("text", ["a" * 2_001, "가" * 1_000 + "a"])
def test_a_text_over_2000_bytes_is_refused_with_its_length(text: str) -> None:
    with pytest.raises(ContentError, match="2,001 bytes") as refused:
        text_channel(text, None)
    assert refused.value.code == "content_too_long"


@pytest.mark.parametrize(
    ("subject", "fits"), [("a" * 40, True), ("a" * 41, False), ("가" * 20, True), ("가" * 21, False)]
)
def test_a_subject_holds_40_bytes(subject: str, fits: bool) -> None:
    if fits:
        assert text_channel("짧은 글", subject) == "lms"
    else:
        with pytest.raises(ContentError, match="subject_too_long"):
            text_channel("짧은 글", subject)


@pytest.mark.parametrize("character", ["뷁", "₩", "—", "•", "é", "😀", "\ud800", "ﷺ", "\x80"])
def test_what_carriers_cannot_carry_is_named(character: str) -> None:
    assert unencodable(f"가격 {character} 안내 {character}") == character
    with pytest.raises(ContentError, match=f"U\\+{ord(character):04X}"):
        text_channel(f"안내 {character}", None)


@given(any_text | carried_text | st.text(alphabet="가힣똠a1 \r\n\t\xa0\xad\u200b♥\ufe0f😀", max_size=120))
def test_a_clean_text_is_counted_as_the_provider_counts_it(text: str) -> None:
    words = for_carriers(clean(text))
    try:
        channel = text_channel(words, None)
    except ContentError:
        channel = "none"
    message = {"from": "0212345678", "text": words, "type": channel.upper()}
    if channel != "none" and words:
        assert judge(PROVIDER, message, "01012345678") == (channel.upper(), words, "4000")
        assert text_type(words, has_subject=False) == channel.upper()
    elif words:
        with pytest.raises(Refusal):
            judge(PROVIDER, message | {"type": "LMS"}, "01012345678")


@pytest.mark.parametrize("character", ["▶", "·", "“", "€"])
def test_signs_of_the_standard_are_carried(character: str) -> None:
    assert carrier_bytes(character) == 2


def test_an_alimtalk_holds_1000_characters_of_any_kind() -> None:
    check_alimtalk("뷁" * 1_000)
    with pytest.raises(ContentError, match="1,001 characters"):
        check_alimtalk("a" * 1_001)
