"""The words of each channel: whatever fills a variable stays a value, and fits or is told."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.channels import CHANNELS
from shared.providers import OutboundMessage, Picture
from shared.templates.errors import ContentError
from shared.templates.parts.html import parse_html
from shared.templates.parts.links import filled_link
from shared.templates.rendering import render
from shared.templates.template import TemplateContent
from shared.templates.writing import WrittenTemplate

PICTURE = "0" * 64 + ".jpg"
EVERY: dict[str, Any] = {
    "alimtalk": {"code": "KA01", "text": "#{값}"},
    "sms": {"text": "#{값}", "subject": "#{값}"},
    "mms": {"text": "안내 #{값}", "subject": "#{값}", "image": PICTURE},
    "brand": {
        "text": "할인 #{값}",
        "image": PICTURE,
        "buttons": [
            {"name": "#{값}", "url": "https://shop.example/s?q=#{값}#x", "desktop": "https://shop.example/#{값}"}
        ],
    },
    "push": {"title": "#{값}", "text": "#{값}", "link": "myshop://orders/#{값}"},
    "inapp": {"title": "#{값}", "text": "#{값}", "link": "https://shop.example/#{값}/x"},
    "email": {
        "subject": "[가게] #{값}",
        "text": "#{값}",
        "html": '<p>#{값}</p><a href="https://shop.example/o/#{값}" title="#{값}">보기</a>',
    },
    "kakao_me": {"text": "#{값}", "link": "https://shop.example/#{값}"},
}
CONTENT = TemplateContent.model_validate(EVERY)
TOO_LONG = {"content_too_long", "subject_too_long", "button_too_long", "link_too_long"}
OF_PARTS = ("mms", "brand", "push", "inapp", "email", "kakao_me")

hostile = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=40) | st.sampled_from(
    [
        "\r\nBcc: all@example.com",
        "\u2028x",
        '"><script>alert(1)</script>',
        "' onmouseover='x",
        "</p></a><img src=x>",
        "javascript:alert(1)",
        "//evil.example",
        "../../admin",
        "..",
        "%2e%2e",
        "?a=b&c=d#e",
        "@evil.example",
        "&lt;b&gt;",
        "#{값}",
        "%s",
        "한글 😀",
    ]
)


def _written(leg: str, value: str) -> OutboundMessage | None:
    """None where it does not fit."""
    try:
        return render(CONTENT, leg, {"값": value}, message=UUID(int=1), attempt=0, to="c-1")
    except ContentError:
        return None


@given(hostile)
def test_a_subject_a_title_and_a_button_are_one_line(value: str) -> None:
    for leg in OF_PARTS:
        if written := _written(leg, value):
            lines = [written.subject or "", *(button.name for button in written.buttons)]
            assert all(len(line.splitlines()) <= 1 for line in lines)


@given(hostile)
def test_a_link_leads_where_the_template_says_whatever_fills_it(value: str) -> None:
    for leg in ("brand", "push", "inapp", "kakao_me"):
        if not (written := _written(leg, value)):
            continue
        for link in [written.link, *(each for button in written.buttons for each in (button.mobile, button.desktop))]:
            if link is None:
                continue
            split = urlsplit(link)
            assert (split.scheme, split.netloc) in {("https", "shop.example"), ("myshop", "orders")}
            assert link.isascii()
            assert not any(unquote(step) in (".", "..") for step in split.path.split("/"))
            steps = [unquote(step) for step in split.path.split("/")] + [split.query]
            assert value in steps or f"q={value}" == unquote(split.query)


class _Read(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, list[str]]] = []
        self.links: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.texts += [value or "" for name, value in attrs if name == "title"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@given(hostile)
def test_html_has_the_templates_own_markup_whatever_fills_it(value: str) -> None:
    written = _written("email", value)
    if written is None:
        return
    read = _Read()
    read.feed(written.html or "")
    read.close()
    assert read.tags == [("p", []), ("a", ["href", "title"])]
    assert urlsplit(read.links[0]).netloc == "shop.example"
    assert unquote(read.links[0]) == f"https://shop.example/o/{value}"
    assert read.texts.count(value.replace("\r\n", "\n").replace("\r", "\n")) == 2 or value in unescape(
        written.html or ""
    )


@given(st.sampled_from(OF_PARTS), st.integers(1, 2_200), st.sampled_from(["가", "a", "😀"]))
def test_what_is_written_fits_its_channel_or_is_told(leg: str, size: int, character: str) -> None:
    written = _written(leg, character * size)
    if written is None:
        with pytest.raises(ContentError) as told:
            render(CONTENT, leg, {"값": character * size}, message=UUID(int=1), attempt=0, to="c-1")
        assert told.value.code in TOO_LONG | {"unencodable_characters"}
        assert told.value.detail_ko
        return
    row = CHANNELS[written.channel]
    for text, longest in ((written.text, row.longest), (written.subject or "", row.longest_subject or 0)):
        assert len(text.encode("cp949") if row.unit == "bytes" else text) <= longest
    assert all(len(button.name) <= 14 for button in written.buttons)


def test_each_channel_has_its_own_words_and_its_picture() -> None:
    pictures = {PICTURE: Picture(PICTURE, b"jpeg")}
    said = {"값": "7 & 8"}
    mms = render(CONTENT, "mms", said, message=UUID(int=1), attempt=0, to="01090004000", pictures=pictures)
    assert (mms.channel, mms.subject, mms.text, mms.picture) == ("mms", "7 & 8", "안내 7 & 8", pictures[PICTURE])
    brand = render(CONTENT, "brand", said, message=UUID(int=1), attempt=0, to="01090004000", pictures=pictures)
    assert brand.picture == pictures[PICTURE]
    assert [(each.name, each.mobile, each.desktop) for each in brand.buttons] == [
        ("7 & 8", "https://shop.example/s?q=7%20%26%208#x", "https://shop.example/7%20%26%208")
    ]
    email = render(CONTENT, "email", said, message=UUID(int=1), attempt=0, to="a@example.com")
    assert (email.subject, email.text) == ("[가게] 7 & 8", "7 & 8")
    assert email.html == ('<p>7 &amp; 8</p><a href="https://shop.example/o/7%20%26%208" title="7 &amp; 8">보기</a>')
    push = render(CONTENT, "push", said, message=UUID(int=1), attempt=0, to="c-1")
    assert (push.subject, push.link) == ("7 & 8", "myshop://orders/7%20%26%208")


def test_a_step_up_is_refused_for_no_encoding_keeps_it() -> None:
    with pytest.raises(ContentError, match="bad_link"):
        render(CONTENT, "inapp", {"값": ".."}, message=UUID(int=1), attempt=0, to="c-1")
    assert filled_link("https://a.example/#{값}", {"값": "a.b"}) == "https://a.example/a.b"


def test_a_template_of_every_channel_is_taken_and_survives_being_stored() -> None:
    written = WrittenTemplate.model_validate(EVERY)
    assert TemplateContent.model_validate(written.model_dump(mode="json", exclude_unset=True)) == CONTENT
    assert [leg for leg in ("sms", *OF_PARTS) if CONTENT.has_words(leg)] == ["sms", *OF_PARTS]
    assert not TemplateContent.model_validate({"email": EVERY["email"]}).has_words("sms")


def _one(leg: str, **changes: Any) -> dict[str, Any]:
    return {leg: EVERY[leg] | changes}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (_one("push", link="#{값}"), "is no link"),
        (_one("push", link="https://#{값}/x"), "is no link"),
        (_one("push", link="https://shop.example#{값}"), "is no link"),
        (_one("push", link="https://shop.example:#{값}"), "is no link"),
        (_one("push", link="javascript:alert(1)"), "is no link"),
        (_one("push", link="javascript://shop/%0aalert(1)"), "is no link"),
        (_one("kakao_me", link="myshop://orders/1"), "is no link"),
        (_one("brand", buttons=[{"name": "보기", "url": "https://a@b.example/"}]), "is no link"),
        (_one("brand", buttons=[{"name": "가" * 15, "url": "https://b.example"}]), "15 characters"),
        (_one("brand", buttons=[{"name": "가", "url": "https://b.example"}] * 6), "at most 5"),
        (_one("brand", text="가" * 1_301), "1,301 characters"),
        (_one("mms", text="가" * 1_001), "2,002 bytes"),
        (_one("mms", text="안녕 😀"), "carriers can't carry"),
        (_one("mms", subject="가" * 21), "42 bytes"),
        (_one("mms", image="../sale.jpg"), "is no picture beside"),
        (_one("mms", image="sale.png"), "is no picture beside"),
        (_one("push", title="가" * 201), "201 characters"),
        (_one("kakao_me", text="가" * 201), "201 characters"),
        (_one("email", html="<a href=#{값}>x</a>"), "neither text nor a link"),
        (_one("email", html='<a href="#{값}">x</a>'), "is no link"),
        (_one("email", html='<p style="#{값}">x</p>'), "neither text nor a link"),
        (_one("email", html='<p onclick="#{값}">x</p>'), "neither text nor a link"),
        (_one("email", html="<script>#{값}</script>"), "neither text nor a link"),
        (_one("email", html="<!-- #{값} -->"), "neither text nor a link"),
        (_one("email", html="<#{값}>x"), "neither text nor a link"),
        (_one("email", html='<p title="x"#{값}>x</p>'), "neither text nor a link"),
        (_one("email", text="#{값"), "is no variable"),
    ],
)
def test_what_could_break_out_or_never_fit_is_refused_when_it_is_loaded(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        WrittenTemplate.model_validate(written)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "html",
    ["<p>#{값}", "<img src='https://a.example/#{값}.png' alt='#{값}'>", "<title>#{값}</title>", "a < b #{값}"],
)
def test_where_html_holds_text_or_a_link_a_variable_may_stand(html: str) -> None:
    assert parse_html(html).names


def test_one_click_ends_e_mail_where_its_template_says() -> None:
    part = {"subject": "안내", "text": "안내", "unsubscribe": "https://shop.example/no?c=#{값}"}
    content = TemplateContent.model_validate({"email": part})
    written = render(content, "email", {"값": "7 & 8"}, message=UUID(int=1), attempt=0, to="a@example.com")
    assert written.unsubscribe == "https://shop.example/no?c=7%20%26%208"
