"""Every rule of the compiler: how bad it is, and what to do about it. Limits are in `limits.py`.

Sources: Kakao's guides as NHN Cloud's KakaoTalk Bizmessage documents them (overview, error codes: the numbers below 0),
and for advertising KISA's guide to Article 50 of the Network Act, whose "not advertising" is all that AlimTalk takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]


class Rule(NamedTuple):
    """severity: as of a `Finding`. detail, detail_ko: with `{name}` for what a finding names."""

    severity: Severity
    detail: str
    detail_ko: str


RULES: Mapping[str, Rule] = {
    # Variables
    "variable.form": Rule(
        "error", "{written} is no variable; write for example #{{이름}}", "{written}: #{{이름}}처럼 쓰세요."
    ),
    "variable.nested": Rule(
        "error",
        "{written}: a variable stands within another; write them one after the other",
        "{written}: 변수 안에 변수가 있습니다. 따로 쓰세요.",
    ),
    "variable.adjacent": Rule(
        "warning",
        "#{{{first}}} and #{{{second}}} touch, and nobody can tell where one ends; write something between them",
        "#{{{first}}}와 #{{{second}}} 사이에 글자나 공백을 넣으세요.",
    ),
    "variable.alone": Rule(
        "error",
        "the text is nothing but variables; write the fixed words that say what it is about",
        "변수만 있는 본문은 승인되지 않습니다. 고정 문구를 쓰세요.",
    ),
    "variable.vague": Rule(
        "warning",
        "#{{{name}}} does not say what fills it; inspectors send it back: name it, as #{{상품명}}",
        "#{{{name}}}: 무엇이 들어가는지 알 수 있게 이름을 지으세요. 예: #{{상품명}}",
    ),
    "variable.in_name": Rule(
        "error",
        "a button's name holds no variable (NHN -3008); write fixed words, and put the variable into its link",
        "버튼 이름에는 변수를 쓸 수 없습니다(NHN -3008). 링크에 쓰세요.",
    ),
    "variable.in_fixed": Rule(
        "error",
        "{part} is not filled by Kakao; write it without variables",
        "{part}에는 변수를 쓸 수 없습니다. 고정 문구로 쓰세요.",
    ),
    "variable.growth": Rule(
        "warning",
        "#{{{name}}} is filled with {length} characters, {more} more than it is written with; providers allow new "
        "customers {most} (NHN -1028): shorten it, or give the variable a longer name",
        "#{{{name}}} 값이 {length}자로, 변수보다 {more}자 깁니다. 신규 고객은 {most}자까지입니다(NHN -1028).",
    ),
    # Lengths
    "length.text": Rule(
        "error",
        "the text has {length:,} characters with what stands below it; an AlimTalk of this kind holds {most:,}",
        "본문과 부가 정보가 {length:,}자입니다. {most:,}자까지 쓸 수 있습니다.",
    ),
    "length.filled": Rule(
        "warning",
        "filled it may have {length:,} characters, and {most:,} fit: messages beyond that fail; shorten the text",
        "변수를 채우면 {length:,}자가 될 수 있습니다. {most:,}자를 넘으면 발송되지 않으니 줄이세요.",
    ),
    "length.title": Rule("error", "it has {length} characters; {most} fit", "{length}자입니다. {most}자까지입니다."),
    "length.header": Rule("error", "it has {length} characters; {most} fit", "{length}자입니다. {most}자까지입니다."),
    "length.item": Rule("error", "it has {length} characters; {most} fit", "{length}자입니다. {most}자까지입니다."),
    "length.extra": Rule("error", "it has {length} characters; {most} fit", "{length}자입니다. {most}자까지입니다."),
    "length.button": Rule(
        "error",
        "a button's name has {length} characters; {most} fit",
        "버튼 이름이 {length}자입니다. {most}자까지입니다.",
    ),
    # Buttons and quick replies
    "button.count": Rule("error", "{count} buttons; {most} fit", "버튼이 {count}개입니다. {most}개까지입니다."),
    "button.name_repeated": Rule(
        "warning",
        "two buttons are called {name}; call one otherwise",
        "{name} 버튼이 두 개입니다. 이름을 다르게 하세요.",
    ),
    "button.link_missing": Rule(
        "error",
        "a button {kind} needs {needed}; write it",
        "{kind} 버튼에는 {needed} 값이 필요합니다.",
    ),
    "button.link_form": Rule(
        "error",
        "{link} does not begin with http:// or https:// (NHN -3006); write the whole address",
        "{link}: http:// 또는 https://로 시작해야 합니다(NHN -3006).",
    ),
    "button.link_open": Rule(
        "warning",
        "inspectors can't see where {link} leads; write the site before the variable, as https://shop.example/#{{주문}}",
        "{link}: 어디로 가는지 심사에서 볼 수 없습니다. https://shop.example/#{{주문}}처럼 도메인을 쓰세요.",
    ),
    "button.link_unused": Rule(
        "error", "a button {kind} opens no link; take it out", "{kind} 버튼에는 링크를 쓰지 않습니다. 지우세요."
    ),
    "button.channel_add_name": Rule(
        "error",
        'the button that adds the channel is called "채널 추가" and nothing else (NHN -3026)',
        "채널 추가 버튼의 이름은 “채널 추가”여야 합니다(NHN -3026).",
    ),
    "button.channel_add_type": Rule(
        "error",
        "a button AC belongs to message_type AD or MI; change the type, or take the button out",
        "채널 추가 버튼은 AD, MI 유형에만 씁니다. 유형을 바꾸거나 버튼을 지우세요.",
    ),
    "button.call_name": Rule(
        "error", "the button that calls is called {names}; choose one", "전화 버튼의 이름은 {names} 중 하나여야 합니다."
    ),
    "button.parcel_words": Rule(
        "error",
        "a button DS makes its link of the courier and the number in the text; write both, as 택배사, 송장번호",
        "배송 조회 버튼은 본문의 택배사와 송장번호로 링크를 만듭니다. 본문에 둘 다 쓰세요.",
    ),
    "reply.count": Rule(
        "error", "{count} quick replies; {most} fit", "바로연결이 {count}개입니다. {most}개까지입니다."
    ),
    "reply.kind": Rule(
        "error", "no quick reply is {kind}; possible are {kinds}", "바로연결에 {kind}는 없습니다. 가능: {kinds}"
    ),
    # Kinds of message, and what each needs
    "type.extra_missing": Rule(
        "error",
        "message_type {kind} has extra words below; write `extra`, or make it {without}",
        "{kind} 유형에는 부가 정보(extra)가 있어야 합니다. 쓰거나 {without} 유형으로 바꾸세요.",
    ),
    "type.extra_unused": Rule(
        "error",
        "message_type {kind} has no extra words; make it {with_it}, or take `extra` out",
        "{kind} 유형에는 부가 정보가 없습니다. {with_it} 유형으로 바꾸거나 extra를 지우세요.",
    ),
    "type.channel_add_missing": Rule(
        "error",
        "message_type {kind} needs the button AC, called 채널 추가",
        "{kind} 유형에는 채널 추가(AC) 버튼이 있어야 합니다.",
    ),
    "emphasis.half": Rule(
        "error", "title and subtitle go together; write both, or none", "title과 subtitle은 함께 씁니다."
    ),
    "emphasis.two": Rule(
        "error",
        "a template emphasises a title, or has a header with items: not both",
        "강조 표기(title)와 아이템 리스트(header, items)는 함께 쓸 수 없습니다.",
    ),
    "items.count": Rule(
        "error", "{count} items; a list has {least} to {most}", "항목이 {count}개입니다. {least}~{most}개를 쓰세요."
    ),
    # What else is asked
    "text.characters": Rule(
        "error", "{shown} is shown by no phone; replace it", "{shown}: 표시되지 않는 글자입니다. 바꾸세요."
    ),
    "text.emoji": Rule(
        "warning",
        "{shown}: pictures in a title, header or button are sent back; write words",
        "{shown}: 제목, 헤더, 버튼의 이모지는 반려됩니다. 글로 쓰세요.",
    ),
    "text.bare_link": Rule(
        "warning",
        "{link} stands in the text; inspectors ask for a button WL in its place",
        "{link}: 본문의 링크는 웹링크(WL) 버튼으로 옮기세요.",
    ),
    "security.advised": Rule(
        "warning",
        "it holds a code or a password; write `security: true`, so that it is shown on one device alone",
        "인증번호나 비밀번호가 있습니다. `security: true`로 대표 기기에만 표시하세요.",
    ),
    "category.missing": Rule(
        "warning",
        "without `category_code` it is inspected last; choose one of the provider's categories",
        "category_code가 없으면 심사가 늦어집니다. 카테고리 코드를 쓰세요.",
    ),
    # The text message that stands in
    "fallback.characters": Rule(
        "error",
        "a text message goes where AlimTalk does not arrive; carriers can't carry {shown}: replace it, or write `sms`",
        "알림톡 대신 가는 문자에 쓸 수 없는 글자입니다: {shown}. 바꾸거나 sms 문구를 쓰세요.",
    ),
    "fallback.too_long": Rule(
        "error",
        "the text message has {length:,} bytes; an LMS holds {most:,}: shorten it",
        "대체 문자가 {length:,}바이트입니다. LMS는 {most:,}바이트까지입니다.",
    ),
    "fallback.subject": Rule(
        "error", "the subject has {length} bytes; {most} fit", "제목이 {length}바이트입니다. {most}바이트까지입니다."
    ),
    "fallback.lms": Rule(
        "warning",
        "without `sms` the AlimTalk's own words stand in, an LMS of {length:,} bytes; a text of {most} bytes is an SMS",
        "sms 문구가 없어 알림톡 본문이 LMS({length:,}바이트)로 갑니다. {most}바이트까지는 SMS입니다.",
    ),
    # Advertising: whether something is, is told by content and purpose; a mixed text is advertising
    "advert.mark": Rule(
        "error",
        "advertising does not go by AlimTalk; send it as a text message or a Brand Message to those who agreed",
        "광고는 알림톡으로 보낼 수 없습니다. 동의한 고객에게 문자나 브랜드 메시지로 보내세요.",
    ),
    "advert.discount": Rule(
        "error", "“{words}” offers a price: advertising; say only what was bought", "“{words}”: 할인 안내는 광고입니다."
    ),
    "advert.coupon": Rule(
        "error",
        "“{words}” offers a coupon or points: advertising, unless the customer bought or asked for them",
        "“{words}”: 쿠폰·포인트 지급 안내는 광고입니다.",
    ),
    "advert.event": Rule(
        "error", "“{words}” invites to an event: advertising", "“{words}”: 이벤트·프로모션 안내는 광고입니다."
    ),
    "advert.buy": Rule(
        "error", "“{words}” asks to buy: advertising; tell of what was ordered", "“{words}”: 구매 유도는 광고입니다."
    ),
    "advert.join": Rule(
        "error",
        "“{words}”: congratulations on joining are not allowed; say that the registration is complete",
        "“{words}”: 가입 축하·환영은 승인되지 않습니다. 가입 완료 사실만 알리세요.",
    ),
    "advert.newsletter": Rule(
        "error",
        "“{words}”: newsletters and news are not allowed",
        "“{words}”: 뉴스레터·소식 안내는 승인되지 않습니다.",
    ),
    "advert.product": Rule(
        "error",
        "“{words}” presents something new: advertising",
        "“{words}”: 신상품·추천 상품 안내는 광고입니다.",
    ),
    "advert.doubtful": Rule(
        "warning",
        "“{words}” is often taken for advertising; make clear that the customer asked for it or is owed it",
        "“{words}”: 광고로 보일 수 있습니다. 고객이 요청했거나 거래에 필요한 내용임을 분명히 하세요.",
    ),
    "advert.notice": Rule(
        "warning",
        "“{words}”: general notices are not allowed; say what of the customer's own it is about",
        "“{words}”: 일반 공지는 승인되지 않습니다. 고객의 거래와 관련된 내용임을 쓰세요.",
    ),
    # Against what the provider has
    "drift.text": Rule(
        "error",
        "the text is not the approved one (NHN -3010), from “{ours}” on, where that has “{theirs}”",
        "본문이 승인된 것과 다릅니다(NHN -3010): “{ours}” ↔ “{theirs}”",
    ),
    "drift.variables": Rule(
        "error",
        "its variables are not the approved ones: here alone {ours}, there alone {theirs}",
        "변수가 승인된 것과 다릅니다. 여기만: {ours} / 승인된 쪽만: {theirs}",
    ),
    "drift.buttons": Rule(
        "error", "its buttons are not the approved ones: {theirs}", "승인된 버튼과 다릅니다: {theirs}"
    ),
    "drift.part": Rule(
        "error",
        "{part} is not as approved: here {ours}, there {theirs}",
        "{part}: 승인된 것과 다릅니다. 여기 {ours}, 승인 {theirs}",
    ),
}
"""By id. An id is stable: people look it up, and programs branch by it."""
