"""Words by which inspectors know advertising, which AlimTalk does not take (Network Act 50, KISA's guide).

What somebody bought, owes or asked for is information, though a discount stands in it: so the lists hold what offers,
invites or praises, and a word that may be either is a warning. Where a part of a template is advertising, all of it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from shared.law.advertising import MARK
from shared.templates.compiling.findings import Finding, Place, found
from shared.templates.compiling.texts import placed
from shared.templates.template import AlimTalkContent

_VARIABLE = re.compile(r"#\{[^{}]*\}")

_SAID: Mapping[str, tuple[str, ...]] = {
    "advert.discount": (
        r"\d+\s?%\s?(?:할인|세일|off|DC)",
        r"할인\s?(?:혜택|행사|판매|받|중|이벤트|가에|된 가격)",
        r"(?:특별|최대|추가|즉시)\s?할인",
        r"특가|세일|반값|1\s?\+\s?1|무료로 드|\bsale\b",
    ),
    "advert.coupon": (
        r"쿠폰\s?(?:을|이)?\s?(?:드|증정|지급|발급|받|선물|도착|혜택|함)",
        r"쿠폰.{0,12}(?:드립|드려|받으|증정)",
        r"(?:포인트|적립금|마일리지)\s?(?:을|를)?\s?(?:드립|드려|증정|받으|선물|더블|2배)",
        r"사은품|경품|증정|기프티콘",
    ),
    "advert.event": (
        r"이벤트\s?(?:에|를|을)?\s?(?:참여|진행|안내|소식|오픈|응모|중|당첨 기회)",
        r"프로모션|체험단|응모하|기획전|(?:참여|응모)하고",
        r"(?:오픈|주년|출시)\s?기념",
    ),
    "advert.buy": (
        r"구매\s?(?:하세요|하러|하시면|시\s|찬스|하기)|구입하세요",
        r"지금\s?(?:바로\s?)?(?:구매|주문|신청|가입|만나)",
        r"서두르\s?세요|놓치지\s?마세요|마감\s?임박|선착순|한정\s?(?:수량|판매)",
        r"업그레이드하세요|장바구니에 담긴",
    ),
    "advert.join": (
        r"가입을?\s?(?:진심으로\s?)?(?:축하|환영)",
        r"회원이 되신 것을|가족이 되신|welcome to",
    ),
    "advert.newsletter": (r"뉴스\s?레터|소식지|newsletter|매거진", r"(?:이번|새로운)\s?(?:주|달)?\s?소식"),
    "advert.product": (
        r"(?<![가-힣])신(?:상품|제품|메뉴)|(?:베스트|인기)\s?상품",
        r"추천\s?(?:상품|메뉴|드)",
        r"(?:새롭게|새로)\s?(?:출시|선보)",
        r"출시(?:되었|했)습니다",
    ),
    "advert.doubtful": (r"할인|쿠폰|이벤트|혜택|적립|추천|구매", r"무료\s?(?:체험|상담|제공)"),
    "advert.notice": (r"공지\s?사항|전체\s?공지|안내\s?말씀", r"새해|명절|추석|설날|크리스마스|감사의 인사"),
}
"""By rule, what its words are. Names of variables are no words."""

WORDS: Mapping[str, re.Pattern[str]] = {
    rule: re.compile("|".join(patterns), re.IGNORECASE) for rule, patterns in _SAID.items()
}

_UNLESS_SURER = ("advert.doubtful", "advert.notice")
"""Said only where nothing surer was found: one sentence for one thing."""


def of_adverts(words: AlimTalkContent) -> Iterator[Finding]:
    """What in it is advertising, or may be taken for it; of each rule the first place."""
    if any(text.lstrip().startswith(MARK) or "(광고)" in text for _, text in placed(words)):
        yield found("advert.mark", ("alimtalk", "text"))
    said: set[str] = set()
    for rule, pattern in WORDS.items():
        if rule in _UNLESS_SURER and said:
            continue
        for at, text in _seen(words):
            if hit := pattern.search(_VARIABLE.sub("□", text)):
                said.add(rule)
                yield found(rule, at, words=hit[0].strip())
                break


def _seen(words: AlimTalkContent) -> Iterator[tuple[Place, str]]:
    """What the customer reads: the texts, the names of buttons, and what is never filled."""
    yield from placed(words)
    for part in ("subtitle", "extra"):
        yield ("alimtalk", part), getattr(words, part) or ""
    for part in ("buttons", "quick_replies"):
        for number, button in enumerate(getattr(words, part)):
            yield ("alimtalk", part, number, "name"), button.name
