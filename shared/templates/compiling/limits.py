"""What fits into an AlimTalk, in characters and pieces. Source: NHN Cloud, KakaoTalk Bizmessage, its guides."""

from __future__ import annotations

from collections.abc import Mapping

from shared.contracts.alimtalk import MessageType
from shared.contracts.channels import CHANNELS

LONGEST_TEXT = CHANNELS["alimtalk"].longest
"""Body, variables and extra words together."""

LONGEST_WITH_ITEMS = 700
CHANNEL_ADD_WORDS = 40
"""What Kakao writes below a text whose type has the button that adds the channel: "about 40"."""

LONGEST: Mapping[str, int] = {"title": 50, "subtitle": 50, "header": 16, "extra": 500}
LONGEST_ITEM_TITLE, LONGEST_ITEM = 6, 23
LONGEST_BUTTON_NAME = 14
MOST_BUTTONS = 5
MOST_REPLIES = 5
ITEMS = range(2, 11)

MOST_GROWTH = 14
"""Characters by which a value may be longer than its variable is written, for new customers (NHN -1028)."""

WITH_EXTRA: frozenset[MessageType] = frozenset({"EX", "MI"})
WITH_CHANNEL_ADD: frozenset[MessageType] = frozenset({"AD", "MI"})

CHANNEL_ADD = "채널 추가"
CALLS = ("전화 연결", "고객센터 연결", "상담원 연결")
REPLY_KINDS = ("WL", "AL", "BK", "MD", "BC", "BT")
